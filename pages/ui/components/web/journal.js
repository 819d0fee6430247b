// The review's decisions: those that Python has not confirmed, and those of this visit, which can be taken back.

/** @import { Decision, ReviewState } from "./types.d.ts" */

/** @typedef {Decision & { number: number }} Entry */
/** @typedef {{ id: number, at: number, queue: string, state: ReviewState }} Step */

export function createJournal() {
  /** @type {Entry[]} */
  let pending = [];
  /** @type {Step[]} */
  const made = [];
  let last = 0; // number of the latest decision

  return {
    last: () => last,
    pending: () => pending,
    canUndo: () => made.length > 0,

    // Drops what Python has seen.
    /** @type {(seen: number) => void} */
    confirm(seen) {
      pending = pending.filter((entry) => entry.number > seen);
      last = Math.max(last, seen);
    },

    /** @type {(decision: Decision) => void} */
    write(decision) {
      last += 1;
      pending = [...pending, { number: last, ...decision }];
    },

    // The state of a suspect: the newest decision that Python has not heard of, else what it knows.
    /** @type {(id: number, known: Record<number, ReviewState>) => ReviewState} */
    stateOf(id, known) {
      const decision = pending.findLast((entry) => entry.id === id);
      if (!decision) return known[id] ?? "";
      if (decision.action === "relabel") return decision.label ?? "";
      return /** @type {const} */ ({ confirm: "confirmed", drop: "dropped", open: "" })[decision.action];
    },

    // Remembers where a suspect stood before it is decided.
    /** @type {(step: Step) => void} */
    remember: (step) => void made.push(step),

    // The latest step and the decision that takes it back, or null.
    /** @type {() => { step: Step, decision: Decision } | null} */
    undo() {
      const step = made.pop();
      if (!step) return null;
      const { id, state } = step;
      if (typeof state === "number") return { step, decision: { id, action: "relabel", label: state } };
      const action = /** @type {const} */ ({ confirmed: "confirm", dropped: "drop", "": "open" })[state];
      return { step, decision: { id, action } };
    },
  };
}
