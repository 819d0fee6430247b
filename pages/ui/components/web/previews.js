// What the band would take: thumbnails of candidates from its upper edge downward.

/** @import { BandColumns } from "./types.d.ts" */

import { fitted } from "./dom.js";
import { ordinal } from "./numbers.js";

export const PREVIEWS = 24;
const GAP_PX = 3;

// The previews to show: the first at or below the upper edge, and those that follow it downward. `from` is the number of
// harder candidates.
/** @type {(ranks: Uint32Array, from: number) => number[]} */
export function following(ranks, from) {
  let first = 0;
  while (first < ranks.length - 1 && ranks[first] < from) first += 1;
  return Array.from({ length: Math.min(PREVIEWS, ranks.length - first) }, (_, i) => first + i);
}

// `decoded` is called when pictures have arrived. `draw` shows those between two ranks, and says how many of them lie
// within and below the band, and which candidates they are.
/** @type {(canvas: HTMLCanvasElement, decoded: () => void) => { take(columns: BandColumns): Promise<void>, draw(width: number, total: number, from: number, to: number): { within: number, below: number, words: string } }} */
export function createPreviews(canvas, decoded) {
  /** @type {BandColumns} */
  let columns;
  /** @type {ImageBitmap | null} */
  let picture = null;

  return {
    async take(fresh) {
      columns = fresh;
      picture = null;
      const bitmap = await createImageBitmap(new Blob([fresh.sprite], { type: fresh.layout.type }));
      if (fresh !== columns) return bitmap.close();
      picture = bitmap;
      decoded();
    },
    draw(width, total, from, to) {
      const { layout, preview_ranks: ranks } = columns;
      const perRow = width < 360 ? 6 : width < 640 ? 8 : width < 900 ? 12 : PREVIEWS;
      const side = (width - GAP_PX * (perRow - 1)) / perRow;
      const height = Math.ceil(PREVIEWS / perRow) * (side + GAP_PX);
      canvas.style.height = `${height}px`;
      const context = fitted(canvas, width, height);
      context.imageSmoothingEnabled = layout.width > 48;
      const shown = following(ranks, from);
      shown.forEach((i, k) => {
        context.globalAlpha = ranks[i] <= to ? 1 : 0.18;
        const [x, y] = [(i % layout.columns) * layout.pitch_x, Math.floor(i / layout.columns) * layout.pitch_y];
        const [left, top] = [(k % perRow) * (side + GAP_PX), Math.floor(k / perRow) * (side + GAP_PX)];
        if (picture) context.drawImage(picture, x, y, layout.width, layout.height, left, top, side, side);
      });
      context.globalAlpha = 1;
      const within = shown.filter((i) => ranks[i] <= to).length;
      const every = Math.max(1, Math.round(total / Math.max(1, ranks.length)));
      const words = every === 1 ? "every candidate" : `every ${ordinal(every)} candidate`;
      return { within, below: shown.length - within, words };
    },
  };
}
