// What the modules hand to each other; for the type check, not served.

export type Bytes = Uint8Array<ArrayBuffer>;
export type Codes = Uint8Array | Uint16Array;
export type Pair = [number, number]; // x and y
export type Rgba = number[]; // 0…255

// What Streamlit hands to a component.
export interface StreamlitComponent {
  parentElement: HTMLElement;
  data: Bytes;
  setStateValue(name: string, value: unknown): void;
  setTriggerValue(name: string, value: unknown): void;
}

// A message from Python: a JSON header and its arrays.
// deno-lint-ignore no-explicit-any
export type Message = Record<string, any>;

export interface Send {
  state(name: string, value: unknown): void;
  trigger(name: string, value: unknown): void;
}

// A component that is drawn.
export interface Instance {
  update(parameters: Message, columns: Message, more: Record<string, Message>): void;
  destroy(): void;
}

export type Create = (root: HTMLElement, send: Send) => Instance;

// A component on the page: its latest message, and once it is drawn what is there of it.
export interface Mounted {
  create: Create;
  component: StreamlitComponent;
  parameters: Message;
  css: string;
  instance: Instance | null;
  nodes: Element[];
}

export interface Theme {
  background: string;
  dark: boolean;
  accent: string;
  text: string;
  border: string;
  warning: string;
  font: string;
}

// Places of thumbnails on a sheet, in pixels.
export interface Layout {
  width: number;
  height: number;
  pitch_x: number;
  pitch_y: number;
  columns: number;
  type: string;
}

// Points sorted into square cells: those of cell c are order[starts[c]] … order[starts[c + 1] − 1].
export interface Grid {
  starts: Uint32Array;
  order: Uint32Array;
}

// Where quantized places lie, in unit coordinates.
export interface Box {
  origin: Pair;
  extent: Pair;
}

// A column as the map reads it.
export interface Column {
  name: string;
  title: string;
  kind: "category" | "number" | "flag";
  missing: string;
  codes: Codes;
  counts: Uint32Array;
  knots: ArrayLike<number>;
  wordless: number; // the code of a point without a value
  present: number[];
  bySize: number[];
  gray: Set<number>;
  value(code: number): number;
  text(code: number): string;
  format(figure: number): string;
}

export interface MapColors extends Theme {
  quiet: string;
  inkUnit: number[];
  groundUnit: number[];
}

export interface Camera {
  x: number;
  y: number;
  scale: number;
  width: number;
  height: number;
  whole: boolean; // everything is shown
  toScreen(place: Pair): Pair;
  fromScreen(px: number, py: number): Pair;
  resize(width: number, height: number): void;
  frame(sides: number[]): void;
  fit(): void;
  glide(): void;
  pan(dx: number, dy: number): void;
  zoomAt(px: number, py: number, factor: number): void;
  stop(): void;
}

// What of a layer is new.
export interface Layer {
  position?: Uint16Array | Float32Array;
  code?: Codes;
  kind?: Uint8Array;
}

// deno-lint-ignore no-explicit-any
export type Uniforms = Record<string, Record<string, any>>;

export interface Drawing {
  name: string;
  program: string;
  primitive?: "POINTS" | "LINES";
  box: Box;
  first?: number;
  number: number;
  layered?: boolean;
  uniforms: Uniforms;
}

export interface Points {
  set(name: string, layer: Layer): void;
  setColors(painted: Bytes): void;
  draw(camera: Camera, layers: Drawing[]): void;
  prepare(camera: Camera, layers: Drawing[], anew: boolean): void;
  present(camera: Camera, layers: Drawing[]): void;
  mark(): () => boolean;
  destroy(): void;
}

export interface Scene {
  look(drawn?: number): { size: number; solid: number };
  redraw: () => void;
  redrawOver: () => void;
  moved(): void;
  stop(): void;
}

// The map's points.
export interface Places {
  cargo: Message;
  xy: Uint16Array; // 0…65535 along the sides of the box
  unit: number; // the longer side of the box in data coordinates
  box: Box;
  ids: Uint32Array | null;
  grid: Grid;
  crowding: number; // points beside the average point, by unit of area
  ringed: Uint32Array; // the marked points
  toData(place: Pair): Pair;
  fromData(place: Pair): Pair;
  quantized(place: Pair): Pair;
}

export interface CopiesOnMap {
  xy: Uint16Array;
  owners: Uint32Array;
  kinds: Uint8Array;
  names: string[];
  said: string[];
  box: Box;
  cargo: Message;
  ends: Float32Array; // x and y of the owner, x and y of the copy
  of(owner: number): number[];
  counts: number[];
  colors: string[];
  tints: number[][];
}

// A point, or a copy of it; copy −1 is the point itself.
export interface Hit {
  point: number;
  copy: number;
}

// The map's state, which its parts share.
export interface View {
  data: Places;
  order: Uint32Array; // in which points are drawn
  copies: CopiesOnMap | null;
  marked: Message | null;
  column: Column | null; // what colors the points
  colors: MapColors;
  hidden: { marked: boolean; lines: boolean; kinds: number };
  anchors: { code: number; words: string; share: Pair }[]; // names of categories and where they stand
  only: number | string | null; // the one category shown
  polygon: Pair[]; // in data coordinates
  path: Pair[] | null; // a lasso being drawn, in pixels
  hovered: Hit | null;
  picked: Hit | null;
  front(): number;
  pointSize(): number;
}
