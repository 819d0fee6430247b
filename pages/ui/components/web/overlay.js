// Above the points, on a 2D canvas: names of categories, the lasso, and what the pointer is on. `view` is the state of map.js.

/** @import { Camera, View } from "./types.d.ts" */

import { fitted } from "./dom.js";
import { placeIn } from "./places.js";

/** @type {(canvas: HTMLCanvasElement, camera: Camera, view: View) => () => void} */
export function createOverlay(canvas, camera, view) {
  function names(context) {
    context.font = `600 11.5px ${view.colors.font}`;
    context.textAlign = "center";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = view.colors.background;
    context.fillStyle = view.colors.text;
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
