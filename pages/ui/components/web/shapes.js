// What the map computes on places: an index for hovering, lassos, and where a class is densest. Places are quantized,
// x and y in 0..65535, interleaved.

/** @import { Codes, Grid, Numbers, Pair } from "./types.d.ts" */

import { clamp } from "./numbers.js";

export const CELLS = 256;
const CELL_STEPS = 256;
const CORNERS = 128;

// Douglas–Peucker, with a tolerance that grows until few enough corners are left.
/** @type {(path: Pair[]) => Pair[]} */
export function simplified(path) {
  for (let tolerance = 0.75;; tolerance *= 1.5) {
    const keep = new Uint8Array(path.length);
    keep[0] = keep[path.length - 1] = 1;
    const spans = [[0, path.length - 1]];
    for (let span = spans.pop(); span; span = spans.pop()) {
      const [first, last] = span;
      const [ax, ay] = path[first];
      const [dx, dy] = [path[last][0] - ax, path[last][1] - ay];
      const length = Math.hypot(dx, dy);
      let [worst, at] = [tolerance, -1];
      for (let i = first + 1; i < last; i += 1) {
        const [px, py] = [path[i][0] - ax, path[i][1] - ay];
        const distance = length ? Math.abs(px * dy - py * dx) / length : Math.hypot(px, py);
        if (distance > worst) [worst, at] = [distance, i];
      }
      if (at >= 0) {
        keep[at] = 1;
        spans.push([first, at], [at, last]);
      }
    }
    const kept = path.filter((_, i) => keep[i]);
    if (kept.length <= CORNERS) return kept;
  }
}

// Counting sort of the points into square cells.
/** @type {(xy: Uint16Array) => Grid} */
export function buildGrid(xy) {
  const number = xy.length / 2;
  /** @type {(i: number) => number} */
  const cell = (i) => (xy[2 * i + 1] >> 8) * CELLS + (xy[2 * i] >> 8);
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < number; i += 1) starts[cell(i) + 1] += 1;
  for (let i = 0; i < CELLS * CELLS; i += 1) starts[i + 1] += starts[i];
  const order = new Uint32Array(number);
  const next = starts.slice();
  for (let i = 0; i < number; i += 1) {
    order[next[cell(i)]] = i;
    next[cell(i)] += 1;
  }
  return { starts, order };
}

// The accepted point nearest to (x, y) within an ellipse, or -1.
/** @type {(grid: Grid, xy: Uint16Array, x: number, y: number, reachX: number, reachY: number, accepts: (i: number) => boolean) => number} */
export function nearest({ starts, order }, xy, x, y, reachX, reachY, accepts) {
  /** @type {(value: number) => number} */
  const cell = (value) => clamp(value >> 8, 0, CELLS - 1);
  let [best, found] = [1, -1];
  for (let row = cell(y - reachY); row <= cell(y + reachY); row += 1) {
    for (let column = cell(x - reachX); column <= cell(x + reachX); column += 1) {
      const at = row * CELLS + column;
      for (let k = starts[at]; k < starts[at + 1]; k += 1) {
        const i = order[k];
        const distance = ((xy[2 * i] - x) / reachX) ** 2 + ((xy[2 * i + 1] - y) / reachY) ** 2;
        if (distance < best && accepts(i)) [best, found] = [distance, i];
      }
    }
  }
  return found;
}

// The accepted line whose second end is nearest to (x, y) within reach, or -1; `ends` holds x, y, x, y of each line.
/** @type {(ends: Float32Array, place: Pair, reach: number, accepts: (j: number) => boolean) => number} */
export function nearestEnd(ends, [x, y], reach, accepts) {
  let [best, found] = [reach, -1];
  for (let j = 0; 4 * j < ends.length; j += 1) {
    const distance = Math.hypot(ends[4 * j + 2] - x, ends[4 * j + 3] - y);
    if (distance < best && accepts(j)) [best, found] = [distance, j];
  }
  return found;
}

// How many points share a cell with the average point: what crowds are like, not empty ground.
/** @type {(grid: Grid) => number} */
export function crowd({ starts }) {
  let [squares, all] = [0, starts[CELLS * CELLS]];
  for (let at = 0; at < CELLS * CELLS; at += 1) squares += (starts[at + 1] - starts[at]) ** 2;
  return all ? squares / all : 0;
}

