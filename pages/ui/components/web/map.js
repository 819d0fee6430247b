// The map: scene.js draws points, overlay.js names and outlines, legend.js explains, tip.js tells, hands.js listens. Here
// is what they share, and how it follows Python's messages and the user.

/** @import { Column, Create, Flags, Hit, MapParameters, Message, Pair, Points, View } from "./types.d.ts" */

import { createCamera } from "./camera.js";
import { mapColors, tint } from "./colors.js";
import { element, rgba } from "./dom.js";
import { INSIDE, MARKED, SELECTED, selectedByCode, setMask, tally } from "./flags.js";
import { createHands } from "./hands.js";
import { hitAt } from "./hits.js";
import { sendCodes, sendCopies, sendFlags, sendPlaces, sendRings } from "./layers.js";
import { besidesOf, createLegend, OTHERS } from "./legend.js";
import { anchorsOf, createOverlay } from "./overlay.js";
import { createColumns, SELECTION } from "./named.js";
import { CODES, paintColumn, skewed } from "./palette.js";
import { connect } from "./part.js";
import { readCopies, readPlaces, sidesOf } from "./places.js";
import { createPoints } from "./points.js";
import { createScene } from "./scene.js";
import { cornersOf, markInside, sameCorners, shuffled, simplified } from "./shapes.js";
import { createStatus } from "./status.js";
import { createTip, subjectOf } from "./tip.js";
import css from "./map.css" with { type: "text" };

export const mount = connect(css, create);

