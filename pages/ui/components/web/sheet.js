// A sheet of thumbnails: cutting it into canvases, and moving over it with the arrow keys.

/** @import { Sheet } from "./types.d.ts" */

import { contextOf } from "./dom.js";

// Draws tile i of the sprite on canvas i.
/** @type {(sheet: Sheet, canvases: HTMLCanvasElement[]) => Promise<void>} */
export async function paintSheet({ layout, sprite }, canvases) {
  const picture = await createImageBitmap(new Blob([sprite], { type: layout.type }));
  canvases.forEach((canvas, i) => {
    const [x, y] = [(i % layout.columns) * layout.pitch_x, Math.floor(i / layout.columns) * layout.pitch_y];
    contextOf(canvas).drawImage(picture, x, y, layout.width, layout.height, 0, 0, layout.width, layout.height);
  });
  picture.close();
}

// The tile to which a key leads from tile `at` of `number`, `across` of them in a row; undefined for other keys.
/** @type {(key: string, at: number, across: number, number: number) => number | undefined} */
export function keyGoal(key, at, across, number) {
  /** @type {Record<string, number>} */
  const goals = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - across < 0 ? at : at - across,
    ArrowDown: at + across >= number ? at : at + across,
    Home: 0,
    End: number - 1,
  };
  return goals[key];
}
