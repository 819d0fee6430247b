// Reads a request from standard input, answers with what the browser would compute; run by test_javascript.py.

import { inflate } from "../../../pages/ui/components/web/message.js";
import { buildGrid, markInside } from "../../../pages/ui/components/web/shapes.js";

const { lassos, message } = await new Response(Deno.stdin.readable).json();

const inside = lassos.map(({ places, corners }) => {
  const xy = Uint16Array.from(places);
  const flags = new Uint8Array(xy.length / 2).fill(5);
  markInside(flags, 2, buildGrid(xy), xy, corners);
  return [...flags];
});
const columns = await inflate(Uint8Array.from(message));
for (const [name, value] of Object.entries(columns)) {
  if (ArrayBuffer.isView(value)) columns[name] = { kind: value.constructor.name, values: [...value] };
}

console.log(JSON.stringify({ inside, columns }));
