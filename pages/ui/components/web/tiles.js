// Pictures of the review by row, cut from the sheets that are here.

/** @import { ReviewSheet } from "./types.d.ts" */

import { contextOf, element } from "./dom.js";

const CRISP_PX = 64; // pictures up to this side are enlarged by whole steps, their pixels kept square

/** @type {WeakMap<ReviewSheet, Promise<ImageBitmap>>} */
const pictures = new WeakMap(); // sheet -> its decoded picture
/** @type {WeakMap<ReviewSheet, Map<number, number>>} */
const indices = new WeakMap(); // sheet -> row -> tile

// The decoded picture of a sheet; asked for early, it is there when it is needed.
/** @type {(sheet: ReviewSheet) => Promise<ImageBitmap>} */
export function pictureOf(sheet) {
  const before = pictures.get(sheet);
  if (before) return before;
  const picture = createImageBitmap(new Blob([sheet.sprite], { type: sheet.layout.type }));
  pictures.set(sheet, picture);
  return picture;
}

/** @type {(sheet: ReviewSheet, row: number) => number | undefined} */
function tileOf(sheet, row) {
  let index = indices.get(sheet);
  if (!index) indices.set(sheet, index = new Map(sheet.rows.map((one, i) => [one, i])));
  return index.get(row);
}

// The picture of a row, from the first sheet that has it, about `side` pixels wide and high.
/** @type {(row: number, sheets: ReviewSheet[], side: number, title: string) => HTMLElement} */
export function canvasOf(row, sheets, side, title) {
  const sheet = sheets.find((one) => tileOf(one, row) !== undefined);
  const tile = sheet && tileOf(sheet, row);
  if (!sheet || tile === undefined) return element("span", { class: "none" });
  const { width, height, pitch_x, pitch_y, columns } = sheet.layout;
  const canvas = element("canvas", { width, height, role: "img", "aria-label": title });
  const longer = Math.max(width, height);
  const scale = longer <= CRISP_PX ? Math.max(1, Math.floor(side / longer)) : side / longer;
  canvas.style.width = `${Math.round(width * scale)}px`;
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.classList.toggle("crisp", longer <= CRISP_PX);
  pictureOf(sheet).then((picture) => {
    const [x, y] = [(tile % columns) * pitch_x, Math.floor(tile / columns) * pitch_y];
    contextOf(canvas).drawImage(picture, x, y, width, height, 0, 0, width, height);
  });
  return canvas;
}
