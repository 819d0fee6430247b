// What of the map lies under the pointer. `view` is the state of map.js.

/** @import { Camera, Hit, View } from "./types.d.ts" */

import { nearest, nearestEnd } from "./shapes.js";

const HIT_PX = 9;

// The copy, or else the point, nearest to a pixel and within reach; hidden ones do not count.
/** @type {(view: View, camera: Camera, px: number, py: number, visible: (point: number) => boolean) => Hit | null} */
export function hitAt({ data, copies, column, hidden }, camera, px, py, visible) {
  if (!data || !column) return null;
  const reach = HIT_PX / camera.scale;
  const at = camera.fromScreen(px, py);
  if (copies) {
    const { ends, kinds, owners } = copies;
    const copy = nearestEnd(ends, at, reach, (j) => !((hidden.kinds >> kinds[j]) & 1) && visible(owners[j]));
    if (copy >= 0) return { point: owners[copy], copy };
  }
  const found = nearest(data.grid, data.xy, ...data.quantized(at), ...data.quantized([reach, reach]), visible);
  return found < 0 ? null : { point: found, copy: -1 };
}
