// Columns and their colors. Every column is a code a point; a code looks up one of 65,536 colors, whose alpha 0 hides,
// so that recoloring, isolating and changing a scale touch no point.

/** @import { Bytes, Column, Message, Rgba } from "./types.d.ts" */

import { rgba } from "./dom.js";
import { clamp, shortNumber } from "./numbers.js";
import { CATEGORICAL, SEQUENTIAL } from "./theme.js";

export const CODES = 65536;
export const NO_NUMBER = 65535;
const BETWEEN_KNOTS = 255;
export const COLORED = 100; // of more categories than that, the largest have a color, the others share one

// The shared ten, then hues by the golden angle in three lightnesses.
/** @type {(index: number) => string} */
export function categorical(index) {
  if (index < CATEGORICAL.length) return CATEGORICAL[index];
  return `oklch(${[0.62, 0.74, 0.5][index % 3]} ${[0.15, 0.11, 0.13][index % 3]} ${(index * 137.508) % 360})`;
}

/** @type {(share: number, dark: boolean) => string} */
export function sequential(share, dark) {
  const stops = SEQUENTIAL;
  const place = clamp(dark ? share : 1 - share, 0, 1) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  return `color-mix(in srgb, ${stops[below]}, ${stops[below + 1]} ${(place - below) * 100}%)`;
}

/**
 * @template {(string | number | boolean)[]} Key
 * @template Value
 * @param {(...key: Key) => Value} work
 * @returns {(...key: Key) => Value}
 */
const remembered = (work) => {
  /** @type {Map<string, Value>} */
  const known = new Map();
  return (...key) => {
    const name = String(key);
    const before = known.get(name);
    if (before !== undefined) return before;
    const value = work(...key);
    known.set(name, value);
    return value;
  };
};
const categoryPixel = remembered((/** @type {number} */ index) => rgba(categorical(index)));
const rampPixel = remembered((/** @type {number} */ step, /** @type {boolean} */ dark) =>
  rgba(sequential(step / 255, dark))
);

/** @type {(bits: Uint8Array, number: number) => Uint8Array} */
function unpackedBits(bits, number) {
  const flags = new Uint8Array(number);
  for (let i = 0; i < number; i += 1) flags[i] = (bits[i >> 3] >> (i & 7)) & 1;
  return flags;
}

// A column as it arrived: codes, how often each occurs, and what they mean.
/** @type {(cargo: Message, number: number) => Column} */
export function readColumn(cargo, number) {
  const { name, title, kind, names, missing = "", unit = "", knots = [] } = cargo;
  const codes = kind === "flag" ? unpackedBits(cargo.bits, number) : cargo.codes;
  const counts = new Uint32Array(CODES);
  for (let i = 0; i < codes.length; i += 1) counts[codes[i]] += 1;

  /** @type {Column["format"]} */
  const format = (
    figure,
  ) => (unit === "%" ? `${shortNumber(100 * figure)} %` : `${shortNumber(figure)} ${unit}`.trim());
  /** @type {Column["value"]} */
  const value = (code) => {
    const below = Math.min(knots.length - 2, Math.floor(code / BETWEEN_KNOTS));
    return knots[below] + (knots[below + 1] - knots[below]) * (code / BETWEEN_KNOTS - below);
  };
  const wordless = kind === "number" ? NO_NUMBER : names.length;
  /** @type {Column["text"]} */
  const text = (code) => (code === wordless ? missing : kind === "number" ? format(value(code)) : names[code]);

  /** @type {number[]} */
  const present = [];
  if (kind !== "number") counts.forEach((times, code) => times && present.push(code));
  const bySize = [...present].sort((a, b) => counts[b] - counts[a] || a - b);
  const crowded = kind === "category" && present.length > COLORED;
  const gray = new Set([wordless, ...(crowded ? bySize.slice(COLORED) : [])]);
  return { name, title, kind, missing, codes, counts, knots, wordless, present, bySize, gray, value, text, format };
}

// Whether the middle half of a number's points lies so close together that colors by value could not tell them apart.
/** @type {(column: Column) => boolean} */
export function skewed({ kind, knots }) {
  const last = knots.length - 1;
  return kind === "number" && knots[(3 * last) / 4] - knots[last / 4] < 0.05 * (knots[last] - knots[0]);
}

// The place of a number's code on its color scale, 0…1: by rank, or by value.
/** @type {(column: Column, code: number, byRank: boolean) => number} */
export function shareOf({ knots, value }, code, byRank) {
  const [low, high] = [knots[0], knots[knots.length - 1]];
  if (!(high > low)) return 0.5;
  return byRank ? code / (BETWEEN_KNOTS * (knots.length - 1)) : (value(code) - low) / (high - low);
}

// The color of every code, RGBA; `only`, where given, says of a code whether it is shown.
/** @type {(column: Column, colors: { dark: boolean, quiet: Rgba, accent: Rgba }, how: { byRank: boolean, only: ((code: number) => boolean) | null }) => Bytes} */
export function paintColumn(column, { dark, quiet, accent }, { byRank, only }) {
  const pixels = new Uint8Array(4 * CODES);
  /** @type {Record<Column["kind"], (code: number) => Rgba>} */
  const painters = {
    number: (code) => rampPixel(Math.round(255 * shareOf(column, code, byRank)), dark),
    category: (code) => categoryPixel(code),
    flag: (code) => (code ? accent : quiet),
  };
  const colorOf = painters[column.kind];
  column.counts.forEach((times, code) => {
    if (!times || (only && !only(code))) return;
    pixels.set(column.gray.has(code) ? (only ? accent : quiet) : colorOf(code), 4 * code);
  });
  return pixels;
}
