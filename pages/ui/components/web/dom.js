// What every component does with the page: elements, the theme's colors, sharp canvases, one drawing a frame.

/** @import { Rgba, Theme } from "./types.d.ts" */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** @type {CanvasRenderingContext2D | null} */
let pixel = null; // the context of one pixel

// A color as [red, green, blue, alpha] in 0..255, whatever notation CSS uses.
/** @type {(color: string) => Rgba} */
export function rgba(color) {
  pixel ??= contextOf(document.createElement("canvas"), { willReadFrequently: true });
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = color;
  pixel.fillRect(0, 0, 1, 1);
  return [...pixel.getImageData(0, 0, 1, 1).data];
}

/** @type {(node: Element) => Theme} */
export function themeOf(node) {
  const style = getComputedStyle(node);
  /** @type {(name: string, fallback: string) => string} */
  const read = (name, fallback) => style.getPropertyValue(`--st-${name}`).trim() || fallback;
  const background = read("background-color", "#ffffff");
  const [red, green, blue] = rgba(background);
  return {
    background,
    dark: 0.3 * red + 0.59 * green + 0.11 * blue < 128,
    accent: read("primary-color", "#4f46e5"),
    text: read("text-color", "#1f2328"),
    border: read("border-color", "#d0d7de"),
    warning: read("orange-text-color", "#b45309"),
    font: read("font", "system-ui, sans-serif"),
  };
}

/** @type {(canvas: HTMLCanvasElement, settings?: CanvasRenderingContext2DSettings) => CanvasRenderingContext2D} */
export function contextOf(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("this browser draws on no canvas; reload the page");
  return context;
}

// Fits a canvas to its box at the screen's resolution and returns its context, scaled to CSS pixels.
/** @type {(canvas: HTMLCanvasElement, width: number, height: number) => CanvasRenderingContext2D} */
export function fitted(canvas, width, height) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Calls `work` at most once a frame.
/** @type {(work: () => void) => { (): void, cancel(): void }} */
export function perFrame(work) {
  let asked = 0;
  const ask = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
  ask.cancel = () => {
    cancelAnimationFrame(asked);
    asked = 0;
  };
  return ask;
}
