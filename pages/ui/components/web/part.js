// A visible component: drawn once its style sheets and columns are here, then updated with every message from Python.

/** @import { Create, Message, Mounted, StreamlitComponent } from "./types.d.ts" */

import { columnsOf, onArrival } from "./cargo.js";
import { unpack } from "./message.js";

/** @type {Map<Element, Mounted>} */
const views = new Map(); // parent element -> { create, css, component, parameters, instance }

onArrival((fingerprint) => {
  for (const view of views.values()) {
    const { columns, more = {} } = view.parameters;
    if (columns === fingerprint || Object.values(more).includes(fingerprint)) draw(view);
  }
});

// Returns a component's `mount`. `create(root, send)` returns its `update(parameters, columns, more)` and `destroy()`;
// `sheet` is the address of its own style sheet.
/** @type {(sheet: URL, create: Create) => (component: StreamlitComponent) => Promise<() => void>} */
export function connect(sheet, create) {
  const sheets = Promise.all([new URL("part.css", import.meta.url), sheet].map(textOf));
  let css = "";
  return async (component) => {
    const { parentElement } = component;
    const parameters = unpack(component.data);
    const view = views.get(parentElement) ?? { create, component, parameters, css, instance: null, nodes: [] };
    Object.assign(view, { component, parameters });
    views.set(parentElement, view);
    css ||= (await sheets).join("\n");
    view.css = css;
    if (views.get(parentElement) === view) draw(view);
    return () => {
      // A view that has been mounted again since belongs to its latest message.
      if (view.component === component) remove(view);
    };
  };
}

/** @type {(url: URL) => Promise<string>} */
async function textOf(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} cannot be loaded (${answer.status}); reload the page`);
  return answer.text();
}

/** @type {(view: Mounted) => void} */
function draw(view) {
  const { component, css, parameters } = view;
  const columns = columnsOf(parameters.columns);
  if (!css || !columns) return;
  if (!view.instance) {
    const style = document.createElement("style");
    style.textContent = css;
    const root = document.createElement("div");
    component.parentElement.append(style, root);
    view.nodes = [style, root];
    view.instance = view.create(root, {
      state: (name, value) => view.component.setStateValue(name, value),
      trigger: (name, value) => view.component.setTriggerValue(name, value),
    });
  }
  /** @type {Record<string, Message>} */
  const more = {};
  for (const [name, fingerprint] of Object.entries(parameters.more ?? {})) {
    const there = columnsOf(fingerprint);
    if (there) more[name] = there;
  }
  view.instance.update(parameters, columns, more);
}

/** @type {(view: Mounted) => void} */
function remove(view) {
  views.delete(view.component.parentElement);
  view.instance?.destroy();
  view.nodes.forEach((node) => node.remove());
}
