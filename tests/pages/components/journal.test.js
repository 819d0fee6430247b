import assert from "node:assert/strict";
import { test } from "node:test";

import { createJournal } from "../../../pages/ui/components/web/journal.js";

test("a decision counts until Python has seen it, then what Python says", () => {
  const journal = createJournal();
  journal.confirm(7); // another visit's decisions
  journal.write({ id: 3, action: "relabel", label: 2 });
  journal.write({ id: 3, action: "drop" });
  assert.deepEqual(journal.pending().map(({ number }) => number), [8, 9]);
  assert.equal(journal.stateOf(3, { 3: "confirmed" }), "dropped");
  journal.confirm(8);
  assert.equal(journal.stateOf(3, { 3: 2 }), "dropped");
  journal.confirm(9);
  assert.equal(journal.stateOf(3, { 3: "dropped" }), "dropped");
  assert.equal(journal.stateOf(4, {}), "");
  assert.deepEqual(journal.pending(), []);
});

test("class 0 is a class", () => {
  const journal = createJournal();
  journal.write({ id: 1, action: "relabel", label: 0 });
  assert.equal(journal.stateOf(1, { 1: "dropped" }), 0);
});

test("steps are taken back in turn, each to the state that was before", () => {
  const journal = createJournal();
  assert.equal(journal.undo(), null);
  const steps = [["", "open"], ["confirmed", "confirm"], ["dropped", "drop"], [0, "relabel"]];
  steps.forEach(([state], at) => journal.remember({ id: at, at, queue: "q", state }));
  for (const [state, action] of steps.reverse()) {
    const { step, decision } = journal.undo();
    assert.equal(step.state, state);
    assert.deepEqual(decision, { id: step.at, action, ...(action === "relabel" && { label: 0 }) });
  }
  assert.equal(journal.canUndo(), false);
});
