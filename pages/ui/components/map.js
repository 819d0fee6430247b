// The map: points in WebGL2, everything else in one 2D canvas above them.

const VERTEX = `#version 300 es
layout(location = 0) in vec2 position;
layout(location = 1) in float code;
layout(location = 2) in float flags;
uniform vec2 extent, centre, zoom;
uniform float size, faded, solid;
uniform int mode, isolated, layer, marks;
uniform vec4 accent, quiet;
uniform sampler2D ramp;
out vec4 colour;
void main() {
  int bits = int(flags + 0.5);
  int value = int(code + 0.5);
  bool shown = isolated < 0 || value == isolated;
  bool front = (bits & marks) == marks;
  if (!shown || front != (layer == 1)) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  gl_Position = vec4((position * extent - centre) * zoom, 0.0, 1.0);
  gl_PointSize = front ? size : max(1.5, size * 0.85);
  vec4 base = mode == 2 ? ((bits & 1) == 1 ? accent : quiet) : texelFetch(ramp, ivec2(value & 255, mode), 0);
  float alpha = front ? solid : faded;
  colour = vec4(base.rgb * alpha, alpha);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour;
uniform float size;
out vec4 pixel;
void main() {
  float edge = size < 3.0 ? 1.0 : 1.0 - smoothstep(0.5 - 1.0 / size, 0.5, length(gl_PointCoord - 0.5));
  pixel = colour * edge;
}`;

const ICONS = {
  pan: "M5 9V4.5a1.5 1.5 0 0 1 3 0V8m0-4.500a1.500 1.500 0 0 1 3 0V8m0-3a1.500 1.500 0 0 1 3 0v5.500c0 3-2 5-5 5s-4-1.200-5.300-3.500L2.300 9.500a1.300 1.300 0 0 1 2.200-1.400z",
  lasso: "M9 3c4 0 7 1.800 7 4.200s-3 4.300-7 4.300-7-1.900-7-4.300S5 3 9 3zM5.500 11c-1.800.8-1.500 3 .3 3s1.600-2-.3-3zm1.600 2.500c.2 1.500-.6 2.500-1.600 3",
  box: "M3 6V3h3m3 0h1m3 0h3v3m0 3v1m0 3v3h-3m-3 0H9m-3 0H3v-3m0-3V9",
  closer: "M9 4v10M4 9h10",
  farther: "M4 9h10",
  fit: "M3 7V3h4m4 0h4v4m0 4v4h-4m-4 0H3v-4",
};
const CELLS = 256;
const CORNERS = 128;
const HIT_PX = 9;

// Categorical colours: the shared ten, then hues by the golden angle in three lightnesses.
function categorical(index) {
  if (index < THEME.categorical.length) return THEME.categorical[index];
  return `oklch(${[0.62, 0.74, 0.5][index % 3]} ${[0.15, 0.11, 0.13][index % 3]} ${(index * 137.508) % 360})`;
}

function sequential(share, dark) {
  const stops = THEME.sequential;
  const place = clamp(dark ? share : 1 - share, 0, 1) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  return `color-mix(in srgb, ${stops[below]}, ${stops[below + 1]} ${(place - below) * 100}%)`;
}

// Douglas–Peucker, with a tolerance that grows until few enough corners are left.
function simplified(path) {
  for (let tolerance = 0.75; ; tolerance *= 1.5) {
    const keep = new Uint8Array(path.length);
    keep[0] = keep[path.length - 1] = 1;
    const spans = [[0, path.length - 1]];
    while (spans.length) {
      const [first, last] = spans.pop();
      const [ax, ay] = path[first];
      const [dx, dy] = [path[last][0] - ax, path[last][1] - ay];
      const length = Math.hypot(dx, dy);
      let [worst, at] = [tolerance, -1];
      for (let i = first + 1; i < last; i += 1) {
        const [px, py] = [path[i][0] - ax, path[i][1] - ay];
        const distance = length ? Math.abs(px * dy - py * dx) / length : Math.hypot(px, py);
        if (distance > worst) [worst, at] = [distance, i];
      }
      if (at >= 0) {
        keep[at] = 1;
        spans.push([first, at], [at, last]);
      }
    }
    const kept = path.filter((_, i) => keep[i]);
    if (kept.length <= CORNERS) return kept;
  }
}

