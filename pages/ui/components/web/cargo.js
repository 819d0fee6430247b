// Columns: each arrives once, in a carrier of its own, and is kept as long as a carrier on the page has it.

import { address, inflate } from "./message.js";

const kept = new Map(); // fingerprint -> { columns, carriers }
const held = new Map(); // parent element of a carrier -> { component, fingerprint }
const listeners = new Set();

// The columns of a fingerprint, or undefined while they are not here.
export const columnsOf = (fingerprint) => kept.get(fingerprint)?.columns;

// Calls `hear(fingerprint)` whenever columns have arrived.
export const onArrival = (hear) => listeners.add(hear);

// Takes over what a carrier brings; returns the function that lets go of it.
export async function mount(component) {
  const { parentElement, data } = component;
  const { fingerprint } = address(data);
  if (held.get(parentElement)?.fingerprint !== fingerprint) {
    release(parentElement);
    if (!kept.has(fingerprint)) kept.set(fingerprint, { columns: undefined, carriers: new Set() });
    kept.get(fingerprint).carriers.add(parentElement);
  }
  held.set(parentElement, { component, fingerprint });
  const entry = kept.get(fingerprint);
  if (!entry.columns) {
    const columns = await inflate(data);
    if (!entry.columns) {
      entry.columns = columns;
      for (const hear of listeners) hear(fingerprint);
    }
  }
  return () => {
    // A carrier that has been mounted again since belongs to its latest message.
    if (held.get(parentElement)?.component === component) release(parentElement);
  };
}

function release(place) {
  const fingerprint = held.get(place)?.fingerprint;
  held.delete(place);
  const entry = kept.get(fingerprint);
  entry?.carriers.delete(place);
  if (entry?.carriers.size === 0) kept.delete(fingerprint);
}
