// What the modules hand to each other; for the type check, not served.

export type Bytes = Uint8Array<ArrayBuffer>;
export type Codes = Uint8Array | Uint16Array;
export type Numbers = Codes | Uint32Array | Float32Array;
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

// A component that is drawn; it is updated as soon as it is made, before anything else happens to it.
export interface Instance<Parameters = Message, Columns = Message, More = Message> {
  update(parameters: Parameters, columns: Columns, more: Record<string, More>): void;
  destroy(): void;
}

export type Create<Parameters = Message, Columns = Message, More = Message> = (
  root: HTMLElement,
  send: Send,
) => Instance<Parameters, Columns, More>;

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

// Thumbnails in one picture.
export interface Sheet {
  layout: Layout;
  sprite: Bytes;
}

// ---- The stage of a presentation ------------------------------------------------------------------------------------

export interface StageParameters extends Message {
  at: number; // the step that Python draws
}

export interface StageColumns extends Message {
  steps: string[]; // their titles
}

// ---- The band ------------------------------------------------------------------------------------------------------

// The part of a family from which images are taken, as shares of its candidates, hardest first.
export interface Band {
  offset: number;
  floor: number | null; // null: it ends where the quota is full
}

export interface BandParameters extends Band {
  quota: number;
  total: number; // candidates of the family
  reset_offset: number;
  locked: boolean;
}

export interface BandColumns extends Sheet {
  family: string;
  families: string[];
  class_count: number;
  /** Title of the score where it is not entropy. */
  score: string;
  counts: Uint32Array; // the histogram of each family, one after the other
  curve: Float32Array; // see curve.js
  preview_ranks: Uint32Array; // how many candidates are harder than each preview
}

// ---- The gallery and the matrix ------------------------------------------------------------------------------------

export interface GalleryParameters {
  ids: number[];
  titles: string[];
  notes: string[] | null;
  names: string[] | null;
  shares: number[] | null; // entropy, of its maximum
  families: string[] | null;
  states: string[] | null;
  digits: string[]; // names of the classes that a digit relabels to
  grid_columns: number; // 0: as many as fit
  group: number;
  editable: boolean;
  selected: number | null;
  seen: number; // the latest decision that Python knows
}

export interface GalleryColumns extends Sheet {
  number: number;
}

export type GalleryAction = "include" | "exclude" | "relabel" | "clear";

export interface MatrixParameters {
  ids: number[];
  row_names: string[];
  column_names: string[];
  shares: number[];
  wrong: number[]; // 0 or 1
  captions: string[];
  selected: number | null;
}

// ---- The review ----------------------------------------------------------------------------------------------------

export interface Suspect {
  id: number;
  row: number; // of its picture
  given: number;
  looks: number; // the class that it looks like
  sure: number;
  opinion: [number, number][]; // class, probability
  scores: [string, number, number][]; // value in words, share of the most suspicious one's, place
  near: [number, number][]; // row, label
}

export interface ReviewSheet extends Sheet {
  rows: number[]; // of the pictures, in their order
  typical: Record<number, number[]>; // rows of typical samples by class
}

// What all suspects share.
export interface ReviewColumns extends ReviewSheet {
  classes: string[];
  scores: [string, string][]; // title and explanation
  total: number;
}

export interface ReviewBlock extends ReviewSheet {
  items: Suspect[];
}

export interface ReviewParameters {
  numbers: Record<string, number>; // name of a block -> its number
  block: number; // suspects in one
  queue: string;
  total: number;
  at: number;
  jump: number;
  states: Record<number, ReviewState>;
  skip: boolean;
  large: string; // where larger pictures are, "" for nowhere
  seen: number; // the latest decision that Python knows
}

// What was decided of a suspect: "" is open, a number is its new class.
export type ReviewState = "" | "confirmed" | "dropped" | number;

export interface Decision {
  id: number;
  action: "confirm" | "drop" | "open" | "relabel";
  label?: number;
}

// ---- The map -------------------------------------------------------------------------------------------------------

// A bit a point, the lowest of each byte first.
export interface Flags {
  bits: Uint8Array;
}

export interface MapParameters {
  menu: [string, string][]; // names and titles of columns
  color: string;
  hover: string[];
  thumbnails: string;
  copy_thumbnails: string;
  marked_title: string;
  inside: number; // points in the lasso, as Python counts them
  height_px: number;
  polygon: Float32Array; // x, y, x, y …
  more: Record<string, string>;
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

export interface Uniforms {
  float?: Record<string, number>;
  int?: Record<string, number>;
  colors?: Record<string, Float32List>; // red, green and blue of each
}

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

// What the tip tells of.
export interface Subject {
  key: string;
  heading: string;
  lines: [string, string][]; // title and value
  pictures: Picture[];
}

export interface Picture {
  address: string; // "" for none
  index: number;
  title: string;
}

// What the legend shows.
export interface LegendState {
  menu: [string, string][];
  color: string; // the name of the column that is asked for
  column: Column | null; // the one that is drawn
  colors: MapColors;
  only: View["only"];
  chosen: Uint32Array | null; // of each code, how many are selected
  byRank: boolean;
  besides: Beside[];
}

// What is drawn besides the points.
export interface Beside {
  name: "marked" | "lines" | number; // a number is a kind of copies
  shape: number | null; // see points.js; null is a line
  color: string;
  words: string;
  figure: string;
  shown: boolean;
}

// What the user asks of the map: by hand, and in the legend.
export interface Gestures {
  point(px: number, py: number): void;
  leave(): void;
  click(px: number, py: number): void;
  draw(path: Pair[] | null): void;
  drawn(path: Pair[]): void;
  clear(): void;
}

export interface Asks {
  color(name: string): void;
  only(code: View["only"]): void;
  rank(whether: boolean): void;
  toggle(name: Beside["name"]): void;
}

// The map's state, which its parts share.
export interface View {
  data: Places;
  order: Uint32Array; // in which points are drawn
  copies: CopiesOnMap | null;
  marked: Flags | null;
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
