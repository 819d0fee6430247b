import assert from "node:assert/strict";
import { test } from "node:test";

import {
  categorical,
  CODES,
  NO_NUMBER,
  paintColumn,
  readColumn,
  sequential,
  shareOf,
  skewed,
} from "../../../pages/ui/components/web/palette.js";
import { CATEGORICAL, SEQUENTIAL } from "../../../pages/ui/components/web/theme.js";

const knots = Float32Array.from({ length: 257 }, (_, i) => i);
const number = (codes, more = {}) =>
  readColumn({ name: "x", title: "X", kind: "number", codes: Uint16Array.from(codes), knots, ...more }, codes.length);

test("a number is read at its place between the quantiles", () => {
  const column = number([0, 255, 255 * 2.5, NO_NUMBER], { missing: "not scored", unit: "px" });
  assert.deepEqual([...column.codes].map(column.text), ["0 px", "1 px", "2.5 px", "not scored"]);
  assert.equal(column.counts[NO_NUMBER], 1);
  assert.ok(column.gray.has(NO_NUMBER));
});

test("a share is read in percent", () => {
  const column = number([255], { knots: Float32Array.from(knots, (k) => k / 4), unit: "%" });
  assert.equal(column.text(255), "25 %");
});

test("categories are counted and ordered by size, unnamed ones apart", () => {
  const cargo = { name: "c", title: "C", kind: "category", names: ["cat", "dog"], missing: "none" };
  const column = readColumn({ ...cargo, codes: Uint8Array.of(1, 1, 0, 2) }, 4);
  assert.deepEqual(column.bySize, [1, 0, 2]);
  assert.deepEqual(column.present.map(column.text), ["cat", "dog", "none"]);
  assert.deepEqual([...column.gray], [2]);
});

test("of more than a hundred categories, the smallest share one color", () => {
  const names = Array.from({ length: 130 }, (_, i) => `kind ${i}`);
  const codes = Uint8Array.from([...names.keys(), ...Array.from({ length: 100 }, (_, i) => i)]);
  const column = readColumn({ name: "c", title: "C", kind: "category", names, codes }, codes.length);
  assert.equal(column.gray.size, 31);
  assert.ok(!column.gray.has(99) && column.gray.has(100));
});

test("flags travel as bits", () => {
  const cargo = { name: "f", title: "F", kind: "flag", names: ["no", "yes"], bits: Uint8Array.of(0b101, 0b10) };
  const column = readColumn(cargo, 10);
  assert.deepEqual([...column.codes], [1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual([column.counts[0], column.counts[1]], [7, 3]);
});

test("the scale goes by value or by rank", () => {
  const squares = number([0], { knots: Float32Array.from(knots, (k) => k ** 2) });
  assert.equal(shareOf(squares, 128 * 255, false), 0.25);
  assert.equal(shareOf(squares, 128 * 255, true), 0.5);
  assert.equal(shareOf(number([0], { knots: new Float32Array(257) }), 0, false), 0.5);
});

test("values crowded at one end are told from even ones", () => {
  assert.equal(skewed(number([0])), false);
  assert.equal(skewed(number([0], { knots: Float32Array.from(knots, (k) => (k / 256) ** 40) })), true);
});

test("the first colors are the shared ones, and no two categories look alike", () => {
  assert.equal(categorical(3), CATEGORICAL[3]);
  assert.equal(new Set(Array.from({ length: 100 }, (_, i) => categorical(i))).size, 100);
  assert.match(sequential(0, true), new RegExp(`${SEQUENTIAL[0]}, .* 0%`));
  assert.match(sequential(0, false), new RegExp(`, ${SEQUENTIAL.at(-1)} 100%`));
});

test("what is not shown has no alpha", () => {
  const cargo = { name: "f", title: "F", kind: "flag", names: ["no", "yes"], bits: Uint8Array.of(0b1) };
  const column = readColumn(cargo, 4);
  const colors = { dark: false, quiet: [9, 9, 9, 255], accent: [80, 70, 229, 255] };
  const pixels = paintColumn(column, colors, { byRank: false, only: null });
  assert.equal(pixels.length, 4 * CODES);
  assert.deepEqual([...pixels.subarray(0, 12)], [9, 9, 9, 255, 80, 70, 229, 255, 0, 0, 0, 0]);
  const one = paintColumn(column, colors, { byRank: false, only: (code) => code === 1 });
  assert.deepEqual([...one.subarray(0, 8)], [0, 0, 0, 0, 80, 70, 229, 255]);
});