function create(root, send) {
  root.className = "part map";
  const points = element("canvas", { class: "points", tabindex: "0", role: "application" });
  const over = element("canvas", { class: "over", "aria-hidden": "true" });
  const tip = element("div", { class: "tip", role: "status", hidden: "" });
  const tools = element("div", { class: "tools", role: "toolbar", "aria-label": "Map tools" });
  const status = element("div", { class: "status", role: "status" });
  const stage = element("div", { class: "stage" }, points, over, tools, status, tip);
  const modes = element("div", { class: "modes", role: "group", "aria-label": "Colour points by" });
  const legend = element("div", { class: "legend", role: "group" });
  root.append(stage, element("div", { class: "side" }, modes, legend));

  const gl = points.getContext("webgl2", { antialias: false });
  if (!gl) {
    stage.replaceChildren(element("p", { class: "failure" }, "The map needs WebGL2, which this browser has switched off."));
    return { update() {}, destroy() {} };
  }

  let data = null; // columns
  let extent = [1, 1]; // width and height of the data, longer side 1
  let flags = new Uint8Array(0); // bit 0: selected, bit 1: inside the polygon
  let marked = { selected: false, polygon: false };
  let grid = null;
  let mode = null;
  let asked = null; // colour mode last asked for by Python
  let isolated = -1;
  let tool = "pan";
  let polygon = []; // in data coordinates
  let told = "[]"; // polygon in the last message from Python
  let drawing = null; // path in pixels
  let hovered = -1;
  let picked = -1;
  let camera = { x: 0.5, y: 0.5, scale: 1 };
  let whole = true; // nobody has moved the camera yet
  let [width, height] = [1, 1];
  let colours = null;
  let anchors = [];
  let counts = null;
  const pointers = new Map();
  const gpu = {};

  // ---- GPU ---------------------------------------------------------------------------------------------------

  function compile() {
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gpu.program = program;
    gpu.at = new Proxy({}, { get: (known, name) => (known[name] ??= gl.getUniformLocation(program, name)) });
    gpu.position = gl.createBuffer();
    gpu.code = gl.createBuffer();
    gpu.flags = gl.createBuffer();
    gpu.ramp = gl.createTexture();
  }

  function fill(buffer, location, size, array, normalised) {
    const type = { Uint8Array: gl.UNSIGNED_BYTE, Uint16Array: gl.UNSIGNED_SHORT }[array.constructor.name];
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, type, normalised, 0, 0);
  }

  const codes = () => (mode === "cluster" ? data.cluster : mode === "score" ? data.score : data.label);

  function uploadRamp() {
    const pixels = new Uint8Array(2 * 256 * 4);
    for (let i = 0; i < 256; i += 1) {
      pixels.set(rgba(categorical(i)), 4 * i);
      pixels.set(rgba(sequential(i / 255, colours.dark)), 4 * (256 + i));
    }
    gl.bindTexture(gl.TEXTURE_2D, gpu.ramp);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 2, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  function uploadAll() {
    if (!data) return;
    fill(gpu.position, 0, 2, data.xy, true);
    fill(gpu.code, 1, 1, codes(), false);
    fill(gpu.flags, 2, 1, flags, false);
    uploadRamp();
  }

  function pointSize() {
    const room = Math.sqrt((width * height) / Math.max(1, flags.length));
    const closer = Math.max(1, camera.scale / fitScale());
    return clamp(room * 0.5 * closer ** 0.45, 1.6, 11);
  }

  function drawPoints() {
    const ratio = points.width / width;
    const { at } = gpu;
    gl.viewport(0, 0, points.width, points.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.useProgram(gpu.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const marks = (marked.selected && mode !== "selected" ? 1 : 0) | (marked.polygon ? 2 : 0);
    gl.uniform2f(at.extent, ...extent);
    gl.uniform2f(at.centre, camera.x, camera.y);
    gl.uniform2f(at.zoom, (2 * camera.scale) / width, (2 * camera.scale) / height);
    gl.uniform1f(at.size, pointSize() * ratio);
    gl.uniform1f(at.faded, colours.dark ? 0.2 : 0.16);
    gl.uniform1f(at.solid, flags.length > 2e5 ? 0.55 : 0.82);
    gl.uniform1i(at.mode, { score: 1, selected: 2 }[mode] ?? 0);
    gl.uniform1i(at.isolated, isolated);
    gl.uniform1i(at.marks, marks);
    gl.uniform4f(at.accent, ...colours.accentRgba);
    gl.uniform4f(at.quiet, ...colours.quietRgba);
    for (const layer of marks ? [0, 1] : [1]) {
      gl.uniform1i(at.layer, layer);
      gl.drawArrays(gl.POINTS, 0, flags.length);
    }
  }

  // ---- Places ------------------------------------------------------------------------------------------------

  const fitScale = () => 0.94 * Math.min(width / extent[0], height / extent[1]);
  const toScreen = (u, v) => [width / 2 + (u - camera.x) * camera.scale, height / 2 - (v - camera.y) * camera.scale];
  const fromScreen = (px, py) => [camera.x + (px - width / 2) / camera.scale, camera.y - (py - height / 2) / camera.scale];
  const longest = () => Math.max(...data.span);
  const toData = ([u, v]) => [data.low[0] + u * longest(), data.low[1] + v * longest()];
  const fromData = ([x, y]) => [(x - data.low[0]) / longest(), (y - data.low[1]) / longest()];
  const place = (i) => [(data.xy[2 * i] / 65535) * extent[0], (data.xy[2 * i + 1] / 65535) * extent[1]];

  function fit() {
    whole = true;
    camera = { x: extent[0] / 2, y: extent[1] / 2, scale: fitScale() };
  }

  function zoomAt(px, py, factor) {
    whole = false;
    const [u, v] = fromScreen(px, py);
    const scale = clamp(camera.scale * factor, fitScale() * 0.5, fitScale() * 400);
    camera = { scale, x: u - (px - width / 2) / scale, y: v + (py - height / 2) / scale };
    redraw();
  }

  function glideToFit() {
    const from = { ...camera };
    const target = { x: extent[0] / 2, y: extent[1] / 2, scale: fitScale() };
    whole = true;
    const start = performance.now();
    const step = (now) => {
      const t = clamp((now - start) / 180, 0, 1);
      const eased = 1 - (1 - t) ** 3;
      for (const name of ["x", "y", "scale"]) camera[name] = from[name] + (target[name] - from[name]) * eased;
      redraw();
      if (t < 1 && data) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  // Counting sort of the points into square cells, for hovering.
  function buildGrid() {
    const starts = new Uint32Array(CELLS * CELLS + 1);
    const cell = (i) => (data.xy[2 * i + 1] >> 8) * CELLS + (data.xy[2 * i] >> 8);
    for (let i = 0; i < flags.length; i += 1) starts[cell(i) + 1] += 1;
    for (let i = 0; i < CELLS * CELLS; i += 1) starts[i + 1] += starts[i];
    const order = new Uint32Array(flags.length);
    const next = starts.slice();
    for (let i = 0; i < flags.length; i += 1) {
      order[next[cell(i)]] = i;
      next[cell(i)] += 1;
    }
    return { starts, order };
  }

  function hit(px, py) {
    grid ??= buildGrid();
    const [u, v] = fromScreen(px, py);
    const reach = HIT_PX / camera.scale;
    const cell = (value, side) => clamp(Math.floor((value / side) * CELLS), 0, CELLS - 1);
    let [best, found] = [reach * reach, -1];
    const shown = codes();
    for (let row = cell(v - reach, extent[1]); row <= cell(v + reach, extent[1]); row += 1) {
      for (let column = cell(u - reach, extent[0]); column <= cell(u + reach, extent[0]); column += 1) {
        const at = row * CELLS + column;
        for (let k = grid.starts[at]; k < grid.starts[at + 1]; k += 1) {
          const i = grid.order[k];
          if (isolated >= 0 && shown[i] !== isolated) continue;
          const [x, y] = place(i);
          const distance = (x - u) ** 2 + (y - v) ** 2;
          if (distance < best) [best, found] = [distance, i];
        }
      }
    }
    return found;
  }

  function markInside() {
    const corners = polygon.map(fromData).map(([u, v]) => [(u / extent[0]) * 65535, (v / extent[1]) * 65535]);
    const [xs, ys] = [corners.map((c) => c[0]), corners.map((c) => c[1])];
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    for (let i = 0; i < flags.length; i += 1) {
      const [x, y] = [data.xy[2 * i], data.xy[2 * i + 1]];
      let inside = false;
      if (x >= left && x <= right && y >= low && y <= high) {
        for (let a = 0, b = corners.length - 1; a < corners.length; b = a, a += 1) {
          const [[ax, ay], [bx, by]] = [corners[a], corners[b]];
          if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
        }
      }
      flags[i] = (flags[i] & 1) | (inside ? 2 : 0);
    }
    marked.polygon = corners.length > 2;
    if (gpu.flags) fill(gpu.flags, 2, 1, flags, false);
  }

  function setPolygon(corners, tell) {
    polygon = corners;
    markInside();
    if (tell) send.state("polygon", corners);
    describe();
    redraw();
  }

  // ---- Drawing above the points ------------------------------------------------------------------------------

  function drawOver() {
    const context = fitted(over, width, height);
    if (["label", "cluster"].includes(mode)) {
      context.font = `600 11.5px ${colours.font}`;
      context.textAlign = "center";
      context.lineJoin = "round";
      context.lineWidth = 3.5;
      context.strokeStyle = colours.background;
      context.fillStyle = colours.text;
      for (const { name, u, v, code } of anchors) {
        if (isolated >= 0 && code !== isolated) continue;
        const [px, py] = toScreen(u, v);
        context.globalAlpha = 0.85;
        context.strokeText(name, px, py);
        context.globalAlpha = 1;
        context.fillText(name, px, py);
      }
    }
    const outline = drawing ? drawing : polygon.map(fromData).map(([u, v]) => toScreen(u, v));
    if (outline.length > 1) {
      context.beginPath();
      outline.forEach(([px, py], i) => (i ? context.lineTo(px, py) : context.moveTo(px, py)));
      context.closePath();
      context.fillStyle = colours.accent;
      context.globalAlpha = 0.08;
      context.fill();
      context.globalAlpha = 1;
      context.strokeStyle = colours.accent;
      context.lineWidth = 1.5;
      context.stroke();
    }
    for (const [index, line] of [[picked, 2.5], [hovered, 1.5]]) {
      if (index < 0) continue;
      context.beginPath();
      context.arc(...toScreen(...place(index)), pointSize() / 2 + 3.5, 0, 7);
      context.strokeStyle = colours.text;
      context.lineWidth = line;
      context.stroke();
    }
  }

  const redraw = perFrame(() => {
    if (!data || gl.isContextLost()) return;
    drawPoints();
    drawOver();
  });

  // The busiest cell of each class: a mean would fall between two groups.
  function findAnchors() {
    const names = mode === "label" ? data.class_names : null;
    const shown = codes();
    const kinds = shown.reduce((most, code) => Math.max(most, code), 0) + 1;
    if (kinds > 40) return [];
    const side = 24;
    const busy = new Uint32Array(kinds * side * side);
    for (let i = 0; i < shown.length; i += 1) {
      const column = Math.floor((data.xy[2 * i] * side) / 65536);
      const row = Math.floor((data.xy[2 * i + 1] * side) / 65536);
      busy[(shown[i] * side + row) * side + column] += 1;
    }
    const found = [];
    for (let code = 0; code < kinds; code += 1) {
      const cells = busy.subarray(code * side * side, (code + 1) * side * side);
      let at = 0;
      cells.forEach((number, i) => (at = number > cells[at] ? i : at));
      if (!cells[at]) continue;
      const [u, v] = [((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side];
      found.push({ code, name: names ? names[code] : String(code), u: u * extent[0], v: v * extent[1] });
    }
    return found;
  }

  // ---- Words -------------------------------------------------------------------------------------------------

  function tally() {
    const shown = codes();
    const all = new Uint32Array(shown.reduce((most, code) => Math.max(most, code), data.class_names.length - 1) + 1);
    const chosen = new Uint32Array(all.length);
    for (let i = 0; i < shown.length; i += 1) {
      all[shown[i]] += 1;
      if (flags[i] & 1) chosen[shown[i]] += 1;
    }
    counts = { all, chosen };
  }

  function drawLegend() {
    legend.classList.toggle("isolating", isolated >= 0);
    if (mode === "score" || mode === "selected") {
      const kind = mode === "score" ? "scale" : "swatches";
      const stops = Array.from({ length: 9 }, (_, i) => sequential(i / 8, colours.dark)).join(",");
      legend.replaceChildren(
        ...(kind === "scale"
          ? [
              element("p", {}, `Coloured by ${data.score_name}`),
              element("div", { class: "scale", style: `background:linear-gradient(90deg,${stops})` }),
              element("div", { class: "ends" }, element("span", {}, "0 %"), element("span", {}, "100 %")),
            ]
          : [element("p", {}, "Selected images in the accent colour, the others grey")]),
      );
      return;
    }
    legend.setAttribute("aria-label", `Show one ${mode} only`);
    legend.replaceChildren(
      ...Array.from(counts.all, (number, code) => {
        if (!number) return "";
        const name = mode === "label" ? data.class_names[code] : `Cluster ${code}`;
        const words = marked.selected ? `${count(counts.chosen[code])} / ${count(number)}` : count(number);
        const button = element(
          "button",
          { type: "button", "aria-pressed": String(code === isolated), title: `Show only ${name}` },
          element("i", { style: `--swatch:${categorical(code)}` }),
          element("span", {}, name),
          element("small", {}, words),
        );
        button.addEventListener("click", () => {
          isolated = isolated === code ? -1 : code;
          describe();
          drawLegend();
          redraw();
        });
        return button;
      }),
    );
  }

  function describe() {
    const total = flags.length;
    const [shown, parts] = [codes(), []];
    let [visible, selected, inside] = [0, 0, 0];
    for (let i = 0; i < total; i += 1) {
      if (isolated >= 0 && shown[i] !== isolated) continue;
      visible += 1;
      selected += flags[i] & 1;
      inside += flags[i] >> 1;
    }
    const fact = (number, words) => parts.push(element("span", {}, element("b", {}, count(number)), ` ${words}`));
    fact(visible, isolated >= 0 ? `of ${count(total)} shown` : "images");
    if (marked.selected) fact(selected, "selected");
    if (marked.polygon) {
      fact(inside, "in the lasso");
      const clear = element("button", { type: "button", title: "Clear the lasso (Escape)" }, "Clear");
      clear.addEventListener("click", () => setPolygon([], true));
      parts.push(clear);
    }
    status.replaceChildren(...parts);
    points.setAttribute(
      "aria-label",
      `Map of ${count(total)} images. Arrow keys move, plus and minus zoom, 0 shows all, shift and drag draws a lasso, ` +
        `Escape clears it. ${status.textContent}`,
    );
  }

  function showTip(px, py) {
    tip.hidden = hovered < 0;
    if (hovered < 0) return;
    const lines = [`#${data.ids ? data.ids[hovered] : hovered}  ${data.class_names[data.label[hovered]]}`];
    if (data.score) lines.push(`${data.score_name} ${percent(data.score[hovered] / 255, 0)}`);
    if (data.cluster) lines.push(`cluster ${data.cluster[hovered]}`);
    tip.textContent = lines.join("\n");
    tip.style.left = `${clamp(px + 14, 4, width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${clamp(py + 14, 4, height - tip.offsetHeight - 4)}px`;
  }

  // ---- Hands -------------------------------------------------------------------------------------------------

  const where = (event) => {
    const box = points.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  function setTool(name) {
    tool = name;
    points.style.cursor = tool === "pan" ? "grab" : "crosshair";
    for (const button of tools.children) {
      if (button.dataset.tool) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
  }

  function hover([px, py]) {
    const found = hit(px, py);
    if (found !== hovered) {
      hovered = found;
      redraw();
    }
    showTip(px, py);
  }

  let gesture = null;
  points.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    points.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, where(event));
    hovered = -1;
    showTip();
    if (pointers.size > 1) {
      [gesture, drawing] = ["pinch", null];
      return;
    }
    gesture = event.shiftKey ? "lasso" : tool;
    points.down = { at: where(event), moved: false };
    if (gesture !== "pan") drawing = [where(event)];
  });

  points.addEventListener("pointermove", (event) => {
    const now = where(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") hover(now);
      return;
    }
    if (Math.hypot(now[0] - points.down.at[0], now[1] - points.down.at[1]) > 4) points.down.moved = true;
    if (gesture === "pinch") {
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const spread = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
        camera.x -= (now[0] - before[0]) / 2 / camera.scale;
        camera.y += (now[1] - before[1]) / 2 / camera.scale;
        zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, spread(now) / spread(before));
      }
    } else if (gesture === "pan") {
      whole = false;
      camera.x -= (now[0] - before[0]) / camera.scale;
      camera.y += (now[1] - before[1]) / camera.scale;
    } else if (gesture === "box") {
      const [[ax, ay], [bx, by]] = [points.down.at, now];
      drawing = [[ax, ay], [bx, ay], [bx, by], [ax, by]];
    } else if (gesture === "lasso") {
      drawing.push(now);
    }
    pointers.set(event.pointerId, now);
    redraw();
  });

  function lift(event) {
    if (!pointers.delete(event.pointerId)) return;
    if (gesture === "pinch") {
      if (!pointers.size) gesture = null;
      return;
    }
    const path = drawing;
    drawing = null;
    gesture = null;
    if (event.type === "pointercancel") return redraw();
    if (!points.down.moved) {
      const found = hit(...where(event));
      if (found >= 0) {
        picked = found;
        send.trigger("picked", found);
      }
    } else if (path && path.length > 2) {
      const corners = simplified(path).map(([px, py]) => toData(fromScreen(px, py)).map((x) => Number(x.toPrecision(6))));
      if (corners.length > 2) setPolygon(corners, true);
    }
    redraw();
  }
  points.addEventListener("pointerup", lift);
  points.addEventListener("pointercancel", lift);
  points.addEventListener("pointerleave", () => {
    hovered = -1;
    showTip();
    redraw();
  });
  points.addEventListener("dblclick", glideToFit);
  points.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomAt(...where(event), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)));
    },
    { passive: false },
  );

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && (polygon.length || drawing)) {
      drawing = null;
      if (polygon.length) setPolygon([], true);
      redraw();
      event.stopPropagation();
    }
    if (event.target !== points) return;
    const step = 40 / camera.scale;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) {
      whole = false;
      camera.x += moves[event.key][0];
      camera.y += moves[event.key][1];
    } else if (event.key === "+" || event.key === "=") zoomAt(width / 2, height / 2, 1.4);
    else if (event.key === "-") zoomAt(width / 2, height / 2, 1 / 1.4);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
    redraw();
  });

  const commands = {
    pan: ["Pan", () => setTool("pan")],
    lasso: ["Lasso (or shift and drag)", () => setTool("lasso")],
    box: ["Box", () => setTool("box")],
    closer: ["Zoom in", () => zoomAt(width / 2, height / 2, 1.6)],
    farther: ["Zoom out", () => zoomAt(width / 2, height / 2, 1 / 1.6)],
    fit: ["Show all (double-click)", glideToFit],
  };
  for (const [name, [title, run]] of Object.entries(commands)) {
    const button = element("button", { type: "button", title, "aria-label": title });
    button.innerHTML = `<svg viewBox="0 0 18 18" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
    if (["pan", "lasso", "box"].includes(name)) button.dataset.tool = name;
    if (name === "closer") button.className = "apart";
    button.addEventListener("click", run);
    tools.append(button);
  }
  setTool("pan");

  function setMode(name) {
    mode = name;
    isolated = -1;
    fill(gpu.code, 1, 1, codes(), false);
    anchors = ["label", "cluster"].includes(mode) ? findAnchors() : [];
    tally();
    for (const button of modes.children) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    describe();
    drawLegend();
    redraw();
  }

  function offerModes() {
    const offered = ["label", data.cluster && "cluster", data.score && "score", marked.selected && "selected"].filter(Boolean);
    if (offered.join() === [...modes.children].map((button) => button.dataset.mode).join()) return offered;
    modes.replaceChildren(
      ...offered.map((name) => {
        const words = { label: "Label", cluster: "Cluster", score: "Score", selected: "Selected" }[name];
        const button = element("button", { type: "button", "data-mode": name, "aria-pressed": "false" }, words);
        button.addEventListener("click", () => setMode(name));
        return button;
      }),
    );
    return offered;
  }

  // ---- Life --------------------------------------------------------------------------------------------------

  const resized = new ResizeObserver(() => {
    root.classList.toggle("narrow", root.clientWidth < 640);
    const box = stage.getBoundingClientRect();
    if (!box.width || !box.height) return;
    [width, height] = [stage.clientWidth, stage.clientHeight];
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    [points.width, points.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (whole) fit();
    redraw();
  });
  resized.observe(root);
  resized.observe(stage);
  points.addEventListener("webglcontextlost", (event) => event.preventDefault());
  points.addEventListener("webglcontextrestored", () => {
    compile();
    uploadAll();
    redraw();
  });
  compile();

  return {
    update(parameters, columns) {
      const style = themeOf(root);
      const unit = (colour) => rgba(colour).map((value) => value / 255);
      colours = { ...style, accentRgba: unit(style.accent), quietRgba: unit(style.dark ? "#5b606b" : "#b9bec8") };
      const fresh = columns !== data;
      if (fresh) {
        data = columns;
        const most = Math.max(...data.span);
        extent = data.span.map((side) => side / most);
        flags = new Uint8Array(data.label.length);
        [grid, hovered, picked] = [null, -1, -1];
        fit();
      }
      stage.style.height = `${parameters.height_px}px`;
      marked.selected = Boolean(parameters.selected);
      for (let i = 0; i < flags.length; i += 1) {
        const bit = marked.selected ? (parameters.selected[i >> 3] >> (i & 7)) & 1 : 0;
        flags[i] = (flags[i] & 2) | bit;
      }
      const corners = [];
      for (let i = 0; i < parameters.polygon.length; i += 2) corners.push([...parameters.polygon.subarray(i, i + 2)]);
      const now = JSON.stringify(corners);
      // Only a polygon that Python changed counts: an older one may still be on its way while the user draws.
      const near = (a, b) => a.length === b.length && a.every((p, i) => p.every((x, k) => Math.abs(x - b[i][k]) < 1e-4 * longest()));
      if (now !== told && !near(corners, polygon)) polygon = corners;
      told = now;
      if (fresh || polygon.length || marked.polygon) markInside();
      const offered = offerModes();
      uploadAllLater(fresh);
      const wanted = parameters.colour !== asked ? parameters.colour : mode;
      asked = parameters.colour;
      const next = offered.includes(wanted) ? wanted : "label";
      if (fresh || next !== mode) setMode(next);
      else {
        tally();
        describe();
        drawLegend();
      }
      redraw();
    },
    destroy() {
      redraw.cancel();
      resized.disconnect();
      data = null;
      gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };

  function uploadAllLater(fresh) {
    if (fresh) fill(gpu.position, 0, 2, data.xy, true);
    fill(gpu.flags, 2, 1, flags, false);
    uploadRamp();
  }
}
