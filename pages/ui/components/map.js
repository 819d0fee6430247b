// The map: points.js draws the points, a 2D canvas above them everything else; shapes.js knows where things are.

const ICONS = {
  pan: "M6 9.500V4.800a1.200 1.200 0 0 1 2.400 0V8.500M8.400 8V3.700a1.200 1.200 0 0 1 2.400 0V8m0 .300V4.900a1.200 1.200 0 0 1 2.400 0v5.600c0 3-1.800 5-4.700 5-2.400 0-3.600-1-4.800-3.100L2.600 10a1.200 1.200 0 0 1 2-1.300L6 10.500",
  lasso: "M9 3c4 0 7 1.800 7 4.200s-3 4.300-7 4.300-7-1.900-7-4.300S5 3 9 3zM5.500 11c-1.800.8-1.500 3 .3 3s1.600-2-.3-3zm1.600 2.500c.2 1.500-.6 2.500-1.600 3",
  box: "M3 6V3h3m2 0h2m2 0h3v3m0 2v2m0 2v3h-3m-2 0H8m-2 0H3v-3m0-2V8",
  closer: "M9 4v10M4 9h10",
  farther: "M4 9h10",
  fit: "M3 7V3h4m4 0h4v4m0 4v4h-4m-4 0H3v-4",
};
const MODES = { label: "Label", cluster: "Cluster", score: "Score", selected: "Selected" };
const HIT_PX = 9;
const MOST_NAMES = 40;

// The shared ten, then hues by the golden angle in three lightnesses.
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

