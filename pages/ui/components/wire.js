// Brings code, columns and parameters together, whichever comes first; see wire.py.

const hub = (() => {
  const early = globalThis.curation ?? [];
  if (!Array.isArray(early)) return early;

  const parts = new Map(); // component name -> { css, create }
  const cargo = new Map(); // fingerprint -> { columns, holders }
  const held = new Map(); // parent element of a carrier -> fingerprint
  const views = new Map(); // parent element of a view -> view

  function draw(view) {
    const part = parts.get(view.component.name);
    const columns = cargo.get(view.parameters.columns)?.columns;
    if (!part || !columns) return;
    if (!view.instance) {
      const style = document.createElement("style");
      style.textContent = part.css;
      const root = document.createElement("div");
      view.component.parentElement.append(style, root);
      view.instance = part.create(root, {
        state: (name, value) => view.component.setStateValue(name, value),
        trigger: (name, value) => view.component.setTriggerValue(name, value),
      });
      view.nodes = [style, root];
    }
    const more = {};
    for (const [name, fingerprint] of Object.entries(view.parameters.more ?? {})) {
      const there = cargo.get(fingerprint)?.columns;
      if (there) more[name] = there;
    }
    view.instance.update(view.parameters, columns, more);
  }

  const actions = {
    view(component) {
      const view = views.get(component.parentElement) ?? {};
      view.component = component;
      view.parameters = unpack(component.data);
      views.set(component.parentElement, view);
      draw(view);
    },
    async cargo({ parentElement, data }) {
      const end = data.indexOf(10);
      const [fingerprint, length] = new TextDecoder().decode(data.subarray(0, end)).split(" ");
      if (held.get(parentElement) === fingerprint) return;
      release(parentElement);
      held.set(parentElement, fingerprint);
      if (!cargo.has(fingerprint)) cargo.set(fingerprint, { columns: null, holders: new Set() });
      const entry = cargo.get(fingerprint);
      entry.holders.add(parentElement);
      if (entry.columns) return;
      const packed = new Blob([data.subarray(end + 1, end + 1 + Number(length))]);
      const stream = packed.stream().pipeThrough(new DecompressionStream("deflate"));
      entry.columns ??= unpack(new Uint8Array(await new Response(stream).arrayBuffer()));
      for (const view of views.values()) {
        const { columns, more = {} } = view.parameters;
        if (columns === fingerprint || Object.values(more).includes(fingerprint)) draw(view);
      }
    },
    remove({ parentElement }) {
      release(parentElement);
      const view = views.get(parentElement);
      views.delete(parentElement);
      view?.instance?.destroy();
      view?.nodes?.forEach((node) => node.remove());
    },
  };

  function release(place) {
    const fingerprint = held.get(place);
    held.delete(place);
    const entry = cargo.get(fingerprint);
    entry?.holders.delete(place);
    if (entry?.holders.size === 0) cargo.delete(fingerprint);
  }

  const self = {
    push: ([action, component]) => actions[action](component),
    connect(name, css, create) {
      if (parts.has(name)) return;
      parts.set(name, { css, create });
      for (const view of views.values()) if (view.component.name === name) draw(view);
    },
  };
  globalThis.curation = self;
  early.forEach(self.push);
  return self;
})();

function unpack(data) {
  const bytes = data.slice(); // a message's bytes may start anywhere, typed arrays may not
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const { blocks, ...header } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const kinds = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };
  for (const [name, [offset, size, kind]] of Object.entries(blocks)) {
    header[name] = new kinds[kind](bytes.buffer, 4 + length + offset, size);
  }
  return header;
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const count = (number) => Math.round(number).toLocaleString("en-US");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A color as [red, green, blue, alpha] in 0..255, whatever notation CSS uses.
const rgba = (() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  return (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
})();

function themeOf(node) {
  const style = getComputedStyle(node);
  const read = (name, fallback) => style.getPropertyValue(`--st-${name}`).trim() || fallback;
  const background = read("background-color", "#ffffff");
  const [red, green, blue] = rgba(background);
  return {
    background,
    dark: 0.3 * red + 0.59 * green + 0.11 * blue < 128,
    accent: read("primary-color", "#4f46e5"),
    text: read("text-color", "#1f2328"),
    border: read("border-color", "#d0d7de"),
    warning: read("orange-text-color", "#b45309"),
    font: read("font", "system-ui, sans-serif"),
  };
}

// Fits a canvas to its box at the screen's resolution and returns its context, scaled to CSS pixels.
function fitted(canvas, width, height) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Calls `work` at most once a frame.
function perFrame(work) {
  let asked = 0;
  const ask = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
  ask.cancel = () => {
    cancelAnimationFrame(asked);
    asked = 0;
  };
  return ask;
}
