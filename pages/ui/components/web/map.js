// The map: scene.js draws points, overlay.js names and outlines, legend.js explains, tip.js tells, hands.js listens. Here
// is what they share, and how it follows Python's messages and the user.

/** @import { Column, Create, Hit, Message, Pair, Points, View } from "./types.d.ts" */

import { createCamera } from "./camera.js";
import { element, rgba, themeOf } from "./dom.js";
import { createHands } from "./hands.js";
import { createLegend, OTHERS } from "./legend.js";
import { count } from "./numbers.js";
import { createOverlay } from "./overlay.js";
import { CODES, paintColumn, readColumn, skewed } from "./palette.js";
import { connect } from "./part.js";
import { readCopies, readPlaces } from "./places.js";
import { createPoints } from "./points.js";
import { CIRCLE, createScene } from "./scene.js";
import { busiest, inOrder, markInside, nearest, nearestEnd, shuffled, simplified } from "./shapes.js";
import { createTip } from "./tip.js";

const HIT_PX = 9;
const MOST_NAMES = 40; // of more categories than that, the map names the largest few
const FEW_NAMES = 12;
const [SELECTED, INSIDE, MARKED] = [1, 2, 4];
const SELECTION = { name: "selected", title: "Selected", kind: "flag", names: ["no", "yes"] };

export const mount = connect(new URL("map.css", import.meta.url), create);

