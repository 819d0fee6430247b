import assert from "node:assert/strict";
import { test } from "node:test";

import { entropyAt, rankAt } from "../../../pages/ui/components/web/curve.js";
import { clamp, count, ordinal, percent, shortNumber } from "../../../pages/ui/components/web/numbers.js";
import { following, PREVIEWS } from "../../../pages/ui/components/web/previews.js";
import { lookOf, markSize } from "../../../pages/ui/components/web/scales.js";
import { keyGoal } from "../../../pages/ui/components/web/sheet.js";

const CURVE = Float32Array.of(1, 0.75, 0.75, 0.25, 0);

test("entropy falls along the ranks, straight between two", () => {
  assert.deepEqual([0, 0.25, 0.625, 1].map((rank) => entropyAt(CURVE, rank)), [1, 0.75, 0.5, 0]);
  assert.deepEqual([-3, 7].map((rank) => entropyAt(CURVE, rank)), [1, 0]);
});

test("the rank of an entropy leads back to it", () => {
  for (const entropy of [0.9, 0.6, 0.25, 0.1]) {
    assert.ok(Math.abs(entropyAt(CURVE, rankAt(CURVE, entropy)) - entropy) < 1e-9);
  }
  assert.deepEqual([2, 1, -1].map((entropy) => rankAt(CURVE, entropy)), [0, 0, 1]);
  const level = Float32Array.of(0.5, 0.5, 0.5);
  assert.ok([0, 0.5, 1].includes(rankAt(level, 0.5)));
});

test("points shrink and fade as crowds grow, within bounds", () => {
  const looks = [1e-6, 1e-3, 0.1, 1, 30, 1e5].map(lookOf);
  looks.forEach(({ size, solid }, i) => {
    assert.ok(size >= 1.4 && size <= 11 && solid >= 0.07 && solid <= 0.88);
    if (i) assert.ok(size <= looks[i - 1].size && solid <= looks[i - 1].solid);
  });
  assert.deepEqual(looks[0], { size: 11, solid: 0.88 });
});

test("few points are never dust", () => {
  const sizes = [800, 4_000, 50_000, 1_000_000].map((many) => lookOf(1e5, many).size);
  assert.ok(sizes[0] >= 4.5 && sizes[1] >= 3 && sizes[2] < 2.5);
  assert.equal(sizes[3], 1.4);
});

test("many marks are smaller, but larger than the points below them", () => {
  assert.ok(markSize(10, 4) > markSize(1_000, 4));
  assert.equal(markSize(1e9, 4), 7);
  assert.equal(markSize(1, 4), 18);
});

test("numbers are written for people", () => {
  assert.equal(count(1234567.4), "1,234,567");
  assert.equal(percent(0.0512), "5.1 %");
  assert.equal(percent(1, 0), "100 %");
  assert.equal(clamp(7, 0, 5), 5);
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 112, 1002].map(ordinal), [
    ...["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th", "1,002nd"],
  ]);
  assert.deepEqual([0, 0.12345, -3.14159, 98765, 1234567, 0.00001].map(shortNumber), [
    ...["0", "0.123", "-3.14", "98,800", "1.2e6", "1.0e-5"],
  ]);
});

test("arrow keys stay on the sheet", () => {
  assert.equal(keyGoal("ArrowDown", 2, 4, 10), 6);
  assert.equal(keyGoal("ArrowDown", 7, 4, 10), 7);
  assert.equal(keyGoal("ArrowUp", 2, 4, 10), 2);
  assert.equal(keyGoal("ArrowRight", 2, 4, 10), 3);
  assert.equal(keyGoal("End", 2, 4, 10), 9);
  assert.equal(keyGoal("q", 2, 4, 10), undefined);
});

test("previews begin at the upper edge, and stay on the sheet", () => {
  const ranks = Uint32Array.from({ length: 60 }, (_, i) => 10 * i);
  assert.deepEqual(following(ranks, 0).slice(0, 2), [0, 1]);
  assert.deepEqual(following(ranks, 95)[0], 10);
  assert.equal(following(ranks, 95).length, PREVIEWS);
  assert.deepEqual(following(ranks, 1e9), [59]);
  assert.deepEqual(following(new Uint32Array(0), 5), []);
});