function create(root, send) {
  root.className = "part map";
  const canvas = element("canvas", { class: "points", tabindex: "0", role: "application" });
  const over = element("canvas", { class: "over", "aria-hidden": "true" });
  const tip = element("div", { class: "tip", role: "tooltip", hidden: "" });
  const tools = element("div", { class: "tools", role: "toolbar", "aria-label": "Map tools" });
  const status = element("div", { class: "status", role: "status" });
  const stage = element("div", { class: "stage" }, canvas, over, tools, status, tip);
  const modes = element("div", { class: "modes", role: "group", "aria-label": "Colour points by" });
  const legend = element("div", { class: "legend", role: "group" });
  root.append(stage, element("div", { class: "side" }, modes, legend));
  const points = createPoints(canvas);
  if (!points) {
    root.replaceChildren(element("p", { class: "failure" }, "The map needs WebGL2, which this browser has switched off."));
    return { update() {}, destroy() {} };
  }

  let data = null; // columns
  let extent = [1, 1]; // width and height of the data, the longer side 1
  let flags = new Uint8Array(0); // bit 0: selected, bit 1: inside the polygon
  let marks = { selected: false, polygon: false };
  let grid = null;
  let colours = null;
  let painted = null; // whether the colour ramps are those for a dark background
  let mode = null;
  let asked = null; // colour mode last asked for by Python
  let isolated = -1;
  let anchors = [];
  let polygon = []; // in data coordinates
  let told = null; // polygon in the last message from Python
  let drawing = null; // path in pixels
  let [hovered, picked] = [-1, -1];
  let camera = { x: 0.5, y: 0.5, scale: 1 };
  let whole = true; // nobody has moved the camera
  let [width, height] = [1, 1];

  // ---- Places ------------------------------------------------------------------------------------------------

  const fitScale = () => 0.94 * Math.min(width / extent[0], height / extent[1]);
  const toScreen = ([u, v]) => [width / 2 + (u - camera.x) * camera.scale, height / 2 - (v - camera.y) * camera.scale];
  const fromScreen = (px, py) => [camera.x + (px - width / 2) / camera.scale, camera.y - (py - height / 2) / camera.scale];
  const unit = () => Math.max(...data.span);
  const toData = ([u, v]) => [data.low[0] + u * unit(), data.low[1] + v * unit()];
  const fromData = ([x, y]) => [(x - data.low[0]) / unit(), (y - data.low[1]) / unit()];
  const quantised = ([u, v]) => [(u / extent[0]) * 65535, (v / extent[1]) * 65535];
  const place = (i) => [(data.xy[2 * i] / 65535) * extent[0], (data.xy[2 * i + 1] / 65535) * extent[1]];
  const codes = () => (mode === "cluster" ? data.cluster : mode === "score" ? data.score : data.label);
  const named = () => mode === "label" || mode === "cluster";
  const nameOf = (code) => (mode === "label" ? data.class_names[code] : `Cluster ${code}`);

  function fit() {
    whole = true;
    camera = { x: extent[0] / 2, y: extent[1] / 2, scale: fitScale() };
  }

  function glideToFit() {
    const from = { ...camera };
    const start = performance.now();
    fit();
    const goal = camera;
    const step = (now) => {
      const t = clamp((now - start) / 180, 0, 1);
      const eased = 1 - (1 - t) ** 3;
      camera = { ...goal };
      for (const name of Object.keys(goal)) camera[name] = from[name] + (goal[name] - from[name]) * eased;
      redraw();
      if (t < 1 && data && whole) requestAnimationFrame(step);
    };
    step(start);
  }

  function pan(dx, dy) {
    whole = false;
    camera = { ...camera, x: camera.x - dx / camera.scale, y: camera.y + dy / camera.scale };
    redraw();
  }

  function zoomAt(px, py, factor) {
    whole = false;
    hover(-1);
    const [u, v] = fromScreen(px, py);
    const scale = clamp(camera.scale * factor, fitScale() * 0.5, fitScale() * 400);
    camera = { scale, x: u - (px - width / 2) / scale, y: v + (py - height / 2) / scale };
    redraw();
  }

  function hit(px, py) {
    grid ??= buildGrid(data.xy);
    const [x, y] = quantised(fromScreen(px, py));
    const reach = quantised([HIT_PX / camera.scale, HIT_PX / camera.scale]);
    const shown = codes();
    return nearest(grid, data.xy, x, y, ...reach, (i) => isolated < 0 || shown[i] === isolated);
  }

  function setPolygon(corners, tell) {
    polygon = corners;
    marks.polygon = corners.length > 2;
    markInside(flags, data.xy, corners.map((corner) => quantised(fromData(corner))));
    points.set("flags", flags);
    if (tell) send.state("polygon", corners);
    describe();
    redraw();
  }

  // ---- Drawing -----------------------------------------------------------------------------------------------

  function pointSize() {
    const room = Math.sqrt((width * height) / Math.max(1, flags.length));
    return clamp(room * 0.55 * Math.max(1, camera.scale / fitScale()) ** 0.45, 1.7, 11);
  }

  const redraw = perFrame(() => {
    if (!data || width < 2) return;
    points.draw({
      extent,
      camera,
      width,
      height,
      isolated,
      size: pointSize(),
      faded: colours.dark ? 0.2 : 0.16,
      solid: flags.length > 2e5 ? 0.55 : 0.82,
      mode: { score: 1, selected: 2 }[mode] ?? 0,
      marks: (marks.selected && mode !== "selected" ? 1 : 0) | (marks.polygon ? 2 : 0),
      accent: colours.accentUnit,
      quiet: colours.quietUnit,
    });
    drawOver();
  });

  const redrawOver = perFrame(() => data && drawOver());

  function drawOver() {
    const context = fitted(over, width, height);
    context.font = `600 11.5px ${colours.font}`;
    context.textAlign = "center";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = colours.background;
    context.fillStyle = colours.text;
    const taken = [];
    anchors.forEach((anchor, code) => {
      if (!anchor || (isolated >= 0 && code !== isolated)) return;
      const [x, y] = toScreen([anchor[0] * extent[0], anchor[1] * extent[1]]);
      const half = context.measureText(nameOf(code)).width / 2 + 2;
      if (taken.some((name) => Math.abs(name.x - x) < name.half + half && Math.abs(name.y - y) < 14)) return;
      taken.push({ x, y, half });
      context.strokeText(nameOf(code), x, y);
      context.fillText(nameOf(code), x, y);
    });
    const outline = drawing ?? polygon.map((corner) => toScreen(fromData(corner)));
    context.beginPath();
    outline.forEach((corner) => context.lineTo(...corner));
    context.closePath();
    context.fillStyle = context.strokeStyle = colours.accent;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.08;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
    context.strokeStyle = colours.text;
    for (const [index, line] of [[picked, 2.5], [hovered, 1.5]]) {
      if (index < 0) continue;
      context.beginPath();
      context.arc(...toScreen(place(index)), pointSize() / 2 + 3.5, 0, 7);
      context.lineWidth = line;
      context.stroke();
    }
  }

  function paintRamps() {
    const pixels = new Uint8Array(2 * 256 * 4);
    for (let i = 0; i < 256; i += 1) {
      pixels.set(rgba(categorical(i)), 4 * i);
      pixels.set(rgba(sequential(i / 255, colours.dark)), 4 * (256 + i));
    }
    points.setRamps(pixels);
    painted = colours.dark;
  }

  // ---- Words -------------------------------------------------------------------------------------------------

  function drawLegend() {
    legend.classList.toggle("isolating", isolated >= 0);
    legend.setAttribute("aria-label", named() ? `Show one ${mode} only` : "Legend");
    if (mode === "score") {
      const stops = Array.from({ length: 9 }, (_, i) => sequential(i / 8, colours.dark)).join(",");
      return legend.replaceChildren(
        element("p", {}, `Coloured by ${data.score_name}`),
        element("div", { class: "scale", style: `background:linear-gradient(90deg,${stops})` }),
        element("div", { class: "ends" }, element("span", {}, "0 %"), element("span", {}, "100 %")),
      );
    }
    if (mode === "selected") {
      return legend.replaceChildren(
        ...[["accent", "selected"], ["quiet", "not selected"]].map(([colour, words]) =>
          element("p", {}, element("i", { style: `--swatch:${colours[colour]}` }), words),
        ),
      );
    }
    const shown = codes();
    const [all, chosen] = [new Uint32Array(65536), new Uint32Array(65536)];
    for (let i = 0; i < shown.length; i += 1) {
      all[shown[i]] += 1;
      chosen[shown[i]] += flags[i] & 1;
    }
    const entry = (number, code) => {
      if (!number) return [];
      const words = marks.selected ? `${count(chosen[code])} / ${count(number)}` : count(number);
      const button = element(
        "button",
        { type: "button", "aria-pressed": String(code === isolated), title: `Show only ${nameOf(code)}` },
        element("i", { style: `--swatch:${categorical(code % 256)}` }),
        element("span", {}, nameOf(code)),
        element("small", {}, words),
      );
      button.addEventListener("click", () => {
        isolated = isolated === code ? -1 : code;
        describe();
        drawLegend();
        redraw();
      });
      return button;
    };
    legend.replaceChildren(...Array.from(all).flatMap(entry));
  }

  function describe() {
    const shown = codes();
    let [visible, selected, inside] = [0, 0, 0];
    for (let i = 0; i < flags.length; i += 1) {
      if (isolated >= 0 && shown[i] !== isolated) continue;
      visible += 1;
      selected += flags[i] & 1;
      inside += flags[i] >> 1;
    }
    const fact = (number, words) => element("span", {}, element("b", {}, count(number)), ` ${words}`);
    const facts = [fact(visible, isolated >= 0 ? `of ${count(flags.length)} shown` : "images")];
    if (marks.selected) facts.push(fact(selected, "selected"));
    if (marks.polygon) {
      const clear = element("button", { type: "button", title: "Clear the lasso (Escape)" }, "Clear");
      clear.addEventListener("click", () => setPolygon([], true));
      facts.push(fact(inside, "in the lasso"), clear);
    }
    status.replaceChildren(...facts);
    canvas.setAttribute(
      "aria-label",
      `Map of ${count(flags.length)} images. Arrow keys move, plus and minus zoom, 0 shows all, ` +
        "shift and drag draws a lasso, Escape clears it.",
    );
  }

  function showTip(px, py) {
    tip.hidden = hovered < 0;
    if (hovered < 0) return;
    const lines = [`#${data.ids?.[hovered] ?? hovered}  ${data.class_names[data.label[hovered]]}`];
    if (data.score) lines.push(`${data.score_name} ${percent(data.score[hovered] / 255, 0)}`);
    if (data.cluster) lines.push(`cluster ${data.cluster[hovered]}`);
    tip.textContent = lines.join("\n");
    tip.style.left = `${clamp(px + 14, 4, width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${clamp(py + 14, 4, height - tip.offsetHeight - 4)}px`;
  }

  function hover(found, px, py) {
    if (found !== hovered) redrawOver();
    hovered = found;
    showTip(px, py);
  }

  // ---- Hands -------------------------------------------------------------------------------------------------

  const pointers = new Map();
  let tool = "pan";
  let gesture = null; // { kind, from, moved }
  const where = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, where(event));
    hover(-1);
    const kind = pointers.size > 1 ? "pinch" : event.shiftKey ? "lasso" : tool;
    gesture = { kind, from: where(event), moved: kind === "pinch" };
    drawing = kind === "lasso" || kind === "box" ? [where(event)] : null;
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = where(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch" && data) hover(hit(...now), ...now);
      return;
    }
    pointers.set(event.pointerId, now);
    const { kind, from } = gesture;
    gesture.moved ||= Math.hypot(now[0] - from[0], now[1] - from[1]) > 4;
    if (kind === "pan") pan(now[0] - before[0], now[1] - before[1]);
    if (kind === "lasso") drawing.push(now);
    if (kind === "box") drawing = [from, [now[0], from[1]], now, [from[0], now[1]]];
    if (kind === "pinch") {
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (!other) return;
      const spread = (finger) => Math.hypot(finger[0] - other[0], finger[1] - other[1]) || 1;
      pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, spread(now) / spread(before));
    }
    if (drawing) redrawOver();
  });

  function lift(event) {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    const [{ moved }, path] = [gesture, drawing];
    [gesture, drawing] = [null, null];
    redrawOver();
    if (event.type === "pointercancel" || !data) return;
    if (!moved) {
      const found = hit(...where(event));
      if (found < 0) return;
      picked = found;
      send.trigger("picked", found);
    } else if (path?.length > 2) {
      const corners = simplified(path).map((pixel) => toData(fromScreen(...pixel)).map((x) => Number(x.toPrecision(6))));
      if (corners.length > 2) setPolygon(corners, true);
    }
  }
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("dblclick", glideToFit);
  const wheel = (event) => {
    event.preventDefault();
    zoomAt(...where(event), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)));
  };
  canvas.addEventListener("wheel", wheel, { passive: false });

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && (polygon.length || drawing)) {
      drawing = null;
      if (polygon.length) setPolygon([], true);
      redrawOver();
      return;
    }
    const keys = {
      ArrowLeft: () => pan(40, 0),
      ArrowRight: () => pan(-40, 0),
      ArrowUp: () => pan(0, 40),
      ArrowDown: () => pan(0, -40),
      "+": () => zoomAt(width / 2, height / 2, 1.4),
      "=": () => zoomAt(width / 2, height / 2, 1.4),
      "-": () => zoomAt(width / 2, height / 2, 1 / 1.4),
      0: glideToFit,
    };
    if (event.target !== canvas || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  function setTool(name) {
    tool = name;
    canvas.style.cursor = tool === "pan" ? "grab" : "crosshair";
    for (const button of tools.children) {
      if (button.hasAttribute("aria-pressed")) button.setAttribute("aria-pressed", String(button.name === tool));
    }
  }
  const commands = {
    pan: ["Pan", null],
    lasso: ["Lasso (or shift and drag)", null],
    box: ["Box", null],
    closer: ["Zoom in", () => zoomAt(width / 2, height / 2, 1.6)],
    farther: ["Zoom out", () => zoomAt(width / 2, height / 2, 1 / 1.6)],
    fit: ["Show all (double-click)", glideToFit],
  };
  for (const [name, [title, run]] of Object.entries(commands)) {
    const button = element("button", { type: "button", name, title, "aria-label": title });
    button.innerHTML = `<svg viewBox="0 0 18 18" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
    if (!run) button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", run ?? (() => setTool(name)));
    tools.append(button);
  }
  setTool("pan");

  function setMode(name) {
    mode = name;
    isolated = -1;
    points.set("code", codes());
    const kinds = named() ? codes().reduce((most, code) => Math.max(most, code), -1) + 1 : 0;
    anchors = kinds <= MOST_NAMES ? busiest(data.xy, codes(), kinds) : [];
    for (const button of modes.children) button.setAttribute("aria-pressed", String(button.name === mode));
    describe();
    drawLegend();
    redraw();
  }

  function offerModes() {
    const there = { label: true, cluster: data.cluster, score: data.score, selected: marks.selected };
    const offered = Object.keys(MODES).filter((name) => there[name]);
    if (offered.join() === [...modes.children].map((button) => button.name).join()) return offered;
    const buttons = offered.map((name) => {
      const button = element("button", { type: "button", name, "aria-pressed": String(name === mode) }, MODES[name]);
      button.addEventListener("click", () => {
        setMode(name);
        send.state("colour", name);
      });
      return button;
    });
    modes.replaceChildren(...buttons);
    modes.hidden = offered.length < 2;
    return offered;
  }

  // ---- Life --------------------------------------------------------------------------------------------------

  const resized = new ResizeObserver(() => {
    root.classList.toggle("narrow", root.clientWidth < 640);
    if (!stage.clientWidth || !stage.clientHeight) return;
    [width, height] = [stage.clientWidth, stage.clientHeight];
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (whole) fit();
    redraw();
  });
  resized.observe(root);
  resized.observe(stage);
  canvas.addEventListener("restored", redraw);

  return {
    update(parameters, columns) {
      const fresh = columns !== data;
      const style = themeOf(root);
      const share = (colour) => rgba(colour).map((value) => value / 255);
      const quiet = style.dark ? "#5b606b" : "#b9bec8";
      colours = { ...style, quiet, accentUnit: share(style.accent), quietUnit: share(quiet) };
      if (fresh) {
        data = columns;
        extent = data.span.map((side) => side / unit());
        flags = new Uint8Array(data.label.length);
        [grid, hovered, picked] = [null, -1, -1];
        points.set("position", data.xy);
        fit();
      }
      stage.style.height = `${parameters.height_px}px`;
      marks.selected = Boolean(parameters.selected);
      for (let i = 0; i < flags.length; i += 1) {
        flags[i] = (flags[i] & 2) | (marks.selected ? (parameters.selected[i >> 3] >> (i & 7)) & 1 : 0);
      }
      const corners = [];
      for (let i = 0; i < parameters.polygon.length; i += 2) corners.push([...parameters.polygon.subarray(i, i + 2)]);
      // Only a polygon that Python changed counts: an older one may still be on its way while the user draws.
      const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-4 * unit();
      const same = corners.length === polygon.length && corners.every((corner, i) => near(corner, polygon[i]));
      const changed = String(corners) !== told && !same;
      told = String(corners);
      const offered = offerModes();
      const wanted = parameters.colour === asked ? mode : parameters.colour;
      asked = parameters.colour;
      if (fresh || style.dark !== painted) paintRamps();
      if (changed || (fresh && polygon.length)) setPolygon(changed ? corners : polygon, false);
      else points.set("flags", flags);
      if (fresh || wanted !== mode || !offered.includes(mode)) setMode(offered.includes(wanted) ? wanted : "label");
      else {
        describe();
        drawLegend();
      }
      redraw();
    },
    destroy() {
      data = null;
      redraw.cancel();
      redrawOver.cancel();
      resized.disconnect();
      points.destroy();
    },
  };
}
