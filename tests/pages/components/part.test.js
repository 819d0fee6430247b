import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { columnsOf, mount as carry } from "../../../pages/ui/components/web/cargo.js";
import { connect } from "../../../pages/ui/components/web/part.js";

// As much of a page as bringing a component together needs.
const parent = () => {
  const nodes = [];
  const append = (...fresh) => {
    nodes.push(...fresh);
    for (const node of fresh) node.remove = () => nodes.splice(nodes.indexOf(node), 1);
  };
  return { nodes, append };
};
globalThis.document = { createElement: (tag) => ({ tag }) };

function pack(header) {
  const text = new TextEncoder().encode(JSON.stringify({ ...header, blocks: {} }).padEnd(252));
  const bytes = new Uint8Array(4 + text.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  return bytes;
}
function packColumns(fingerprint, header) {
  const packed = deflateSync(pack(header));
  const line = new TextEncoder().encode(`${fingerprint} ${packed.length}\n`);
  return Uint8Array.from([...line, ...packed, 0, 0, 0]);
}

// A component that writes down what happens to it.
function recorder() {
  const log = [];
  const mount = connect("/* its own */", () => {
    log.push("created");
    return {
      update: ({ step }, columns, more) => log.push(`${step} ${columns.title} ${Object.keys(more)}`),
      destroy: () => log.push("destroyed"),
    };
  });
  return { log, mount };
}
const view = (parentElement, step, columns, more = {}) => ({ parentElement, data: pack({ step, columns, more }) });

test("a component is drawn once its columns are here, whichever comes first", async () => {
  for (const columnsFirst of [true, false]) {
    const { log, mount } = recorder();
    const [fingerprint, home] = [`order-${columnsFirst}`, parent()];
    const carrier = () => carry({ parentElement: parent(), data: packColumns(fingerprint, { title: "points" }) });
    if (columnsFirst) await carrier();
    mount(view(home, 1, fingerprint));
    if (!columnsFirst) {
      assert.deepEqual(log, []);
      await carrier();
    }
    assert.deepEqual(log, ["created", "1 points "]);
    assert.deepEqual(home.nodes.map((node) => node.tag), ["style", "div"]);
    assert.match(home.nodes[0].textContent, /\.part[^]*\/\* its own \*\/$/);
  }
});

test("a message updates what is there, and at once", async () => {
  const { log, mount } = recorder();
  const home = parent();
  await carry({ parentElement: parent(), data: packColumns("steps", { title: "points" }) });
  mount(view(home, 1, "steps"));
  mount(view(home, 2, "steps"));
  assert.deepEqual(log, ["created", "1 points ", "2 points "]);
});

test("further columns are passed on as they arrive", async () => {
  const { log, mount } = recorder();
  await carry({ parentElement: parent(), data: packColumns("base", { title: "points" }) });
  mount(view(parent(), 1, "base", { selected: "mask" }));
  await carry({ parentElement: parent(), data: packColumns("mask", { title: "mask" }) });
  assert.deepEqual(log, ["created", "1 points ", "1 points selected"]);
});

test("leaving destroys the component; leaving an older message does not", async () => {
  const { log, mount } = recorder();
  const home = parent();
  await carry({ parentElement: parent(), data: packColumns("leave", { title: "points" }) });
  const leaveFirst = mount(view(home, 1, "leave"));
  const leaveSecond = mount(view(home, 2, "leave"));
  leaveFirst();
  assert.equal(home.nodes.length, 2);
  leaveSecond();
  assert.deepEqual(log.at(-1), "destroyed");
  assert.equal(home.nodes.length, 0);
});

test("columns are kept while a carrier has them", async () => {
  const data = packColumns("kept", { title: "points" });
  const carriers = [parent(), parent()];
  const leave = [];
  for (const parentElement of carriers) leave.push(await carry({ parentElement, data }));
  leave[0]();
  assert.equal(columnsOf("kept").title, "points");
  const other = { parentElement: carriers[1], data: packColumns("other", { title: "more" }) };
  const leaveOther = await carry(other);
  assert.equal(columnsOf("kept"), undefined);
  leave[1]();
  assert.equal(columnsOf("other").title, "more");
  leaveOther();
  assert.equal(columnsOf("other"), undefined);
});
