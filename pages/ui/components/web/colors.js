// The map's colors on the page's ground.

/** @import { CopiesOnMap, MapColors } from "./types.d.ts" */

import { rgba, themeOf } from "./dom.js";

/** @type {(color: string) => number[]} */
const unitOf = (color) => rgba(color).slice(0, 3).map((value) => value / 255);

/** @type {(root: Element) => MapColors} */
export function mapColors(root) {
  const style = themeOf(root);
  const quiet = style.dark ? "#5b606b" : "#b9bec8";
  return { ...style, quiet, inkUnit: unitOf(style.text), groundUnit: unitOf(style.background) };
}

// Ink, for every other hue is a class's; their shape tells four kinds apart, the accent four more.
/** @type {(copies: CopiesOnMap, colors: MapColors) => void} */
export function tint(copies, { text, accent }) {
  copies.colors = copies.names.map((_, kind) => (kind < 4 ? text : accent));
  copies.tints = copies.colors.map(unitOf);
}
