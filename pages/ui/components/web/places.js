// Where the map's points and copies are. Places arrive quantized, 0…65535 along each side of their box; the map draws in
// unit coordinates, in which the longer side of the points' box is 1; Python hears of data coordinates.

/** @import { CopiesOnMap, Message, Pair, Places } from "./types.d.ts" */

import { buildGrid, CELLS, crowd } from "./shapes.js";

const MOST = 65535;

// The place of entry i in unit coordinates.
/** @type {(places: Pick<Places, "xy" | "box">, i: number) => Pair} */
export const placeIn = ({ xy, box: { origin, extent } }, i) => [
  origin[0] + (xy[2 * i] / MOST) * extent[0],
  origin[1] + (xy[2 * i + 1] / MOST) * extent[1],
];

// The points' places as they arrived, with an index for hovering.
/** @type {(cargo: Message) => Places} */
export function readPlaces(cargo) {
  const { xy, low, span, id_steps: steps } = cargo;
  const unit = Math.max(...span);
  /** @type {Pair} */
  const extent = [span[0] / unit, span[1] / unit];
  const ids = steps?.slice() ?? null;
  for (let i = 1; ids && i < ids.length; i += 1) ids[i] += ids[i - 1];
  const grid = buildGrid(xy);
  return {
    cargo,
    xy,
    unit,
    box: { origin: [0, 0], extent },
    ids,
    grid,
    crowding: (crowd(grid) * CELLS * CELLS) / (extent[0] * extent[1]),
    ringed: new Uint32Array(0),
    toData: ([u, v]) => [low[0] + u * unit, low[1] + v * unit],
    fromData: ([x, y]) => [(x - low[0]) / unit, (y - low[1]) / unit],
    quantized: ([u, v]) => [(u / extent[0]) * MOST, (v / extent[1]) * MOST],
  };
}

// Copies as they arrived, each with the line from its owner; their colors come with the theme.
/** @type {(cargo: Message, places: Places) => CopiesOnMap} */
export function readCopies(cargo, places) {
  const { xy, low, span, owners, kinds, names, said } = cargo;
  /** @type {Pair} */
  const extent = [span[0] / places.unit, span[1] / places.unit];
  const box = { origin: places.fromData(low), extent };
  /** @type {Map<number, number[]>} */
  const byOwner = new Map();
  const ends = new Float32Array(4 * owners.length);
  const counts = names.map(() => 0);
  for (let j = 0; j < owners.length; j += 1) {
    const before = byOwner.get(owners[j]);
    if (before) before.push(j);
    else byOwner.set(owners[j], [j]);
    ends.set([...placeIn(places, owners[j]), ...placeIn({ xy, box }, j)], 4 * j);
    counts[kinds[j]] += 1;
  }
  /** @type {CopiesOnMap["of"]} */
  const of = (owner) => byOwner.get(owner) ?? [];
  return { cargo, xy, owners, kinds, names, said, box, ends, of, counts, colors: [], tints: [] };
}

// Left, bottom, right and top of the points and their copies, at least the points' box.
/** @type {(places: Places, copies: CopiesOnMap | null) => number[]} */
export function sidesOf({ box }, copies) {
  const [right, top] = box.extent;
  const { origin: [x, y], extent: [width, height] } = copies?.box ?? box;
  return [Math.min(0, x), Math.min(0, y), Math.max(right, x + width), Math.max(top, y + height)];
}
