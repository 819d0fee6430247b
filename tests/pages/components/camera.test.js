import assert from "node:assert/strict";
import { test } from "node:test";

import { createCamera } from "../../../pages/ui/components/web/camera.js";

// Nothing glides in these tests.
globalThis.cancelAnimationFrame ??= () => {};

function cameraOf(width, height) {
  const moves = [];
  const camera = createCamera(() => moves.push(1));
  camera.resize(width, height);
  return { camera, moves };
}

const near = (found, expected, tolerance = 1e-9) =>
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < tolerance, `${found} is not ${expected}`));

test("screen and map lead back to each other", () => {
  const { camera } = cameraOf(800, 500);
  camera.pan(37, -20);
  camera.zoomAt(100, 90, 3);
  near(camera.fromScreen(...camera.toScreen([0.3, 0.8])), [0.3, 0.8]);
  near(camera.toScreen(camera.fromScreen(12, 480)), [12, 480], 1e-6);
});

test("all is shown in the middle, the shorter side filled to 94 %", () => {
  const { camera } = cameraOf(800, 500);
  near(camera.toScreen([0.5, 0.5]), [400, 250]);
  near([camera.scale], [470]);
  camera.frame([0, 0, 2, 1]);
  near([camera.scale], [376]);
  near(camera.toScreen([1, 0.5]), [400, 250]);
});

test("a map shown whole stays whole when its room changes, one that was moved stays put", () => {
  const { camera } = cameraOf(800, 500);
  camera.resize(400, 400);
  near([camera.scale], [376]);
  camera.pan(10, 0);
  camera.resize(300, 300);
  near([camera.scale], [376]);
  camera.fit();
  near([camera.scale], [282]);
});

test("what is under the pointer stays there while zooming", () => {
  const { camera, moves } = cameraOf(800, 500);
  const under = camera.fromScreen(620, 130);
  camera.zoomAt(620, 130, 2.5);
  near(camera.toScreen(under), [620, 130], 1e-6);
  assert.equal(moves.length, 1);
});

test("zooming ends at half the whole and at 400 times it", () => {
  const { camera } = cameraOf(800, 500);
  camera.zoomAt(0, 0, 1e-9);
  near([camera.scale], [235]);
  camera.zoomAt(0, 0, 1e9);
  near([camera.scale], [470 * 400], 1e-6);
});

test("panning moves the map with the hand", () => {
  const { camera } = cameraOf(800, 500);
  const before = camera.toScreen([0.2, 0.2]);
  camera.pan(30, -12);
  near(camera.toScreen([0.2, 0.2]), [before[0] + 30, before[1] - 12], 1e-6);
});