/** @type {Create} */
function create(root, send) {
  root.className = "part map";
  const canvas = element("canvas", { class: "points", tabindex: "0", role: "application" });
  const over = element("canvas", { class: "over", "aria-hidden": "true" });
  const tools = element("div", { class: "tools", role: "toolbar", "aria-label": "Map tools" });
  const status = element("div", { class: "status", role: "status" });
  const stage = element("div", { class: "stage" }, canvas, over, tools, status);
  const side = element("div", { class: "side" });
  root.append(stage, side);
  const painter = createPoints(canvas);
  if (!painter) {
    root.replaceChildren(
      element("p", { class: "failure" }, "The map needs WebGL2, which this browser has switched off."),
    );
    return { update() {}, destroy() {} };
  }

  /** @type {Points} */
  const points = painter;
  /** @type {Message} */
  let asked = {}; // parameters
  /** @type {Record<string, Message>} */
  let arrived = {}; // messages that came besides the places, by name
  let flags = new Uint8Array(0);
  /** @type {Message | null} */
  let selected = null;
  let shades = new Uint8Array(0); // the color of each code of the column
  let wanted = ""; // the column's name, which may still be on its way
  /** @type {string | null} */
  let picking = null; // the name the user chose and Python has not confirmed
  let byRank = false;
  /** @type {string | null} */
  let told = null; // polygon in the last message from Python
  let [unshown, forgotten] = [false, false]; // flags that the GPU does not have, or that know nothing of the polygon
  /** @type {WeakMap<Message, Column>} */
  let known = new WeakMap(); // message of a column -> the column

  /** @type {(point: number) => boolean} */
  const visible = (point) => view.column !== null && shades[4 * view.column.codes[point] + 3] > 0;
  const isHidden = (kind) => (view.hidden.kinds >> kind) & 1;

  /** @type {View} */
  const view = {
    data: /** @type {any} */ (null), // places, as they arrived
    order: new Uint32Array(0), // in which points are drawn
    copies: null,
    marked: null,
    column: null, // what colors the points
    colors: /** @type {any} */ (null),
    hidden: { marked: false, lines: false, kinds: 0 },
    anchors: [], // names of categories and where they stand
    only: null, // the one category shown
    polygon: [], // in data coordinates
    path: null, // a lasso being drawn, in pixels
    hovered: null, // { point, copy }, copy −1 for the point itself
    picked: null,
    front: () =>
      (selected && view.column?.name !== SELECTION.name ? SELECTED : 0) | (view.polygon.length > 2 ? INSIDE : 0),
    pointSize: () => scene.look().size,
  };
  const camera = createCamera(() => {
    point(null);
    scene.moved();
  });
  const scene = createScene(canvas, camera, points, view, {
    drawOver: createOverlay(over, camera, view),
    thinned: (missing) => root.classList.toggle("thinned", missing),
  });
  const { redraw, redrawOver } = scene;
  const tip = createTip(stage);

  // ---- Words -------------------------------------------------------------------------------------------------

  function besides() {
    const { copies, hidden } = view;
    const rows = [];
    if (view.marked) {
      const words = asked.marked_title;
      rows.push({
        name: "marked",
        shape: CIRCLE,
        color: view.colors.text,
        words,
        figure: count(view.data.ringed.length),
        shown: !hidden.marked,
      });
    }
    copies?.names.forEach((words, kind) => {
      const figure = count(copies.counts[kind]);
      rows.push({ name: kind, shape: kind & 3, color: copies.colors[kind], words, figure, shown: !isHidden(kind) });
    });
    if (copies) {
      rows.push({ name: "lines", shape: null, words: "lines to the original", figure: "", shown: !hidden.lines });
    }
    return rows;
  }

  function drawLegend() {
    const { column, colors, only } = view;
    let chosen = null;
    if (selected && column && column.kind !== "number" && column.name !== SELECTION.name) {
      chosen = new Uint32Array(CODES);
      for (let i = 0; i < flags.length; i += 1) chosen[column.codes[i]] += flags[i] & SELECTED;
    }
    legend.draw({ menu: menu(), color: wanted, column, colors, only, chosen, byRank, besides: besides() });
  }

  function describe() {
    if (!view.column) return;
    let [shown, chosen, inside] = [0, 0, 0];
    for (let i = 0; i < flags.length; i += 1) {
      if (view.only !== null && !visible(i)) continue;
      shown += 1;
      chosen += flags[i] & SELECTED;
      inside += (flags[i] & INSIDE) >> 1;
    }
    const fact = (number, words) => element("span", {}, element("b", {}, count(number)), ` ${words}`);
    const facts = [fact(shown, `of ${count(flags.length)} shown`)];
    if (selected) facts.push(fact(chosen, "chosen, the others pale"));
    if (view.polygon.length > 2) {
      const clear = element("button", { type: "button", title: "Clear the lasso (Escape)" }, "Clear");
      clear.addEventListener("click", () => setPolygon([], true));
      // Python counts exact places, the browser rounded ones: once Python has spoken, its count stands.
      const exact = view.only === null && same(view.polygon, heard());
      facts.push(fact(exact ? asked.inside : inside, "in the lasso"), clear);
    }
    status.replaceChildren(...facts, element("em", {}, "drawing …"));
    canvas.setAttribute(
      "aria-label",
      `Map of ${count(flags.length)} images. Arrow keys move, plus and minus zoom, 0 shows all, ` +
        "shift and drag draws a lasso, Escape clears it.",
    );
  }

  /** @type {(found: Hit | null, px?: number, py?: number) => void} */
  function point(found, px = 0, py = 0) {
    if (found?.point !== view.hovered?.point || found?.copy !== view.hovered?.copy) redrawOver();
    view.hovered = found;
    if (!found) return tip.hide();
    const { point: owner, copy } = found;
    const name = `#${view.data.ids?.[owner] ?? owner}`;
    const copies = copy < 0 ? null : view.copies;
    const kind = copies ? copies.names[copies.kinds[copy]] : "";
    const read = [...new Set([...asked.hover, wanted])].map(columnNamed).filter((one) =>
      one !== null && one !== undefined
    );
    const pictures = [{ address: asked.thumbnails, index: owner, title: name }];
    if (kind) pictures.push({ address: asked.copy_thumbnails, index: copy, title: kind });
    tip.show(
      {
        key: `${owner} ${copy} ${read.map((one) => one.name)}`,
        heading: kind ? `${kind} of ${name}` : name,
        // The columns are the point's own: of a copy they hold what cannot differ, its label, and Python says the rest.
        lines: [
          ...read.filter((one) => !kind || one.name === "label").map((one) => [one.title, one.text(one.codes[owner])]),
          ...(copies?.said.length ? [["Seen as", copies.said[copy]]] : []),
        ],
        pictures,
      },
      px,
      py,
    );
  }

  // ---- Hands -------------------------------------------------------------------------------------------------

  /** @type {(px: number, py: number) => Hit | null} */
  function hit(px, py) {
    const { copies, data } = view;
    if (!data || !view.column) return null;
    const reach = HIT_PX / camera.scale;
    const at = camera.fromScreen(px, py);
    if (copies) {
      const seen = (j) => !isHidden(copies.kinds[j]) && visible(copies.owners[j]);
      const copy = nearestEnd(copies.ends, at, reach, seen);
      if (copy >= 0) return { point: copies.owners[copy], copy };
    }
    const found = nearest(data.grid, data.xy, ...data.quantized(at), ...data.quantized([reach, reach]), visible);
    return found < 0 ? null : { point: found, copy: -1 };
  }

  createHands({
    root,
    canvas,
    tools,
    camera,
    does: {
      point: (px, py) => point(hit(px, py), px, py),
      leave: () => point(null),
      click(px, py) {
        const found = hit(px, py);
        if (!found) return;
        view.picked = found;
        point(found, px, py);
        redrawOver();
        if (found.copy < 0) send.trigger("picked", found.point);
        else send.trigger("copy", found.copy);
      },
      draw(path) {
        view.path = path;
        redrawOver();
      },
      drawn(path) {
        const { data } = view;
        if (!data) return;
        const short = (value) => Number(value.toPrecision(6));
        const corners = simplified(path).map((pixel) => data.toData(camera.fromScreen(...pixel)))
          .map(([x, y]) => [short(x), short(y)]);
        if (corners.length > 2) setPolygon(corners, true);
      },
      clear() {
        view.path = null;
        if (view.polygon.length) setPolygon([], true);
        else if (view.only !== null) show(null);
        else view.picked = null;
        redrawOver();
      },
    },
  });

  const legend = createLegend(side, {
    color(name) {
      [wanted, picking] = [name, name];
      send.state("color", name);
      setColumn();
      drawLegend();
    },
    only: show,
    rank(whether) {
      byRank = whether;
      repaint();
      drawLegend();
    },
    toggle(name) {
      if (typeof name === "number") view.hidden.kinds ^= 1 << name;
      else view.hidden[name] = !view.hidden[name];
      drawLegend();
      redraw();
    },
  });

  // ---- Columns -----------------------------------------------------------------------------------------------

  const masked = () => selected && !asked.menu.some(([name]) => name === SELECTION.name);
  const menu = () => [...asked.menu, ...(masked() ? [[SELECTION.name, SELECTION.title]] : [])];

  // The column of a name as far as it has arrived; what is selected is a column that no one sends.
  function columnNamed(name) {
    const own = name === SELECTION.name && masked();
    const cargo = own ? selected : arrived[`column ${name}`];
    if (!cargo) return null;
    if (!known.has(cargo)) known.set(cargo, readColumn(own ? { ...SELECTION, ...cargo } : cargo, flags.length));
    return known.get(cargo);
  }

  function setColumn() {
    const { data, copies } = view;
    const column = columnNamed(wanted);
    if (!column || column === view.column) return;
    if (column.name !== view.column?.name) [view.only, byRank] = [null, skewed(column)];
    view.column = column;
    points.set("points", { code: inOrder(column.codes, view.order) });
    if (data.ringed.length) points.set("rings", { code: inOrder(column.codes, data.ringed) });
    if (copies) points.set("copies", { code: inOrder(column.codes, copies.owners) });
    if (copies) points.set("lines", { code: twice(inOrder(column.codes, copies.owners)) });
    const named = column.kind === "category" ? column.bySize.filter((code) => code !== column.wordless) : [];
    view.anchors = busiest(data.xy, column.codes, named.slice(0, named.length > MOST_NAMES ? FEW_NAMES : MOST_NAMES))
      .map(({ code, share }) => ({
        code,
        words: column.text(code),
        share: [share[0] * data.box.extent[0], share[1] * data.box.extent[1]],
      }));
    repaint();
  }

  function repaint() {
    const { column, only, colors } = view;
    if (!column) return;
    const shown = only === null ? null : (code) => (only === OTHERS ? column.gray.has(code) : code === only);
    const [quiet, accent] = [rgba(colors.quiet), rgba(colors.accent)];
    shades = paintColumn(column, { ...colors, quiet, accent }, { byRank, only: shown });
    points.setColors(shades);
    describe();
    redraw();
  }

  function show(code) {
    view.only = code;
    repaint();
    drawLegend();
  }

  // ---- Messages ----------------------------------------------------------------------------------------------

  function setPlaces(cargo) {
    const data = readPlaces(cargo);
    const number = data.xy.length / 2;
    const fresh = { column: null, marked: null, copies: null, hovered: null, picked: null };
    Object.assign(view, fresh, { data, order: shuffled(number) });
    [selected, known, flags] = [null, new WeakMap(), new Uint8Array(number)];
    forgotten = unshown = true;
    points.set("points", { position: inOrder(data.xy, view.order, 2), code: new Uint8Array(number), kind: flags });
  }

  function setMask(mask, bit) {
    unshown = true;
    for (let i = 0; i < flags.length; i += 1) {
      flags[i] = (flags[i] & ~bit) | (mask && (mask.bits[i >> 3] >> (i & 7)) & 1 ? bit : 0);
    }
  }

  function setRings() {
    const { data, column } = view;
    data.ringed = view.order.filter((i) => flags[i] & MARKED);
    const code = inOrder(column?.codes ?? new Uint8Array(flags.length), data.ringed);
    points.set("rings", { position: inOrder(data.xy, data.ringed, 2), code, kind: new Uint8Array(data.ringed.length) });
  }

  function setCopies(cargo) {
    view.copies = cargo && readCopies(cargo, view.data);
    if (!view.copies) return;
    const { owners, kinds, xy, ends } = view.copies;
    const code = inOrder(view.column?.codes ?? new Uint8Array(flags.length), owners);
    points.set("copies", { position: xy, code, kind: kinds });
    points.set("lines", { position: ends, code: twice(code), kind: twice(kinds) });
  }

  function frame() {
    const [data, { origin, extent }] = [view.data.box.extent, view.copies?.box ?? view.data.box];
    const least = origin.map((edge) => Math.min(0, edge));
    camera.frame([...least, ...data.map((edge, axis) => Math.max(edge, origin[axis] + extent[axis]))]);
  }

  // Returns whether the colors are others than before.
  function setTheme() {
    const [style, before] = [themeOf(root), view.colors];
    const share = (color) => rgba(color).slice(0, 3).map((value) => value / 255);
    const quiet = style.dark ? "#5b606b" : "#b9bec8";
    view.colors = { ...style, quiet, inkUnit: share(style.text), groundUnit: share(style.background) };
    if (view.copies) {
      // Ink, for every other hue is a class's; their shape tells four kinds apart, the accent four more.
      view.copies.colors = view.copies.names.map((_, kind) => (kind < 4 ? style.text : style.accent));
      view.copies.tints = view.copies.colors.map(share);
    }
    return style.background !== before?.background || style.accent !== before?.accent;
  }

  const heard = () => {
    /** @type {Pair[]} */
    const corners = [];
    for (let i = 0; i < asked.polygon.length; i += 2) corners.push([asked.polygon[i], asked.polygon[i + 1]]);
    return corners;
  };
  const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-4 * view.data.unit;
  const same = (a, b) => a.length === b.length && a.every((corner, i) => near(corner, b[i]));

  function setPolygon(corners, tell) {
    view.polygon = corners;
    forgotten = false;
    const { grid, xy, quantized, fromData } = view.data;
    markInside(flags, INSIDE, grid, xy, corners.map((corner) => quantized(fromData(corner))));
    if (tell) send.state("polygon", corners);
    showFlags();
    describe();
  }

  function showFlags() {
    unshown = false;
    points.set("points", { kind: inOrder(flags, view.order) });
    redraw();
  }

  const resized = new ResizeObserver(() => {
    root.classList.toggle("narrow", root.clientWidth < 640);
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    if (!width || !height) return;
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    camera.resize(width, height);
    redraw();
  });
  resized.observe(root);
  resized.observe(stage);

  return {
    update(parameters, columns, more) {
      const fresh = columns !== view.data?.cargo;
      [asked, arrived] = [parameters, more];
      if (fresh) setPlaces(columns);
      for (const [part, limit] of [[stage, "height"], [side, "maxHeight"]]) {
        part.style[limit] = `${parameters.height_px}px`;
      }
      // What a message names and has not brought yet is left as it was.
      const arriving = (name, before) => (parameters.more[name] ? (more[name] ?? before) : null) ?? null;
      const before = { selected, marked: view.marked, cargo: view.copies?.cargo ?? null, column: view.column };
      selected = arriving("selected", before.selected);
      view.marked = arriving("marked", before.marked);
      const cargo = arriving("copies", before.cargo);
      if (selected !== before.selected) setMask(selected, SELECTED);
      if (view.marked !== before.marked) setMask(view.marked, MARKED);
      if (view.marked !== before.marked) setRings();
      if (cargo !== before.cargo) setCopies(cargo);
      if (fresh || cargo !== before.cargo) frame();
      const shaded = setTheme();

      if (parameters.color === picking) picking = null;
      if (picking === null) wanted = parameters.color;
      setColumn();
      if (!view.column) return drawLegend();
      if (shaded && view.column === before.column) repaint();

      // Only a polygon that Python changed counts: an older one may still be on its way while the user draws.
      const corners = heard();
      const changed = String(corners) !== told && !same(corners, view.polygon);
      told = String(corners);
      if (changed || (forgotten && view.polygon.length)) setPolygon(changed ? corners : view.polygon, false);
      else if (unshown) showFlags();
      if (view.marked !== before.marked || cargo !== before.cargo) redraw();
      describe();
      drawLegend();
      redrawOver();
    },
    destroy() {
      view.data = /** @type {any} */ (null);
      camera.stop();
      scene.stop();
      resized.disconnect();
      points.destroy();
    },
  };
}

// Each entry two times, for the two ends of a line.
const twice = (array) => array.constructor.from({ length: 2 * array.length }, (_, i) => array[i >> 1]);
