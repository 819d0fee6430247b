// Columns: each arrives once, in a carrier of its own, and is kept as long as a carrier on the page has it.

/** @import { Message, StreamlitComponent } from "./types.d.ts" */

import { address, inflate } from "./message.js";

/** @type {Map<string, { columns: Message | undefined, carriers: Set<Element> }>} */
const kept = new Map(); // fingerprint -> { columns, carriers }
/** @type {Map<Element, { component: StreamlitComponent, fingerprint: string }>} */
const held = new Map(); // parent element of a carrier -> { component, fingerprint }
/** @type {Set<(fingerprint: string) => void>} */
const listeners = new Set();

// The columns of a fingerprint, or undefined while they are not here.
/** @type {(fingerprint: string) => Message | undefined} */
export const columnsOf = (fingerprint) => kept.get(fingerprint)?.columns;

// Calls `hear(fingerprint)` whenever columns have arrived.
/** @type {(hear: (fingerprint: string) => void) => void} */
export const onArrival = (hear) => void listeners.add(hear);

// Takes over what a carrier brings; returns the function that lets go of it.
/** @type {(component: StreamlitComponent) => Promise<() => void>} */
export async function mount(component) {
  const { parentElement, data } = component;
  const { fingerprint } = address(data);
  if (held.get(parentElement)?.fingerprint !== fingerprint) {
    release(parentElement);
  }
  held.set(parentElement, { component, fingerprint });
  const entry = kept.get(fingerprint) ?? { columns: undefined, carriers: new Set() };
  entry.carriers.add(parentElement);
  kept.set(fingerprint, entry);
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

/** @type {(place: Element) => void} */
function release(place) {
  const fingerprint = held.get(place)?.fingerprint ?? "";
  held.delete(place);
  const entry = kept.get(fingerprint);
  entry?.carriers.delete(place);
  if (entry?.carriers.size === 0) kept.delete(fingerprint);
}
