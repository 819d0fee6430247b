// Pointer, wheel, keyboard and toolbar of the map, as what they mean: pan, zoom, draw, point, click, clear.

/** @import { Camera, Gestures, Pair } from "./types.d.ts" */

import { element } from "./dom.js";

/** @type {Record<string, string>} */
const ICONS = {
  pan:
    "M6 9.500V4.800a1.200 1.200 0 0 1 2.400 0V8.500M8.400 8V3.700a1.200 1.200 0 0 1 2.400 0V8m0 .300V4.900a1.200 1.200 0 0 1 2.400 0v5.600c0 3-1.800 5-4.700 5-2.400 0-3.600-1-4.800-3.100L2.600 10a1.200 1.200 0 0 1 2-1.300L6 10.500",
  lasso:
    "M9 3c4 0 7 1.800 7 4.200s-3 4.300-7 4.300-7-1.900-7-4.300S5 3 9 3zM5.500 11c-1.800.8-1.500 3 .3 3s1.600-2-.3-3zm1.600 2.500c.2 1.500-.6 2.500-1.600 3",
  box: "M3 6V3h3m2 0h2m2 0h3v3m0 2v2m0 2v3h-3m-2 0H8m-2 0H3v-3m0-2V8",
  closer: "M9 4v10M4 9h10",
  farther: "M4 9h10",
  fit: "M3 7V3h4m4 0h4v4m0 4v4h-4m-4 0H3v-4",
};
const STILL_PX = 4;
const STEP_PX = 40;

/** @typedef {{ kind: string, from: Pair, moved: boolean, path: Pair[] }} Gesture */

/** @type {(parts: { root: HTMLElement, canvas: HTMLCanvasElement, tools: HTMLElement, camera: Camera, does: Gestures }) => void} */
export function createHands({ root, canvas, tools, camera, does }) {
  /** @type {Map<number, Pair>} */
  const pointers = new Map();
  let tool = "pan";
  /** @type {Gesture | null} */
  let gesture = null;
  /** @type {(event: MouseEvent) => Pair} */
  const where = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, where(event));
    does.leave();
    const kind = pointers.size > 1 ? "pinch" : event.shiftKey ? "lasso" : tool;
    gesture = { kind, from: where(event), moved: kind === "pinch", path: [where(event)] };
    if (kind === "pinch") does.draw(null);
    canvas.classList.toggle("held", kind === "pan");
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = where(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") does.point(...now);
      return;
    }
    pointers.set(event.pointerId, now);
    if (!gesture) return;
    const { kind, from } = gesture;
    gesture.moved ||= Math.hypot(now[0] - from[0], now[1] - from[1]) > STILL_PX;
    if (kind === "pan" && gesture.moved) camera.pan(now[0] - before[0], now[1] - before[1]);
    if (kind === "lasso") gesture.path.push(now);
    if (kind === "box") gesture.path = [from, [now[0], from[1]], now, [from[0], now[1]]];
    if (kind === "pinch") {
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (!other) return;
      /** @type {(finger: Pair) => number} */
      const spread = (finger) => Math.hypot(finger[0] - other[0], finger[1] - other[1]) || 1;
      camera.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      camera.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, spread(now) / spread(before));
    }
    if (gesture.moved && (kind === "lasso" || kind === "box")) does.draw(gesture.path);
  });

  /** @type {(event: PointerEvent) => void} */
  function lift(event) {
    if (!pointers.delete(event.pointerId) || pointers.size || !gesture) return;
    const { kind, moved, path } = gesture;
    gesture = null;
    canvas.classList.remove("held");
    does.draw(null);
    if (event.type === "pointercancel") return;
    if (!moved) does.click(...where(event));
    else if ((kind === "lasso" || kind === "box") && path.length > 2) does.drawn(path);
  }
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  // A finger leaves as it lifts; what it tapped on stays to be read.
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "touch" || does.leave());
  canvas.addEventListener("dblclick", camera.glide);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      does.leave();
      camera.zoomAt(...where(event), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)));
    },
    { passive: false },
  );

  /** @type {(factor: number) => void} */
  const zoom = (factor) => camera.zoomAt(camera.width / 2, camera.height / 2, factor);
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => camera.pan(STEP_PX, 0),
    ArrowRight: () => camera.pan(-STEP_PX, 0),
    ArrowUp: () => camera.pan(0, STEP_PX),
    ArrowDown: () => camera.pan(0, -STEP_PX),
    "+": () => zoom(1.4),
    "=": () => zoom(1.4),
    "-": () => zoom(1 / 1.4),
    0: camera.glide,
  };
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      gesture = null;
      does.clear();
    } else if (event.target === canvas && !event.ctrlKey && !event.metaKey && keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  /** @type {(name: string) => void} */
  function setTool(name) {
    tool = name;
    canvas.classList.toggle("drawing", tool !== "pan");
    for (const button of tools.querySelectorAll("button")) {
      if (button.hasAttribute("aria-pressed")) button.setAttribute("aria-pressed", String(button.name === tool));
    }
  }
  /** @type {Record<string, [string, (() => void) | null]>} */
  const commands = {
    pan: ["Pan", null],
    lasso: ["Lasso (or shift and drag)", null],
    box: ["Box", null],
    closer: ["Zoom in", () => zoom(1.6)],
    farther: ["Zoom out", () => zoom(1 / 1.6)],
    fit: ["Show all (double-click)", camera.glide],
  };
  for (const [name, [title, run]] of Object.entries(commands)) {
    const button = element("button", { type: "button", name, title, "aria-label": title });
    button.innerHTML = `<svg viewBox="0 0 18 18" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
    if (!run) button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", run ?? (() => setTool(name)));
    tools.append(button);
  }
  setTool("pan");
}