/** @type {Create<MapParameters>} */
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
  /** @type {MapParameters} */
  let asked; // parameters
  let flags = new Uint8Array(0);
  /** @type {Flags | null} */
  let selected = null;
  let shades = new Uint8Array(0); // the color of each code of the column
  let wanted = ""; // the column's name, which may still be on its way
  /** @type {string | null} */
  let picking = null; // the name the user chose and Python has not confirmed
  let byRank = false;
  /** @type {string | null} */
  let told = null; // polygon in the last message from Python
  let [unshown, forgotten] = [false, false]; // flags that the GPU does not have, or that know nothing of the polygon
  const columns = createColumns();

  /** @type {(point: number) => boolean} */
  const visible = (point) => view.column !== null && shades[4 * view.column.codes[point] + 3] > 0;

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

  function drawLegend() {
    const { column, colors, only } = view;
    const counted = selected && column && column.kind !== "number" && column.name !== SELECTION.name;
    const chosen = counted ? selectedByCode(flags, column.codes, CODES) : null;
    const besides = besidesOf(view, asked.marked_title);
    legend.draw({ menu: columns.menu(), color: wanted, column, colors, only, chosen, byRank, besides });
  }

  const say = createStatus(status, canvas, () => setPolygon([], true));
  function describe() {
    if (!view.column) return;
    const counts = tally(flags, view.only === null ? null : visible);
    const drawn = view.polygon.length > 2;
    // Python counts exact places, the browser rounded ones: once Python has spoken, its count stands.
    const exact = drawn && view.only === null && same(view.polygon, cornersOf(asked.polygon));
    say({
      number: flags.length,
      shown: counts.shown,
      selected: selected ? counts.selected : null,
      inside: drawn ? (exact ? asked.inside : counts.inside) : null,
    });
  }

  /** @type {(found: Hit | null, px?: number, py?: number) => void} */
  function point(found, px = 0, py = 0) {
    if (found?.point !== view.hovered?.point || found?.copy !== view.hovered?.copy) redrawOver();
    view.hovered = found;
    if (!found) return tip.hide();
    const read = [...new Set([...asked.hover, wanted])].map(columns.named).filter((one) => one !== null);
    tip.show(subjectOf(found, view, asked, read), px, py);
  }

  // ---- Hands -------------------------------------------------------------------------------------------------

  /** @type {(px: number, py: number) => Hit | null} */
  const hit = (px, py) => hitAt(view, camera, px, py, visible);

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
        /** @type {(value: number) => number} */
        const short = (value) => Number(value.toPrecision(6));
        const corners = simplified(path).map((pixel) => data.toData(camera.fromScreen(...pixel)))
          .map(([x, y]) => /** @type {Pair} */ ([short(x), short(y)]));
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

  function setColumn() {
    const { data } = view;
    const column = columns.named(wanted);
    if (!column || column === view.column) return;
    if (column.name !== view.column?.name) [view.only, byRank] = [null, skewed(column)];
    view.column = column;
    sendCodes(points, view);
    view.anchors = anchorsOf(column, data);
    repaint();
  }

  function repaint() {
    const { column, only, colors } = view;
    if (!column) return;
    /** @type {((code: number) => boolean) | null} */
    const shown = only === null ? null : (code) => (only === OTHERS ? column.gray.has(code) : code === only);
    const [quiet, accent] = [rgba(colors.quiet), rgba(colors.accent)];
    shades = paintColumn(column, { ...colors, quiet, accent }, { byRank, only: shown });
    points.setColors(shades);
    describe();
    redraw();
  }

  /** @type {(code: View["only"]) => void} */
  function show(code) {
    view.only = code;
    repaint();
    drawLegend();
  }

  // ---- Messages ----------------------------------------------------------------------------------------------

  /** @type {(cargo: Message) => void} */
  function setPlaces(cargo) {
    const data = readPlaces(cargo);
    const number = data.xy.length / 2;
    const fresh = { column: null, marked: null, copies: null, hovered: null, picked: null };
    Object.assign(view, fresh, { data, order: shuffled(number) });
    [selected, flags] = [null, new Uint8Array(number)];
    columns.restart(number);
    forgotten = unshown = true;
    sendPlaces(points, view, flags);
  }

  /** @type {(mask: Flags | null, bit: number) => void} */
  function setFlags(mask, bit) {
    unshown = true;
    setMask(flags, bit, mask && mask.bits);
  }

  function setRings() {
    view.data.ringed = view.order.filter((i) => flags[i] & MARKED);
    sendRings(points, view);
  }

  /** @type {(cargo: Message | null) => void} */
  function setCopies(cargo) {
    view.copies = cargo && readCopies(cargo, view.data);
    sendCopies(points, view);
  }

  // Returns whether the colors are others than before.
  function setTheme() {
    const before = view.colors;
    view.colors = mapColors(root);
    if (view.copies) tint(view.copies, view.colors);
    return view.colors.background !== before?.background || view.colors.accent !== before?.accent;
  }

  /** @type {(some: Pair[], others: Pair[]) => boolean} */
  const same = (some, others) => sameCorners(some, others, 1e-4 * view.data.unit);

  /** @type {(corners: Pair[], tell: boolean) => void} */
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
    sendFlags(points, view, flags);
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
    update(parameters, places, more) {
      const fresh = places !== view.data?.cargo;
      asked = parameters;
      if (fresh) setPlaces(places);
      stage.style.height = side.style.maxHeight = `${parameters.height_px}px`;
      // What a message names and has not brought yet is left as it was.
      /** @type {(name: string, before: Message | null) => any} */
      const arriving = (name, before) => (parameters.more[name] ? (more[name] ?? before) : null) ?? null;
      const before = { selected, marked: view.marked, cargo: view.copies?.cargo ?? null, column: view.column };
      selected = arriving("selected", before.selected);
      columns.update(parameters.menu, more, selected);
      view.marked = arriving("marked", before.marked);
      const cargo = arriving("copies", before.cargo);
      if (selected !== before.selected) setFlags(selected, SELECTED);
      if (view.marked !== before.marked) setFlags(view.marked, MARKED);
      if (view.marked !== before.marked) setRings();
      if (cargo !== before.cargo) setCopies(cargo);
      if (fresh || cargo !== before.cargo) camera.frame(sidesOf(view.data, view.copies));
      const shaded = setTheme();

      if (parameters.color === picking) picking = null;
      if (picking === null) wanted = parameters.color;
      setColumn();
      if (!view.column) return drawLegend();
      if (shaded && view.column === before.column) repaint();

      // Only a polygon that Python changed counts: an older one may still be on its way while the user draws.
      const corners = cornersOf(parameters.polygon);
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
