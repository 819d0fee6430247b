// A visible component: drawn once its columns are here, then updated with every message from Python.

/** @import { Create, Message, Mounted, StreamlitComponent } from "./types.d.ts" */

import { columnsOf, onArrival } from "./cargo.js";
import { unpack } from "./message.js";
import common from "./part.css" with { type: "text" };

/** @type {Map<Element, Mounted>} */
const views = new Map(); // parent element -> { create, css, component, parameters, instance }

onArrival((fingerprint) => {
  for (const view of views.values()) {
    const { columns, more = {} } = view.parameters;
    if (columns === fingerprint || Object.values(more).includes(fingerprint)) draw(view);
  }
});

// Returns a component's `mount`. `create(root, send)` returns its `update(parameters, columns, more)` and `destroy()`;
// `css` is its own style sheet.
/** @type {(css: string, create: Create) => (component: StreamlitComponent) => () => void} */
export function connect(css, create) {
  const sheets = `${common}\n${css}`;
  return (component) => {
    const { parentElement } = component;
    const parameters = unpack(component.data);
    const view = views.get(parentElement) ?? { create, component, parameters, css: sheets, instance: null, nodes: [] };
    Object.assign(view, { component, parameters });
    views.set(parentElement, view);
    draw(view);
    return () => {
      // A view that has been mounted again since belongs to its latest message.
      if (view.component === component) remove(view);
    };
  };
}

/** @type {(view: Mounted) => void} */
function draw(view) {
  const { component, css, parameters } = view;
  const columns = columnsOf(parameters.columns);
  if (!columns) return;
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