// Sets one bit of the flags of the points inside, by the even-odd rule. Only in cells that an edge crosses is each point
// looked at; elsewhere all share the fate of the cell's middle.
/** @type {(flags: Uint8Array, bit: number, grid: Grid, xy: Uint16Array, corners: Pair[]) => void} */
export function markInside(flags, bit, { starts, order }, xy, corners) {
  for (let i = 0; i < flags.length; i += 1) flags[i] &= ~bit;
  if (corners.length < 3) return;
  const edges = corners.map(([x, y], i) => [x, y, ...corners[(i + 1) % corners.length]]);
  /** @type {(value: number) => number} */
  const cell = (value) => clamp(Math.floor(value / CELL_STEPS), 0, CELLS - 1);
  const crossed = new Uint8Array(CELLS * CELLS);
  for (const [x1, y1, x2, y2] of edges) {
    const [low, high] = [Math.min(y1, y2), Math.max(y1, y2)];
    /** @type {(y: number) => number} */
    const at = (y) => (high > low ? x1 + ((clamp(y, low, high) - y1) / (y2 - y1)) * (x2 - x1) : x1);
    for (let row = cell(low); row <= cell(high); row += 1) {
      const [a, b] = high > low ? [at(row * CELL_STEPS - 1), at((row + 1) * CELL_STEPS + 1)] : [x1, x2];
      crossed.fill(1, row * CELLS + cell(Math.min(a, b) - 1), row * CELLS + cell(Math.max(a, b) + 1) + 1);
    }
  }
  const ys = corners.map((corner) => corner[1]);
  for (let row = cell(Math.min(...ys)); row <= cell(Math.max(...ys)); row += 1) {
    const near = edges.filter(([, y1, , y2]) =>
      Math.min(y1, y2) < (row + 1) * CELL_STEPS && Math.max(y1, y2) >= row * CELL_STEPS
    );
    /** @type {(x: number, y: number) => boolean} */
    const inside = (x, y) =>
      near.reduce(
        (odd, [x1, y1, x2, y2]) => odd !== (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1),
        false,
      );
    for (let column = 0; column < CELLS; column += 1) {
      const at = row * CELLS + column;
      if (starts[at] === starts[at + 1]) continue;
      if (!crossed[at] && !inside((column + 0.5) * CELL_STEPS, (row + 0.5) * CELL_STEPS)) continue;
      for (let k = starts[at]; k < starts[at + 1]; k += 1) {
        const i = order[k];
        if (!crossed[at] || inside(xy[2 * i], xy[2 * i + 1])) flags[i] |= bit;
      }
    }
  }
}

// 0…number − 1 in an order drawn once and for all, so that every beginning is a fair sample of the whole.
/** @type {(number: number) => Uint32Array} */
export function shuffled(number) {
  const out = new Uint32Array(number);
  let state = 0x9e3779b9;
  for (let i = 0; i < number; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const other = (state >>> 0) % (i + 1);
    out[i] = out[other];
    out[other] = i;
  }
  return out;
}

// The entries of an array, `width` values each, 1 or 2, in another order.
/**
 * @template {Numbers} Some
 * @param {Some} array
 * @param {Uint32Array} order
 * @param {1 | 2} width
 * @returns {Some}
 */
export function inOrder(array, order, width = 1) {
  const out = like(array, order.length * width);
  if (width === 1) { for (let i = 0; i < order.length; i += 1) out[i] = array[order[i]]; }
  else {for (let i = 0; i < order.length; i += 1) {
      [out[2 * i], out[2 * i + 1]] = [array[2 * order[i]], array[2 * order[i] + 1]];
    }}
  return out;
}

// The corners of a polygon that arrived as x, y, x, y …
/** @type {(flat: ArrayLike<number>) => Pair[]} */
export const cornersOf = (flat) =>
  Array.from({ length: flat.length / 2 }, (_, i) => /** @type {Pair} */ ([flat[2 * i], flat[2 * i + 1]]));

// Whether two polygons have the same corners, up to a distance.
/** @type {(some: Pair[], others: Pair[], distance: number) => boolean} */
export const sameCorners = (some, others, distance) =>
  some.length === others.length &&
  some.every(([x, y], i) => Math.hypot(x - others[i][0], y - others[i][1]) < distance);

// Each entry two times, for the two ends of a line.
/**
 * @template {Numbers} Some
 * @param {Some} array
 * @returns {Some}
 */
export function twice(array) {
  const out = like(array, 2 * array.length);
  for (let i = 0; i < out.length; i += 1) out[i] = array[i >> 1];
  return out;
}

/**
 * @template {Numbers} Some
 * @param {Some} array
 * @param {number} length
 * @returns {Some}
 */
function like(array, length) {
  return new /** @type {{ new (length: number): Some }} */ (array.constructor)(length);
}

// The center of the busiest cell of each of some codes, as shares of the extent: a mean would fall between two groups.
/** @type {(xy: Uint16Array, codes: Codes, kinds: number[]) => { code: number, share: Pair }[]} */
export function busiest(xy, codes, kinds) {
  const side = 24;
  const rank = new Map(kinds.map((code, i) => [code, i]));
  const ranks = Int32Array.from({ length: Math.max(-1, ...kinds) + 1 }, (_, code) => rank.get(code) ?? -1);
  const busy = new Uint32Array(kinds.length * side * side);
  for (let i = 0; i < codes.length; i += 1) {
    const own = ranks[codes[i]] ?? -1;
    if (own < 0) continue;
    const [column, row] = [(xy[2 * i] * side) >> 16, (xy[2 * i + 1] * side) >> 16];
    busy[(own * side + row) * side + column] += 1;
  }
  return kinds.map((code, own) => {
    const cells = busy.subarray(own * side * side, (own + 1) * side * side);
    let at = 0;
    cells.forEach((number, i) => (at = number > cells[at] ? i : at));
    return { code, share: [((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side] };
  });
}
