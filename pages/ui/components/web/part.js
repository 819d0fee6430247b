// A visible component: drawn once its style sheets and columns are here, then updated with every message from Python.

import { columnsOf, onArrival } from "./cargo.js";
import { unpack } from "./message.js";

const views = new Map(); // parent element -> { create, css, component, parameters, instance }

onArrival((fingerprint) => {
  for (const view of views.values()) {
    const { columns, more = {} } = view.parameters;
    if (columns === fingerprint || Object.values(more).includes(fingerprint)) draw(view);
  }
});

// Returns a component's `mount`. `create(root, send)` returns its `update(parameters, columns, more)` and `destroy()`;
// `sheet` is the address of its own style sheet.
export function connect(sheet, create) {
  const sheets = Promise.all([new URL("part.css", import.meta.url), sheet].map(textOf));
  let css = "";
  return async (component) => {
    const { parentElement } = component;
    const view = views.get(parentElement) ?? { create, instance: null };
    Object.assign(view, { component, parameters: unpack(component.data) });
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

async function textOf(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} cannot be loaded (${answer.status}); reload the page`);
  return answer.text();
}

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
  const more = {};
  for (const [name, fingerprint] of Object.entries(parameters.more ?? {})) {
    const there = columnsOf(fingerprint);
    if (there) more[name] = there;
  }
  view.instance.update(parameters, columns, more);
}

function remove(view) {
  views.delete(view.component.parentElement);
  view.instance?.destroy();
  view.nodes?.forEach((node) => node.remove());
}
