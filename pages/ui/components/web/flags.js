// What is true of each point, a bit each, as the GPU reads it.

export const [SELECTED, INSIDE, MARKED] = [1, 2, 4];

// Sets one bit of all flags as a packed mask says, of which the lowest bit comes first; without one, clears it.
/** @type {(flags: Uint8Array, bit: number, mask: Uint8Array | null) => void} */
export function setMask(flags, bit, mask) {
  for (let i = 0; i < flags.length; i += 1) {
    flags[i] = (flags[i] & ~bit) | (mask && (mask[i >> 3] >> (i & 7)) & 1 ? bit : 0);
  }
}

// How many points count, all unless it is said which, and how many of these are selected and inside.
/** @type {(flags: Uint8Array, counts?: ((point: number) => boolean) | null) => { shown: number, selected: number, inside: number }} */
export function tally(flags, counts = null) {
  let [shown, selected, inside] = [0, 0, 0];
  for (let i = 0; i < flags.length; i += 1) {
    if (counts && !counts(i)) continue;
    shown += 1;
    selected += flags[i] & SELECTED;
    inside += (flags[i] & INSIDE) >> 1;
  }
  return { shown, selected, inside };
}

// How many selected points each code has.
/** @type {(flags: Uint8Array, codes: ArrayLike<number>, number: number) => Uint32Array} */
export function selectedByCode(flags, codes, number) {
  const counts = new Uint32Array(number);
  for (let i = 0; i < flags.length; i += 1) counts[codes[i]] += flags[i] & SELECTED;
  return counts;
}
