// The curve from rank to entropy, hardest first: values at evenly spaced ranks 0…1, falling.

import { clamp } from "./numbers.js";

/** @type {(curve: Float32Array, rank: number) => number} */
export function entropyAt(curve, rank) {
  const place = clamp(rank, 0, 1) * (curve.length - 1);
  const below = Math.min(curve.length - 2, Math.floor(place));
  return curve[below] + (curve[below + 1] - curve[below]) * (place - below);
}

/** @type {(curve: Float32Array, entropy: number) => number} */
export function rankAt(curve, entropy) {
  let [low, high] = [0, curve.length - 1];
  if (entropy >= curve[low]) return 0;
  if (entropy < curve[high]) return 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (curve[middle] > entropy) low = middle;
    else high = middle;
  }
  const drop = curve[low] - curve[high];
  return (low + (drop ? (curve[low] - entropy) / drop : 1)) / (curve.length - 1);
}
