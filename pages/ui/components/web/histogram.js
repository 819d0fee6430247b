// The band's histogram: entropies of the family in bars, full inside the band; the other families as outlines.

/** @import { BandColumns, Theme } from "./types.d.ts" */

import { fitted } from "./dom.js";
import { percent } from "./numbers.js";
import { FAMILIES } from "./theme.js";

const AXIS_PX = 22;
const HEAD_PX = 18; // room above the highest bar
const NARROW_PX = 480;

// `left` and `right` are the band's edges, in pixels.
/** @type {(canvas: HTMLCanvasElement, size: { width: number, height: number }, columns: BandColumns, colors: Theme, band: { left: number, right: number }) => void} */
export function drawHistogram(canvas, { width, height }, columns, colors, { left, right }) {
  const context = fitted(canvas, width, height);
  const floor = height - AXIS_PX;
  const bins = columns.counts.length / columns.families.length;
  const step = width / bins;
  const heights = columns.families.map((_, family) => {
    const own = columns.counts.subarray(family * bins, (family + 1) * bins);
    const most = own.reduce((a, b) => Math.max(a, b), 1);
    return Array.from(own, (number) => Math.sqrt(number / most) * (floor - HEAD_PX));
  });

  const mine = columns.families.indexOf(columns.family);
  const bars = () => {
    context.fillStyle = FAMILIES[columns.family] ?? colors.accent;
    heights[mine].forEach((tall, i) => context.fillRect(i * step + 0.5, floor - tall, Math.max(1, step - 1), tall));
  };
  context.globalAlpha = 0.28;
  bars();
  context.globalAlpha = 0.09;
  context.fillStyle = colors.accent;
  context.fillRect(left, 0, right - left, floor);
  context.globalAlpha = 1;
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, floor);
  context.clip();
  bars();
  context.restore();

  columns.families.forEach((name, family) => {
    if (family === mine) return;
    context.beginPath();
    heights[family].forEach((tall, i) => {
      context.lineTo(i * step, floor - tall);
      context.lineTo((i + 1) * step, floor - tall);
    });
    context.strokeStyle = FAMILIES[name] ?? colors.text;
    context.globalAlpha = 0.75;
    context.lineWidth = 1.2;
    context.stroke();
  });

  context.strokeStyle = context.fillStyle = colors.text;
  context.globalAlpha = 0.25;
  context.beginPath();
  context.moveTo(0, floor + 0.5);
  context.lineTo(width, floor + 0.5);
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 0.65;
  context.font = `11px ${colors.font}`;
  for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    context.textAlign = tick === 0 ? "left" : tick === 1 ? "right" : "center";
    context.fillText(tickWords(tick, width < NARROW_PX, columns.score), tick * width, height - 6);
  }
  context.globalAlpha = 1;
}

/** @type {(tick: number, narrow: boolean, score: string) => string} */
function tickWords(tick, narrow, score) {
  if (tick === 0) return narrow ? "0" : score ? "0  easiest" : "0  surely classified";
  if (tick === 1) return score ? "largest" : narrow ? "ln K" : "undecided  ln K";
  return percent(tick, 0);
}
