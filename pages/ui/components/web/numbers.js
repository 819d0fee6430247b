// Numbers as people read them.

/** @type {(value: number, low: number, high: number) => number} */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @type {(number: number) => string} */
export const count = (number) => Math.round(number).toLocaleString("en-US");

/** @type {(share: number, digits?: number) => string} */
export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

// 1st, 2nd, 3rd, 4th …
/** @type {(number: number) => string} */
export function ordinal(number) {
  const teens = number % 100 > 10 && number % 100 < 14;
  const ending = ["th", "st", "nd", "rd"][number % 10] ?? "th";
  return `${count(number)}${teens ? "th" : ending}`;
}

// Three digits, or all before the point.
/** @type {(value: number) => string} */
export function shortNumber(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  const digits = Math.max(3, Math.ceil(Math.log10(size)));
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumSignificantDigits: digits });
}
