import assert from "node:assert/strict";
import { test } from "node:test";

import { INSIDE, MARKED, SELECTED, selectedByCode, setMask, tally } from "../../../pages/ui/components/web/flags.js";

test("a mask sets its bit and leaves the others", () => {
  const flags = Uint8Array.of(INSIDE, SELECTED, 0, 0, 0, 0, 0, 0, MARKED, 0);
  setMask(flags, SELECTED, Uint8Array.of(0b101, 0b1));
  assert.deepEqual([...flags], [INSIDE | SELECTED, 0, SELECTED, 0, 0, 0, 0, 0, MARKED | SELECTED, 0]);
  setMask(flags, SELECTED, null);
  assert.deepEqual([...flags], [INSIDE, 0, 0, 0, 0, 0, 0, 0, MARKED, 0]);
});

test("selected and enclosed points are counted among those that count", () => {
  const flags = Uint8Array.of(SELECTED, SELECTED | INSIDE, INSIDE | MARKED, MARKED);
  assert.deepEqual(tally(flags), { shown: 4, selected: 2, inside: 2 });
  assert.deepEqual(tally(flags, (i) => i > 1), { shown: 2, selected: 0, inside: 1 });
  assert.deepEqual([...selectedByCode(flags, [2, 0, 2, 2], 3)], [1, 0, 1]);
});
