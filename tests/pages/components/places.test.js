import assert from "node:assert/strict";
import { test } from "node:test";

import { placeIn, readCopies, readPlaces, sidesOf } from "../../../pages/ui/components/web/places.js";

const CARGO = { low: [-10, 5], span: [20, 5], xy: Uint16Array.of(0, 0, 65535, 65535, 32768, 0) };

test("the longer side of the points' box is one", () => {
  const places = readPlaces(CARGO);
  assert.deepEqual(places.box, { origin: [0, 0], extent: [1, 0.25] });
  assert.deepEqual([0, 1].map((i) => placeIn(places, i)), [[0, 0], [1, 0.25]]);
});

test("data, unit and quantized coordinates tell of the same places", () => {
  const { toData, fromData, quantized } = readPlaces(CARGO);
  assert.deepEqual([toData([0, 0]), toData([1, 0.25])], [[-10, 5], [10, 10]]);
  assert.deepEqual(fromData(toData([0.25, 0.125])), [0.25, 0.125]);
  assert.deepEqual(quantized(fromData([10, 10])), [65535, 65535]);
});

test("ids are added up from their steps, beyond 2³² − 1 from the start", () => {
  const steps = Uint32Array.of(7, 2, 2 ** 32 - 4);
  assert.deepEqual([...readPlaces({ ...CARGO, id_steps: steps }).ids], [7, 9, 5]);
  assert.deepEqual([...steps], [7, 2, 2 ** 32 - 4], "the message is left as it came");
  assert.equal(readPlaces(CARGO).ids, null);
});

test("crowding is of points by area, so that zoom and shape do not count", () => {
  const together = { ...CARGO, xy: new Uint16Array(200) };
  assert.equal(readPlaces(together).crowding, (100 * 65536) / 0.25);
});

test("what is shown whole holds the points and their copies", () => {
  const places = readPlaces(CARGO);
  assert.deepEqual(sidesOf(places, null), [0, 0, 1, 0.25]);
  const copies = { box: { origin: [0.5, -0.25], extent: [2, 0.25] } };
  assert.deepEqual(sidesOf(places, copies), [0, -0.25, 2.5, 0.25]);
});

test("copies lie in their own box, each with the line from its owner", () => {
  const copies = { low: [0, 5], span: [40, 20], xy: Uint16Array.of(65535, 0, 0, 65535, 0, 0) };
  const rest = { owners: Uint32Array.of(1, 0, 1), kinds: Uint8Array.of(0, 1, 1), names: ["a", "b", "c"], said: [] };
  const read = readCopies({ ...copies, ...rest }, readPlaces(CARGO));
  assert.deepEqual(read.box, { origin: [0.5, 0], extent: [2, 1] });
  assert.deepEqual([...read.ends], [1, 0.25, 2.5, 0, 0, 0, 0.5, 1, 1, 0.25, 0.5, 0]);
  assert.deepEqual([read.of(1), read.of(0), read.of(2)], [[0, 2], [1], []]);
  assert.deepEqual(read.counts, [1, 2, 0]);
});
