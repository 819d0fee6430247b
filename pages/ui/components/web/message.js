// The bytes that Python packs; see `pack` and `pack_columns` in wire.py.

/** @import { Bytes, Message } from "./types.d.ts" */

/** @type {Record<string, Uint8ArrayConstructor | Uint16ArrayConstructor | Uint32ArrayConstructor | Float32ArrayConstructor>} */
const KINDS = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

// A JSON header and its named arrays, as one object.
/** @type {(data: Uint8Array) => Message} */
export function unpack(data) {
  const bytes = data.slice(); // a message's bytes may start anywhere, typed arrays may not
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const { blocks, ...header } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  for (
    const [name, [offset, size, kind]] of Object.entries(
      /** @type {Record<string, [number, number, string]>} */ (blocks),
    )
  ) {
    header[name] = new KINDS[kind](bytes.buffer, 4 + length + offset, size);
  }
  return header;
}

// What columns are called, and where their packed bytes begin and end.
/** @type {(data: Uint8Array) => { fingerprint: string, start: number, end: number }} */
export function address(data) {
  const line = data.indexOf(10);
  const [fingerprint, length] = new TextDecoder().decode(data.subarray(0, line)).split(" ");
  return { fingerprint, start: line + 1, end: line + 1 + Number(length) };
}

/** @type {(data: Bytes) => Promise<Message>} */
export async function inflate(data) {
  const { start, end } = address(data);
  const stream = new Blob([data.subarray(start, end)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return unpack(new Uint8Array(await new Response(stream).arrayBuffer()));
}
