// How large and how solid the map draws its points: many look like one cloud, few like dots.

import { clamp } from "./numbers.js";

// As crowds thin out, points grow and become solid; in crowds, the whole stays just short of opaque. Few points are
// never dust, nor pale, however near to each other they lie.
/** @type {(perPixel: number, many?: number) => { size: number, solid: number }} */
export function lookOf(perPixel, many = Infinity) {
  const least = clamp(24 * many ** -0.235, 1.4, 6);
  const size = clamp(1.6 * perPixel ** -0.3, least, 11);
  const overlap = Math.max(1, perPixel * size * size * 0.785);
  return { size, solid: clamp(1 - 0.08 ** (1 / overlap), clamp(0.15 * (least - 1), 0.07, 0.6), 0.88) };
}

// Marks shrink where there are many, and grow as one looks closer.
/** @type {(many: number, size: number) => number} */
export const markSize = (many, size) => clamp(24 * many ** -0.165, Math.max(5.5, size + 3), 18);
