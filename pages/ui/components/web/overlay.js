// Above the points, on a 2D canvas: names of categories, the lasso, and what the pointer is on. `view` is the state of map.js.

/** @import { Camera, Column, Hit, Places, View } from "./types.d.ts" */

import { fitted } from "./dom.js";
import { placeIn } from "./places.js";
import { busiest } from "./shapes.js";

const MOST_NAMES = 40; // of more categories than that, the map names the largest few
const FEW_NAMES = 12;

// The names of a column's categories, and where each stands.
/** @type {(column: Column, places: Places) => View["anchors"]} */
export function anchorsOf(column, { xy, box: { extent } }) {
  const named = column.kind === "category" ? column.bySize.filter((code) => code !== column.wordless) : [];
  const some = named.slice(0, named.length > MOST_NAMES ? FEW_NAMES : MOST_NAMES);
  return busiest(xy, column.codes, some).map(({ code, share: [x, y] }) => ({
    code,
    words: column.text(code),
    share: [x * extent[0], y * extent[1]],
  }));
}

/** @type {(canvas: HTMLCanvasElement, camera: Camera, view: View) => () => void} */
export function createOverlay(canvas, camera, view) {
  /** @type {(context: CanvasRenderingContext2D) => void} */
  function names(context) {
    context.font = `600 11.5px ${view.colors.font}`;
    context.textAlign = "center";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = view.colors.background;
    context.fillStyle = view.colors.text;
    /** @type {{ x: number, y: number, half: number }[]} */
    const taken = [];
    for (const { code, words, share } of view.anchors) {
      if (view.only !== null && code !== view.only) continue;
      const [x, y] = camera.toScreen(share);
      const half = context.measureText(words).width / 2 + 2;
      if (taken.some((name) => Math.abs(name.x - x) < name.half + half && Math.abs(name.y - y) < 14)) continue;
      taken.push({ x, y, half });
      context.strokeText(words, x, y);
      context.fillText(words, x, y);
    }
  }

  /** @type {(context: CanvasRenderingContext2D) => void} */
  function lasso(context) {
    const outline = view.path ?? view.polygon.map((corner) => camera.toScreen(view.data.fromData(corner)));
    context.beginPath();
    outline.forEach((corner) => context.lineTo(...corner));
    context.closePath();
    context.fillStyle = context.strokeStyle = view.colors.accent;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.08;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }

  // A point or a copy, the copies that belong to it, and the lines between.
  /** @type {(context: CanvasRenderingContext2D, hit: Hit, width: number) => void} */
  function outline(context, { point, copy }, width) {
    const { copies, hidden, colors } = view;
    const from = camera.toScreen(placeIn(view.data, point));
    const ends = [from];
    if (copies && copy >= 0) ends.push(camera.toScreen(placeIn(copies, copy)));
    for (const j of copies ? copies.of(point) : []) {
      if (!copies || (hidden.kinds >> copies.kinds[j]) & 1) continue;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...camera.toScreen(placeIn(copies, j)));
      context.strokeStyle = copies.colors[copies.kinds[j]];
      context.lineWidth = j === copy ? 2.5 : 1.5;
      context.stroke();
    }
    context.strokeStyle = colors.text;
    context.lineWidth = width;
    const radius = view.pointSize() / 2 + 4.5;
    for (const place of ends) {
      context.beginPath();
      context.arc(...place, radius, 0, 7);
      context.stroke();
    }
  }

  return () => {
    const context = fitted(canvas, camera.width, camera.height);
    names(context);
    lasso(context);
    if (view.picked) outline(context, view.picked, 2.5);
    if (view.hovered) outline(context, view.hovered, 1.5);
  };
}
