import assert from "node:assert/strict";
import { test } from "node:test";

import { createColumns } from "../../../pages/ui/components/web/named.js";

const flag = (name) => ({ name, title: name, kind: "flag", names: ["no", "yes"], bits: Uint8Array.of(0b10) });
const [right, mask] = [flag("right"), { bits: Uint8Array.of(0b1) }];

test("columns are read once, and are there when they have arrived", () => {
  const columns = createColumns();
  columns.restart(2);
  columns.update([["right", "Right"]], {}, null);
  assert.equal(columns.named("right"), null);
  columns.update([["right", "Right"]], { "column right": right }, null);
  assert.deepEqual([...columns.named("right").codes], [0, 1]);
  assert.equal(columns.named("right"), columns.named("right"));
});

test("what is selected can be colored by, unless Python sends a column of that name", () => {
  const columns = createColumns();
  columns.restart(2);
  columns.update([], {}, mask);
  assert.deepEqual(columns.menu(), [["selected", "Selected"]]);
  assert.deepEqual([...columns.named("selected").codes], [1, 0]);
  columns.update([["selected", "Chosen"]], { "column selected": flag("selected") }, mask);
  assert.deepEqual(columns.menu(), [["selected", "Chosen"]]);
  assert.deepEqual([...columns.named("selected").codes], [0, 1]);
});
