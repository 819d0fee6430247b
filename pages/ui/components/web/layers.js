// What the map hands to the GPU, and when: places, codes of the column that colors, flags and kinds. `view` is the state of
// map.js.

/** @import { Points, View } from "./types.d.ts" */

import { inOrder, twice } from "./shapes.js";

/** @type {(points: Points, view: View, flags: Uint8Array) => void} */
export function sendPlaces(points, { data, order }, flags) {
  points.set("points", { position: inOrder(data.xy, order, 2), code: new Uint8Array(flags.length), kind: flags });
}

/** @type {(points: Points, view: View, flags: Uint8Array) => void} */
export function sendFlags(points, { order }, flags) {
  points.set("points", { kind: inOrder(flags, order) });
}

/** @type {(points: Points, view: View) => void} */
export function sendCodes(points, { column, data, order, copies }) {
  if (!column) return;
  const { codes } = column;
  points.set("points", { code: inOrder(codes, order) });
  if (data.ringed.length) points.set("rings", { code: inOrder(codes, data.ringed) });
  if (!copies) return;
  const code = inOrder(codes, copies.owners);
  points.set("copies", { code });
  points.set("lines", { code: twice(code) });
}

/** @type {(points: Points, view: View) => void} */
export function sendRings(points, { column, data }) {
  const { ringed, xy } = data;
  const code = inOrder(column?.codes ?? new Uint8Array(xy.length / 2), ringed);
  points.set("rings", { position: inOrder(xy, ringed, 2), code, kind: new Uint8Array(ringed.length) });
}

/** @type {(points: Points, view: View) => void} */
export function sendCopies(points, { column, copies, data }) {
  if (!copies) return;
  const { owners, kinds, xy, ends } = copies;
  const code = inOrder(column?.codes ?? new Uint8Array(data.xy.length / 2), owners);
  points.set("copies", { position: xy, code, kind: kinds });
  points.set("lines", { position: ends, code: twice(code), kind: twice(kinds) });
}
