// The map: camera.js looks, points.js draws, a 2D canvas above has names and outlines, legend.js explains, tip.js tells.

const HIT_PX = 9;
const MOST_NAMES = 40;
const REST_MS = 140; // after this long without moving, all points are drawn
const FRAME_MS = 28; // while moving, as many points as keep a frame about this long
const FEWEST_MOVING = 40_000;
const [SELECTED, INSIDE, MARKED] = [1, 2, 4];
const RING = 3; // the shape of marked points, see points.js
const WHOLE = { origin: [0, 0], extent: [1, 1] };

function create(root, send) {
  root.className = "part map";
  const canvas = element("canvas", { class: "points", tabindex: "0", role: "application" });
  const over = element("canvas", { class: "over", "aria-hidden": "true" });
  const tools = element("div", { class: "tools", role: "toolbar", "aria-label": "Map tools" });
  const status = element("div", { class: "status", role: "status" });
  const stage = element("div", { class: "stage" }, canvas, over, tools, status);
  const side = element("div", { class: "side" });
  root.append(stage, side);
  const points = createPoints(canvas);
  if (!points) {
    root.replaceChildren(element("p", { class: "failure" }, "The map needs WebGL2, which this browser has switched off."));
    return { update() {}, destroy() {} };
  }

  let data = null; // places, as they arrived
  let asked = null; // parameters
  let ids = null;
  let order = new Uint32Array(0); // in which points are drawn
  let grid = null;
  let flags = new Uint8Array(0);
  let copies = null;
  let column = null; // what colours the points
  let shades = null; // the colour of each of its codes
  let colours = null;
  let [selected, marked] = [null, null]; // the masks last seen
  let wanted = null; // the column's name, which may still be on its way
  let picking = null; // the name the user chose and Python has not confirmed
  let [only, byRank] = [null, false];
  const hidden = { marked: false, lines: false, kinds: 0 };
  let anchors = [];
  let polygon = []; // in data coordinates
  let told = null; // polygon in the last message from Python
  let path = null; // a lasso being drawn, in pixels
  let [hovered, picked] = [null, null]; // { point, copy }, copy −1 for the point itself
  let known = new WeakMap(); // message of a column -> the column

  // ---- Places ------------------------------------------------------------------------------------------------

  const unit = () => Math.max(...data.span);
  const toData = ([u, v]) => [data.low[0] + u * unit(), data.low[1] + v * unit()];
  const fromData = ([x, y]) => [(x - data.low[0]) / unit(), (y - data.low[1]) / unit()];
  const quantised = ([u, v]) => [(u / data.box.extent[0]) * 65535, (v / data.box.extent[1]) * 65535];
  const placeIn = ({ xy, box }, i) => [0, 1].map((side) => box.origin[side] + (xy[2 * i + side] / 65535) * box.extent[side]);
  const boxOf = ({ low, span }) => ({ origin: fromData(low), extent: span.map((length) => length / unit()) });
  const visible = (point) => shades[4 * column.codes[point] + 3] > 0;

  function hit(px, py) {
    if (!data || !column) return null;
    const reach = HIT_PX / camera.scale;
    const at = camera.fromScreen(px, py);
    let [closest, copy] = [reach, -1];
    for (let j = 0; copies && j < copies.owners.length; j += 1) {
      const [u, v] = placeIn(copies, j);
      const distance = Math.hypot(u - at[0], v - at[1]);
      if (distance < closest && !((hidden.kinds >> copies.kinds[j]) & 1) && visible(copies.owners[j])) [closest, copy] = [distance, j];
    }
    if (copy >= 0) return { point: copies.owners[copy], copy };
    const point = nearest(grid, data.xy, ...quantised(at), ...quantised([reach, reach]), visible);
    return point < 0 ? null : { point, copy };
  }

  function showFlags() {
    points.set("points", { kind: inOrder(flags, order) });
  }

  function setPolygon(corners, tell) {
    polygon = corners;
    markInside(flags, INSIDE, grid, data.xy, corners.map((corner) => quantised(fromData(corner))));
    showFlags();
    if (tell) send.state("polygon", corners);
    describe();
    redraw();
  }

  // ---- Drawing -----------------------------------------------------------------------------------------------

  let limit = 150_000; // points that are drawn while the camera moves
  let movedAt = -Infinity;
  let resting = 0;
  const camera = createCamera(() => {
    movedAt = performance.now();
    clearTimeout(resting);
    resting = setTimeout(redraw, REST_MS + 10);
    point(null);
    redraw();
  });

  const redraw = perFrame(() => {
    if (!data || !column || camera.width < 2) return;
    const start = performance.now();
    const moving = start - movedAt < REST_MS;
    const drawn = moving ? Math.min(limit, order.length) : order.length;
    root.classList.toggle("thinned", drawn < order.length);
    drawPoints(drawn);
    drawOver();
    if (moving) {
      // The next frame comes when this one is on the screen.
      requestAnimationFrame(() => {
        const took = performance.now() - start;
        limit = clamp(drawn * clamp(FRAME_MS / took, 0.5, 1.3), FEWEST_MOVING, Math.max(FEWEST_MOVING, order.length));
      });
    }
  });
  const redrawOver = perFrame(() => data && column && drawOver());

  // As crowds thin out, points grow and become solid; in crowds, the whole stays just short of opaque.
  function look(drawn) {
    const perPixel = (data.crowding * (drawn / Math.max(1, order.length))) / camera.scale ** 2;
    const size = clamp(1.6 * perPixel ** -0.3, 1.4, 11);
    const overlap = Math.max(1, perPixel * size * size * 0.785);
    return { size, solid: clamp(1 - 0.08 ** (1 / overlap), 0.07, 0.88) };
  }

  // Marks shrink where there are many, and grow as one looks closer.
  const markSize = (number, size) => clamp(30 * number ** -0.165, Math.max(6.5, size + 4), 18);

  function drawPoints(drawn) {
    const ratio = canvas.width / camera.width;
    const { size, solid } = look(drawn);
    const marks = (selected && column.name !== "selected" ? SELECTED : 0) | (polygon.length > 2 ? INSIDE : 0);
    const layers = [
      {
        name: "points",
        program: "points",
        box: data.box,
        number: drawn,
        layered: marks > 0,
        uniforms: { float: { size: size * ratio, solid, faded: solid * (colours.dark ? 0.24 : 0.2) }, int: { front: marks } },
      },
    ];
    const kinds = { tints: Float32Array.from({ length: 24 }, (_, i) => (copies?.tints[Math.floor(i / 3)] ?? colours.inkUnit)[i % 3]) };
    if (copies && !hidden.lines) {
      const faint = clamp(8 / Math.sqrt(copies.owners.length), 0.05, 0.5);
      layers.push({
        name: "lines",
        program: "lines",
        primitive: "LINES",
        box: WHOLE,
        number: 2 * copies.owners.length,
        uniforms: { float: { solid: faint }, int: { hidden: hidden.kinds }, colours: kinds },
      });
    }
    const mark = (name, box, number, sized, shapes, off, tints) => ({
      name,
      program: "marks",
      box,
      number,
      uniforms: {
        float: { size: sized * ratio, stroke: 1.4 * ratio },
        int: { shapes, hidden: off },
        colour: { ground: colours.groundUnit },
        colours: tints,
      },
    });
    if (marked && !hidden.marked) {
      const ink = { tints: Float32Array.from({ length: 24 }, (_, i) => colours.inkUnit[i % 3]) };
      layers.push(mark("rings", data.box, data.rings, markSize(data.rings, size), RING, 0, ink));
    }
    if (copies) layers.push(mark("copies", copies.box, copies.owners.length, markSize(copies.owners.length, size), -1, hidden.kinds, kinds));
    points.draw(camera, layers);
  }

  function drawOver() {
    const context = fitted(over, camera.width, camera.height);
    context.font = `600 11.5px ${colours.font}`;
    context.textAlign = "center";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = colours.background;
    context.fillStyle = colours.text;
    const taken = [];
    for (const { code, words, share } of anchors) {
      if (only !== null && code !== only) continue;
      const [x, y] = camera.toScreen(share);
      const half = context.measureText(words).width / 2 + 2;
      if (taken.some((name) => Math.abs(name.x - x) < name.half + half && Math.abs(name.y - y) < 14)) continue;
      taken.push({ x, y, half });
      context.strokeText(words, x, y);
      context.fillText(words, x, y);
    }
    const outline = path ?? polygon.map((corner) => camera.toScreen(fromData(corner)));
    context.beginPath();
    outline.forEach((corner) => context.lineTo(...corner));
    context.closePath();
    context.fillStyle = context.strokeStyle = colours.accent;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.08;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
    if (picked) outlineOf(context, picked, 2.5);
    if (hovered) outlineOf(context, hovered, 1.5);
  }

  function outlineOf(context, { point: owner, copy }, width) {
    const { size } = look(order.length);
    const from = camera.toScreen(placeIn(data, owner));
    for (const j of copies?.of(owner) ?? []) {
      if ((hidden.kinds >> copies.kinds[j]) & 1) continue;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...camera.toScreen(placeIn(copies, j)));
      context.strokeStyle = copies.colours[copies.kinds[j]];
      context.lineWidth = j === copy ? 2.5 : 1.5;
      context.stroke();
    }
    context.strokeStyle = colours.text;
    context.lineWidth = width;
    for (const place of [from, ...(copy < 0 ? [] : [camera.toScreen(placeIn(copies, copy))])]) {
      context.beginPath();
      context.arc(...place, size / 2 + 4.5, 0, 7);
      context.stroke();
    }
  }

  // ---- Words -------------------------------------------------------------------------------------------------

  function drawLegend() {
    let chosen = null;
    if (selected && column?.kind !== "number" && column?.name !== "selected") {
      chosen = new Uint32Array(CODES);
      for (let i = 0; column && i < flags.length; i += 1) chosen[column.codes[i]] += flags[i] & SELECTED;
    }
    const besides = [];
    if (marked) {
      const shown = !hidden.marked;
      besides.push({ name: "marked", shape: RING, colour: colours.text, words: asked.marked_title, figure: count(data.rings), shown });
    }
    copies?.names.forEach((words, kind) => {
      const shown = !((hidden.kinds >> kind) & 1);
      const figure = count(copies.counts[kind]);
      besides.push({ name: kind, shape: kind & 3, colour: copies.colours[kind], words, figure, shown });
    });
    if (copies) besides.push({ name: "lines", shape: null, words: "lines to the original", figure: "", shown: !hidden.lines });
    legend.draw({ menu: menu(), colour: wanted, column, colours, only, chosen, byRank, besides });
  }

  function describe() {
    if (!column) return;
    let [shown, chosen, inside] = [0, 0, 0];
    for (let i = 0; i < flags.length; i += 1) {
      if (only !== null && !visible(i)) continue;
      shown += 1;
      chosen += flags[i] & SELECTED;
      inside += (flags[i] & INSIDE) >> 1;
    }
    const fact = (number, words) => element("span", {}, element("b", {}, count(number)), ` ${words}`);
    const facts = [fact(shown, `of ${count(flags.length)} shown`)];
    if (selected) facts.push(fact(chosen, "selected"));
    if (polygon.length > 2) {
      const clear = element("button", { type: "button", title: "Clear the lasso (Escape)" }, "Clear");
      clear.addEventListener("click", () => setPolygon([], true));
      // Python counts exact places, the browser rounded ones: once Python has spoken, its count stands.
      const exact = only === null && same(polygon, heard());
      facts.push(fact(exact ? asked.inside : inside, "in the lasso"), clear);
    }
    status.replaceChildren(...facts, element("em", {}, "fewer while moving"));
    canvas.setAttribute(
      "aria-label",
      `Map of ${count(flags.length)} images. Arrow keys move, plus and minus zoom, 0 shows all, ` +
        "shift and drag draws a lasso, Escape clears it.",
    );
  }

  const tip = createTip(stage);

  function point(found, px, py) {
    if (found?.point !== hovered?.point || found?.copy !== hovered?.copy) redrawOver();
    hovered = found;
    if (!found) return tip.hide();
    const { point: owner, copy } = found;
    const name = `#${ids ? ids[owner] : owner}`;
    const kind = copy < 0 ? "" : copies.names[copies.kinds[copy]];
    const read = [...new Set([...asked.hover, wanted])].map((title) => columnNamed(title)).filter(Boolean);
    tip.show(
      {
        key: `${owner} ${copy} ${read.map((one) => one.name)}`,
        heading: kind ? `${kind} of ${name}` : name,
        lines: read.map((one) => [one.title, one.text(one.codes[owner])]),
        pictures: [
          { address: asked.thumbnails, index: owner, title: name },
          ...(kind ? [{ address: asked.copy_thumbnails, index: copy, title: kind }] : []),
        ],
      },
      px,
      py,
    );
  }

  // ---- Hands -------------------------------------------------------------------------------------------------

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
        picked = found;
        point(found, px, py);
        redrawOver();
        if (found.copy < 0) send.trigger("picked", found.point);
        else send.trigger("copy", found.copy);
      },
      draw(drawn) {
        path = drawn;
        redrawOver();
      },
      drawn(drawn) {
        if (!data) return;
        const corners = simplified(drawn).map((pixel) => toData(camera.fromScreen(...pixel)).map((x) => Number(x.toPrecision(6))));
        if (corners.length > 2) setPolygon(corners, true);
      },
      clear() {
        path = null;
        if (polygon.length) setPolygon([], true);
        else if (only !== null) show(null);
        else picked = null;
        redrawOver();
      },
    },
  });

  const legend = createLegend(side, {
    colour(name) {
      [wanted, picking] = [name, name];
      send.state("colour", name);
      setColumn();
      drawLegend();
    },
    only: (code) => show(code),
    rank(whether) {
      byRank = whether;
      repaint();
      drawLegend();
    },
    toggle(name) {
      if (typeof name === "number") hidden.kinds ^= 1 << name;
      else hidden[name] = !hidden[name];
      drawLegend();
      redraw();
    },
  });

  // ---- Columns -----------------------------------------------------------------------------------------------

  const SELECTION = { name: "selected", title: "Selected", kind: "flag", names: ["no", "yes"] };
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
  let arrived = {};

  function setColumn() {
    const found = columnNamed(wanted);
    if (!found || found === column) return;
    if (found.name !== column?.name) [only, byRank] = [null, false];
    column = found;
    points.set("points", { code: inOrder(column.codes, order) });
    if (data.rings) points.set("rings", { code: inOrder(column.codes, data.ringed) });
    if (copies) setCopyCodes();
    const named = column.kind === "category" ? column.bySize.filter((code) => code !== column.wordless).slice(0, MOST_NAMES) : [];
    anchors = busiest(data.xy, column.codes, named).map(({ code, share }) => ({
      code,
      words: column.text(code),
      share: [share[0] * data.box.extent[0], share[1] * data.box.extent[1]],
    }));
    repaint();
  }

  function setCopyCodes() {
    const code = inOrder(column.codes, copies.owners);
    points.set("copies", { code });
    points.set("lines", { code: twice(code) });
  }

  function repaint() {
    const shown = only === null ? null : only === OTHERS ? (code) => column.grey.has(code) : (code) => code === only;
    shades = paintColumn(column, { ...colours, quiet: rgba(colours.quiet), accent: rgba(colours.accent) }, { byRank, only: shown });
    points.setColours(shades);
    describe();
    redraw();
  }

  function show(code) {
    only = code;
    repaint();
    drawLegend();
  }

  // ---- Life --------------------------------------------------------------------------------------------------

  function setPlaces(columns) {
    data = columns;
    data.box = boxOf(data);
    order = shuffled(data.xy.length / 2);
    flags = new Uint8Array(order.length);
    ids = data.id_steps?.slice() ?? null;
    for (let i = 1; ids && i < ids.length; i += 1) ids[i] += ids[i - 1];
    grid = buildGrid(data.xy);
    data.crowding = (crowd(grid) * CELLS * CELLS) / (data.box.extent[0] * data.box.extent[1]);
    [column, selected, marked, copies, hovered, picked] = [null, null, null, null, null, null];
    [known, limit] = [new WeakMap(), Math.min(limit, Math.max(FEWEST_MOVING, order.length))];
    points.set("points", { position: inOrder(data.xy, order, 2), code: new Uint8Array(order.length), kind: flags });
  }

  function setMask(mask, bit) {
    for (let i = 0; i < flags.length; i += 1) {
      flags[i] = (flags[i] & ~bit) | (mask && (mask.bits[i >> 3] >> (i & 7)) & 1 ? bit : 0);
    }
    if (bit === MARKED) {
      data.ringed = order.filter((i) => flags[i] & MARKED);
      data.rings = data.ringed.length;
      const codes = column?.codes ?? new Uint8Array(flags.length);
      points.set("rings", {
        position: inOrder(data.xy, data.ringed, 2),
        code: inOrder(codes, data.ringed),
        kind: new Uint8Array(data.rings),
      });
    }
  }

  function setCopies(cargo) {
    copies = cargo && { ...cargo, box: boxOf(cargo) };
    if (!copies) return;
    const { owners, kinds, names } = copies;
    copies.counts = names.map((_, kind) => kinds.reduce((times, own) => times + (own === kind), 0));
    const byOwner = new Map();
    owners.forEach((owner, j) => byOwner.set(owner, [...(byOwner.get(owner) ?? []), j]));
    copies.of = (owner) => byOwner.get(owner) ?? [];
    const ends = new Float32Array(4 * owners.length);
    owners.forEach((owner, j) => ends.set([...placeIn(data, owner), ...placeIn(copies, j)], 4 * j));
    const code = column ? inOrder(column.codes, owners) : new Uint8Array(owners.length);
    points.set("copies", { position: copies.xy, code, kind: kinds });
    points.set("lines", { position: ends, code: twice(code), kind: twice(kinds) });
  }

  function frame() {
    const [left, bottom, right, top] = [0, 0, ...data.box.extent];
    const { origin, extent } = copies?.box ?? data.box;
    camera.frame([
      Math.min(left, origin[0]),
      Math.min(bottom, origin[1]),
      Math.max(right, origin[0] + extent[0]),
      Math.max(top, origin[1] + extent[1]),
    ]);
  }

  function setTheme() {
    const style = themeOf(root);
    const share = (colour) => rgba(colour).slice(0, 3).map((value) => value / 255);
    const changed = style.dark !== colours?.dark || style.accent !== colours?.accent;
    const quiet = style.dark ? "#5b606b" : "#b9bec8";
    colours = { ...style, quiet, inkUnit: share(style.text), groundUnit: share(style.background) };
    if (copies) {
      copies.colours = copies.names.map((name, kind) => THEME.families[name] ?? categorical(kind));
      copies.tints = copies.colours.map(share);
    }
    return changed;
  }

  const heard = () => {
    const corners = [];
    for (let i = 0; i < asked.polygon.length; i += 2) corners.push([...asked.polygon.subarray(i, i + 2)]);
    return corners;
  };
  const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-4 * unit();
  const same = (a, b) => a.length === b.length && a.every((corner, i) => near(corner, b[i]));

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
  canvas.addEventListener("restored", redraw);

  return {
    update(parameters, columns, more) {
      const fresh = columns !== data;
      [asked, arrived] = [parameters, more];
      if (fresh) setPlaces(columns);
      stage.style.height = `${parameters.height_px}px`;
      // What a message names and has not brought yet is left as it was.
      const arriving = (name, before) => (parameters.more[name] ? (more[name] ?? before) : null);
      const [nowSelected, nowMarked] = [arriving("selected", selected), arriving("marked", marked)];
      const moved = nowSelected !== selected || nowMarked !== marked;
      if (nowSelected !== selected) setMask((selected = nowSelected), SELECTED);
      if (nowMarked !== marked) setMask((marked = nowMarked), MARKED);
      const nowCopies = arriving("copies", copies?.cargo);
      const landed = nowCopies !== copies?.cargo && Boolean(nowCopies || copies);
      if (landed) {
        setCopies(nowCopies);
        if (copies) copies.cargo = nowCopies;
      }
      if (fresh || landed) frame();
      const shaded = setTheme();

      if (parameters.colour === picking) picking = null;
      if (picking === null) wanted = parameters.colour;
      const before = column;
      setColumn();
      if (!column) return drawLegend();
      if (shaded && column === before) repaint();

      // Only a polygon that Python changed counts: an older one may still be on its way while the user draws.
      const corners = heard();
      const changed = String(corners) !== told && !same(corners, polygon);
      told = String(corners);
      if (changed || (fresh && polygon.length)) setPolygon(changed ? corners : polygon, false);
      else if (moved || fresh) showFlags();
      describe();
      drawLegend();
      redraw();
    },
    destroy() {
      data = null;
      clearTimeout(resting);
      camera.stop();
      redraw.cancel();
      redrawOver.cancel();
      resized.disconnect();
      points.destroy();
    },
  };
}

// Each entry two times, for the two ends of a line.
const twice = (array) => array.constructor.from({ length: 2 * array.length }, (_, i) => array[i >> 1]);
