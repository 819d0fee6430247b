// What the map draws on the GPU and when: a fair sample of the points at once, and while nothing moves the rest, a part a
// frame, so that a million points hold up neither a hand nor a hover. `view` is the state of map.js.

/** @import { Box, Camera, Drawing, Points, Scene, View } from "./types.d.ts" */

import { perFrame } from "./dom.js";
import { clamp } from "./numbers.js";
import { lookOf, markSize } from "./scales.js";

const REST_MS = 140; // after this long without moving, all points are drawn
const FRAME_MS = 28; // at once are drawn as many points as keep a frame about this long
const FEWEST = 60_000;
const SHOWN = -1;
/** @type {Box} */
const WHOLE = { origin: [0, 0], extent: [1, 1] };
export const CIRCLE = 3; // the shape of marked points, see points.js

// `drawOver` draws what is above the points; `thinned` hears whether points are missing.
/** @type {(canvas: HTMLCanvasElement, camera: Camera, points: Points, view: View, hears: { drawOver: () => void, thinned: (missing: boolean) => void }) => Scene} */
export function createScene(canvas, camera, points, view, { drawOver, thinned }) {
  let limit = 150_000;
  let movedAt = -Infinity;
  let resting = 0;
  let done = 0; // points on the picture out of sight, or SHOWN
  let stale = true; // what is shown is not what should be
  let waiting = 0; // a frame request, while the GPU is busy

  const number = () => view.order.length;
  const ready = () => view.data && view.column && camera.width > 1;

  function look(drawn = number()) {
    return lookOf((view.data.crowding * (drawn / Math.max(1, number()))) / camera.scale ** 2, drawn);
  }

  const ratio = () => canvas.width / camera.width;
  /** @type {(colorOf: (kind: number) => number[]) => { tints: Float32Array }} */
  const tints = (colorOf) => ({
    tints: Float32Array.from({ length: 24 }, (_, i) => colorOf(Math.floor(i / 3))[i % 3]),
  });

  /** @type {(first: number, some: number, of: number) => Drawing} */
  function crowd(first, some, of) {
    const { size, solid } = look(of);
    const front = view.front();
    const float = { size: size * ratio(), solid, faded: solid * (view.colors.dark ? 0.38 : 0.34) };
    const uniforms = { float, int: { front } };
    return { name: "points", program: "points", box: view.data.box, first, number: some, layered: front > 0, uniforms };
  }

  /** @type {(name: string, box: Box, many: number, shapes: number, hidden: number, colors: { tints: Float32Array }) => Drawing} */
  function marks(name, box, many, shapes, hidden, colors) {
    const float = { size: markSize(many, look().size) * ratio(), stroke: 1.4 * ratio() };
    const uniforms = { float, int: { shapes, hidden }, colors: { ground: view.colors.groundUnit, ...colors } };
    return { name, program: "marks", box, number: many, uniforms };
  }

  function above() {
    const { copies, hidden, data, marked } = view;
    /** @type {Drawing[]} */
    const layers = [];
    const own = tints((kind) => copies?.tints[kind] ?? [0, 0, 0]);
    if (copies && !hidden.lines) {
      const solid = clamp(4 / Math.sqrt(copies.owners.length), 0.05, 0.4);
      const uniforms = { float: { solid }, int: { hidden: hidden.kinds }, colors: own };
      layers.push({
        name: "lines",
        program: "lines",
        primitive: "LINES",
        box: WHOLE,
        number: 2 * copies.owners.length,
        uniforms,
      });
    }
    if (marked && !hidden.marked) {
      layers.push(marks("rings", data.box, data.ringed.length, CIRCLE, 0, tints(() => view.colors.inkUnit)));
    }
    if (copies) layers.push(marks("copies", copies.box, copies.owners.length, -1, hidden.kinds, own));
    return layers;
  }

  // At most one drawing is on its way to the GPU, so that nothing waits behind a queue; how long it takes says how many
  // points the next may have.
  /** @type {(drawn: number) => void} */
  function follow(drawn) {
    const [start, through] = [performance.now(), points.mark()];
    const look = () => {
      waiting = through() ? 0 : requestAnimationFrame(look);
      if (waiting) return;
      const pace = clamp(FRAME_MS / (performance.now() - start), 0.4, 1.4);
      if (drawn) limit = clamp(drawn * pace, FEWEST, Math.max(FEWEST, number()));
      drawNext();
    };
    waiting = requestAnimationFrame(look);
  }

  function drawSome() {
    const some = Math.min(Math.round(limit), number());
    points.draw(camera, [crowd(0, some, some), ...above()]);
    drawOver();
    stale = false;
    done = some < number() ? 0 : SHOWN;
    thinned(done !== SHOWN);
    follow(some);
  }

  function drawMore() {
    const some = Math.min(Math.round(limit), number() - done);
    if (some) points.prepare(camera, [crowd(done, some, number())], done === 0);
    else points.present(camera, above());
    done = some ? done + some : SHOWN;
    thinned(done !== SHOWN);
    follow(some);
  }

  function drawNext() {
    if (waiting || !ready()) return;
    if (stale) drawSome();
    else if (done !== SHOWN && performance.now() - movedAt >= REST_MS) drawMore();
  }

  const redraw = perFrame(() => {
    stale = true;
    drawNext();
  });
  const redrawOver = perFrame(() => ready() && drawOver());
  canvas.addEventListener("restored", redraw);

  return {
    look,
    redraw,
    redrawOver,
    moved() {
      movedAt = performance.now();
      clearTimeout(resting);
      if (number() > limit) resting = setTimeout(drawNext, REST_MS + 10);
      redraw();
    },
    stop() {
      clearTimeout(resting);
      cancelAnimationFrame(waiting);
      [redraw, redrawOver].forEach((drawing) => drawing.cancel());
    },
  };
}
