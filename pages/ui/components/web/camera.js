// Where the map looks. Unit coordinates: the longer side of the points' box is 1; pixels count from the stage's corner.

/** @import { Camera } from "./types.d.ts" */

import { clamp } from "./numbers.js";

/** @type {(moved: () => void) => Camera} */
export function createCamera(moved) {
  let box = [0, 0, 1, 1]; // left, bottom, right, top: what "show all" shows
  let gliding = 0;
  const fitScale = () => 0.94 * Math.min(camera.width / (box[2] - box[0]), camera.height / (box[3] - box[1]));
  const stop = () => cancelAnimationFrame(gliding);

  /** @type {Camera} */
  const camera = {
    x: 0.5,
    y: 0.5,
    scale: 1,
    width: 1,
    height: 1,
    whole: true,
    toScreen: ([u, v]) => [
      camera.width / 2 + (u - camera.x) * camera.scale,
      camera.height / 2 - (v - camera.y) * camera.scale,
    ],
    fromScreen: (px, py) => [
      camera.x + (px - camera.width / 2) / camera.scale,
      camera.y - (py - camera.height / 2) / camera.scale,
    ],
    resize(width, height) {
      Object.assign(camera, { width, height });
      if (camera.whole) camera.fit();
    },
    frame(sides) {
      box = sides;
      camera.fit();
    },
    fit() {
      stop();
      Object.assign(camera, { whole: true, x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2, scale: fitScale() });
    },
    glide() {
      const [from, start] = [{ ...camera }, performance.now()];
      camera.fit();
      const goal = { ...camera };
      /** @type {(now: number) => void} */
      const step = (now) => {
        const eased = 1 - (1 - clamp((now - start) / 180, 0, 1)) ** 3;
        for (const name of /** @type {const} */ (["x", "y", "scale"])) {
          camera[name] = from[name] + (goal[name] - from[name]) * eased;
        }
        moved();
        if (eased < 1) gliding = requestAnimationFrame(step);
      };
      step(start);
    },
    pan(dx, dy) {
      stop();
      Object.assign(camera, { whole: false, x: camera.x - dx / camera.scale, y: camera.y + dy / camera.scale });
      moved();
    },
    zoomAt(px, py, factor) {
      stop();
      const [u, v] = camera.fromScreen(px, py);
      const scale = clamp(camera.scale * factor, fitScale() * 0.5, fitScale() * 400);
      const [x, y] = [u - (px - camera.width / 2) / scale, v + (py - camera.height / 2) / scale];
      Object.assign(camera, { whole: false, scale, x, y });
      moved();
    },
    stop,
  };
  return camera;
}
