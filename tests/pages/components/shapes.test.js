import assert from "node:assert/strict";
import { test } from "node:test";

import {
  buildGrid,
  busiest,
  cornersOf,
  crowd,
  inOrder,
  markInside,
  nearest,
  nearestEnd,
  sameCorners,
  shuffled,
  simplified,
  twice,
} from "../../../pages/ui/components/web/shapes.js";

const scattered = (number) => Uint16Array.from(shuffled(65536).subarray(0, 2 * number));
const always = () => true;

test("the grid lists every point once, in its own cell", () => {
  const xy = scattered(5_000);
  const { starts, order } = buildGrid(xy);
  assert.deepEqual(Array.from(order).sort((a, b) => a - b), Array.from({ length: 5_000 }, (_, i) => i));
  for (let at = 0; at < 65536; at += 1) {
    for (const i of order.subarray(starts[at], starts[at + 1])) {
      assert.equal((xy[2 * i + 1] >> 8) * 256 + (xy[2 * i] >> 8), at);
    }
  }
});

test("the nearest point is that of a search through all", () => {
  const xy = scattered(2_000);
  const grid = buildGrid(xy);
  const places = scattered(300);
  const [reachX, reachY] = [900, 2_500];
  for (let k = 0; k < 300; k += 1) {
    const [x, y] = places.subarray(2 * k, 2 * k + 2);
    let [best, expected] = [1, -1];
    for (let i = 0; i < 2_000; i += 1) {
      const distance = ((xy[2 * i] - x) / reachX) ** 2 + ((xy[2 * i + 1] - y) / reachY) ** 2;
      if (distance < best) [best, expected] = [distance, i];
    }
    assert.equal(nearest(grid, xy, x, y, reachX, reachY, always), expected);
  }
});

test("a hidden point is not hit, and nothing is hit out of reach", () => {
  const xy = Uint16Array.of(1_000, 1_000, 1_010, 1_000);
  const grid = buildGrid(xy);
  assert.equal(nearest(grid, xy, 1_001, 1_000, 50, 50, always), 0);
  assert.equal(nearest(grid, xy, 1_001, 1_000, 50, 50, (i) => i !== 0), 1);
  assert.equal(nearest(grid, xy, 1_100, 1_000, 50, 50, always), -1);
  assert.equal(nearest(grid, xy, -40, 70_000, 50, 50, always), -1);
});

test("a line's end is hit where it is nearest and accepted", () => {
  const ends = Float32Array.of(0, 0, 0.5, 0.5, 0, 0, 0.52, 0.5);
  assert.equal(nearestEnd(ends, [0.501, 0.5], 0.1, always), 0);
  assert.equal(nearestEnd(ends, [0.501, 0.5], 0.1, (j) => j === 1), 1);
  assert.equal(nearestEnd(ends, [0, 0], 0.1, always), -1);
});

test("a lasso sets its bit and leaves the others", () => {
  const xy = Uint16Array.of(100, 100, 300, 300, 65_000, 65_000);
  const flags = Uint8Array.of(1, 3, 7);
  const square = [[200, 200], [400, 200], [400, 400], [200, 400]];
  markInside(flags, 2, buildGrid(xy), xy, square);
  assert.deepEqual([...flags], [1, 3, 5]);
  markInside(flags, 2, buildGrid(xy), xy, []);
  assert.deepEqual([...flags], [1, 1, 5]);
});

test("a simplified path keeps its ends and its corners, 128 at most", () => {
  const side = Array.from({ length: 101 }, (_, i) => i);
  const angle = [...side.map((x) => [x, 0]), ...side.slice(1).map((y) => [100, y])];
  assert.deepEqual(simplified(angle), [[0, 0], [100, 0], [100, 100]]);
  const spiral = Array.from({ length: 3_000 }, (_, i) => [i * Math.cos(i / 9), i * Math.sin(i / 9)]);
  const kept = simplified(spiral);
  assert.ok(kept.length > 60 && kept.length <= 128, `${kept.length} corners`);
  assert.deepEqual([kept[0], kept.at(-1)], [spiral[0], spiral.at(-1)]);
});

test("crowding is one for points apart, and their number for points together", () => {
  const apart = Uint16Array.from({ length: 200 }, (_, i) => (i % 2 ? 0 : (i / 2) * 300));
  assert.equal(crowd(buildGrid(apart)), 1);
  assert.equal(crowd(buildGrid(new Uint16Array(200))), 100);
  assert.equal(crowd(buildGrid(new Uint16Array(0))), 0);
});

test("an order drawn once holds every index and is the same again", () => {
  const order = shuffled(1_000);
  assert.deepEqual(order, shuffled(1_000));
  assert.deepEqual(Array.from(order).sort((a, b) => a - b), Array.from({ length: 1_000 }, (_, i) => i));
  const half = order.subarray(0, 500).reduce((sum, i) => sum + i, 0) / 500;
  assert.ok(Math.abs(half - 499.5) < 50, `the first half averages ${half}`);
});

test("entries follow an order, one or two values each", () => {
  assert.deepEqual(inOrder(Uint8Array.of(5, 6, 7), [2, 0]), Uint8Array.of(7, 5));
  assert.deepEqual(inOrder(Uint16Array.of(1, 2, 3, 4), [1, 0], 2), Uint16Array.of(3, 4, 1, 2));
});

test("a name stands in the busiest group of its category, not between two", () => {
  const left = Array.from({ length: 10 }, () => [3_000, 60_000]).flat();
  const right = Array.from({ length: 15 }, () => [60_000, 3_000]).flat();
  const codes = new Uint8Array(26).fill(4);
  codes[25] = 1;
  const [named] = busiest(Uint16Array.from([...left, ...right, 0, 0]), codes, [4]);
  assert.equal(named.code, 4);
  assert.ok(Math.abs(named.share[0] - 60_000 / 65_536) < 1 / 24 && Math.abs(named.share[1] - 3_000 / 65_536) < 1 / 24);
  assert.deepEqual(busiest(Uint16Array.of(0, 0), Uint8Array.of(1), []), []);
});

test("a polygon is the same up to a small distance, corner by corner", () => {
  const corners = cornersOf(Float32Array.of(0, 0, 1, 0, 1, 1));
  assert.deepEqual(corners, [[0, 0], [1, 0], [1, 1]]);
  assert.ok(sameCorners(corners, [[0, 0.0001], [1, 0], [1, 1]], 0.001));
  assert.ok(!sameCorners(corners, [[0, 0.01], [1, 0], [1, 1]], 0.001));
  assert.ok(!sameCorners(corners, corners.slice(1), 0.001));
});

test("both ends of a line have what their copy has", () => {
  assert.deepEqual(twice(Uint16Array.of(3, 65_000)), Uint16Array.of(3, 3, 65_000, 65_000));
});
