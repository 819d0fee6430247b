// The hardness band: while an edge moves, everything is computed here; Python hears of the release.

/** @import { Create } from "./types.d.ts" */

import { entropyAt, rankAt } from "./curve.js";
import { element, fitted, perFrame, themeOf } from "./dom.js";
import { clamp, count, ordinal, percent } from "./numbers.js";
import { connect } from "./part.js";
import { THEME } from "./theme.js";

const PREVIEWS = 24;
const AXIS_PX = 22;
const TELL_AFTER_MS = 450;

export const mount = connect(new URL("band.css", import.meta.url), create);

/** @type {Create} */
function create(root, send) {
  root.className = "part band";
  const facts = element("div", { class: "facts", role: "status" });
  const chart = element("canvas", { role: "img" });
  const upper = element(
    "div",
    { class: "edge", role: "slider", tabindex: "0", "aria-label": "Hardness offset" },
    element("b"),
  );
  const lower = element(
    "div",
    { class: "edge", role: "slider", tabindex: "0", "aria-label": "Lower edge of the band" },
    element("b"),
  );
  const plot = element("div", { class: "plot" }, chart, lower, upper);
  const key = element("p");
  const note = element("p");
  const previews = element("canvas", { class: "previews", role: "img" });
  root.append(facts, plot, key, note, previews);

  const names = ["Offset", "Entropy at the edge", "Passed over", "Band", "Lower edge"];
  const cells = names.map((name) => {
    const [value, aside] = [element("b"), element("small")];
    const cell = element("div", {}, element("span", {}, name), value, " ", aside);
    facts.append(cell);
    return { cell, value, aside };
  });

  let shown = null; // parameters
  let columns = null;
  let picture = null; // decoded previews
  let band = { offset: 0, floor: /** @type {number | null} */ (null) };
  let told = null; // the band in the last message from Python, as text
  let colors = null;
  let held = null; // the edge being dragged
  let width = 1;
  let timer = 0;

  const filled = () => (shown.total ? band.offset + shown.quota / shown.total : 1);
  const end = () => clamp(band.floor ?? filled(), 0, 1);
  const xAt = (rank) => clamp(entropyAt(columns.curve, rank), 0, 1) * width;

  // ---- Drawing -------------------------------------------------------------------------------------------------

  function drawChart() {
    const height = plot.clientHeight;
    const context = fitted(chart, width, height);
    const floor = height - AXIS_PX;
    const bins = columns.counts.length / columns.families.length;
    const step = width / bins;
    const mine = columns.families.indexOf(columns.family);
    const heights = columns.families.map((_, f) => {
      const own = columns.counts.subarray(f * bins, (f + 1) * bins);
      const most = own.reduce((a, b) => Math.max(a, b), 1);
      return Array.from(own, (number) => Math.sqrt(number / most) * (floor - 18));
    });
    const bars = (style) => {
      context.fillStyle = style;
      heights[mine].forEach((tall, i) => context.fillRect(i * step + 0.5, floor - tall, Math.max(1, step - 1), tall));
    };
    const family = THEME.families[columns.family] ?? colors.accent;
    context.globalAlpha = 0.28;
    bars(family);
    const [right, left] = [xAt(band.offset), xAt(end())];
    context.globalAlpha = 0.09;
    context.fillStyle = colors.accent;
    context.fillRect(left, 0, right - left, floor);
    context.globalAlpha = 1;
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, floor);
    context.clip();
    bars(family);
    context.restore();
    columns.families.forEach((name, f) => {
      if (f === mine) return;
      context.beginPath();
      heights[f].forEach((tall, i) => {
        context.lineTo(i * step, floor - tall);
        context.lineTo((i + 1) * step, floor - tall);
      });
      context.strokeStyle = THEME.families[name] ?? colors.text;
      context.globalAlpha = 0.75;
      context.lineWidth = 1.2;
      context.stroke();
      context.globalAlpha = 1;
    });
    context.strokeStyle = context.fillStyle = colors.text;
    context.globalAlpha = 0.25;
    context.beginPath();
    context.moveTo(0, floor + 0.5);
    context.lineTo(width, floor + 0.5);
    context.lineWidth = 1;
    context.stroke();
    context.globalAlpha = 0.65;
    context.font = `11px ${colors.font}`;
    for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      context.textAlign = tick === 0 ? "left" : tick === 1 ? "right" : "center";
      const words =
        { 0: width < 480 ? "0" : "0  surely classified", 1: width < 480 ? "ln K" : "undecided  ln K" }[tick];
      context.fillText(words ?? percent(tick, 0), tick * width, height - 6);
    }
    context.globalAlpha = 1;
  }

  // The preview nearest in rank to the upper edge, and those that follow it downward.
  function following() {
    const ranks = columns.preview_ranks;
    const from = band.offset * shown.total;
    let first = 0;
    while (first < ranks.length - 1 && ranks[first] < from) first += 1;
    return Array.from({ length: Math.min(PREVIEWS, ranks.length - first) }, (_, i) => first + i);
  }

  function drawPreviews() {
    const { layout, preview_ranks: ranks } = columns;
    const perRow = width < 360 ? 6 : width < 640 ? 8 : width < 900 ? 12 : PREVIEWS;
    const side = (width - 3 * (perRow - 1)) / perRow;
    const rows = Math.ceil(PREVIEWS / perRow);
    const height = rows * (side + 3);
    previews.style.height = `${height}px`;
    const context = fitted(previews, width, height);
    context.imageSmoothingEnabled = layout.width > 48;
    const last = end() * shown.total;
    let within = 0;
    following().forEach((i, k) => {
      const inside = ranks[i] <= last;
      if (inside) within += 1;
      const [column, row] = [k % perRow, Math.floor(k / perRow)];
      const [x, y] = [(i % layout.columns) * layout.pitch_x, Math.floor(i / layout.columns) * layout.pitch_y];
      context.globalAlpha = inside ? 1 : 0.18;
      const [left, top] = [column * (side + 3), row * (side + 3)];
      if (picture) context.drawImage(picture, x, y, layout.width, layout.height, left, top, side, side);
    });
    context.globalAlpha = 1;
    const every = Math.max(1, Math.round(shown.total / Math.max(1, ranks.length)));
    const words = every === 1 ? "every candidate" : `every ${ordinal(every)} candidate`;
    const outside = following().length - within;
    note.replaceChildren(
      element("span", {}, `Preview from the upper edge downward: ${words}`),
      element("span", {}, outside ? `${outside} faded: below the band` : ""),
    );
    previews.setAttribute("aria-label", `${within} previews inside the band, ${words}`);
  }

  function say() {
    const inside = Math.max(0, Math.round((end() - band.offset) * shown.total));
    const short = shown.quota - inside;
    const nats = (entropy) => `${(entropy * Math.log(columns.class_count)).toFixed(2)} nats`;
    const edge = entropyAt(columns.curve, band.offset);
    const words = [
      [percent(band.offset), "hardest"],
      [percent(edge), nats(edge)],
      [count(band.offset * shown.total), `of ${count(shown.total)}`],
      short > 0 ? [count(inside), `short by ${count(short)}`] : [count(inside), `for ${count(shown.quota)}`],
      [
        percent(end()),
        band.floor === null ? "quota full here" : `floor, ${percent(entropyAt(columns.curve, end()), 0)} of ln K`,
      ],
    ];
    words.forEach(([value, aside], i) => {
      cells[i].value.textContent = value;
      cells[i].aside.textContent = aside;
    });
    cells[3].cell.classList.toggle("short", short > 0);
    for (
      const [edgeNode, rank, what] of [[upper, band.offset, "offset"], [
        lower,
        end(),
        band.floor === null ? "full" : "floor",
      ]]
    ) {
      const x = xAt(rank);
      edgeNode.style.left = `${x}px`;
      edgeNode.setAttribute("aria-valuemin", "0");
      edgeNode.setAttribute("aria-valuemax", "100");
      edgeNode.setAttribute("aria-valuenow", (100 * rank).toFixed(1));
      edgeNode.setAttribute(
        "aria-valuetext",
        `${percent(rank)} of the candidates are harder, entropy ${percent(entropyAt(columns.curve, rank))} of ln K`,
      );
      const tag = edgeNode.firstChild;
      tag.textContent = `${what} ${percent(rank)}`;
      tag.classList.toggle("left", edgeNode === lower ? x > 96 : x > width - 96);
    }
    const [upperTag, lowerTag] = [upper.firstChild, lower.firstChild];
    const oneSide = upperTag.classList.contains("left") === lowerTag.classList.contains("left");
    lowerTag.hidden = oneSide && Math.abs(xAt(band.offset) - xAt(end())) < 100;
    lower.classList.toggle("loose", band.floor === null);
    chart.setAttribute("aria-label", `Histogram of entropy of ${count(shown.total)} ${columns.family} candidates`);
  }

  const redraw = perFrame(() => {
    if (!shown || width < 2) return;
    drawChart();
    drawPreviews();
    say();
  });

  // ---- Hands ---------------------------------------------------------------------------------------------------

  function move(edge, rank) {
    const least = shown.total ? 1 / shown.total : 0;
    if (edge === upper) band.offset = clamp(rank, 0, (band.floor ?? 1) - least);
    else band.floor = clamp(rank, band.offset + least, 1);
    redraw();
  }

  function tell() {
    clearTimeout(timer);
    const rounded = {
      offset: Number(band.offset.toFixed(6)),
      floor: band.floor === null ? null : Number(band.floor.toFixed(6)),
    };
    band = rounded;
    redraw();
    send.state("band", { ...rounded });
  }

  function reset(edge) {
    if (edge === upper) band.offset = Math.min(shown.reset_offset, band.floor ?? 1);
    else band.floor = null;
    tell();
  }

  for (const edge of [upper, lower]) {
    edge.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      edge.setPointerCapture(event.pointerId);
      edge.classList.add("held");
      held = { edge, from: event.clientX, moved: false };
    });
    edge.addEventListener("pointermove", (event) => {
      if (held?.edge !== edge) return;
      if (Math.abs(event.clientX - held.from) > 2) held.moved = true;
      if (held.moved) move(edge, rankAt(columns.curve, (event.clientX - plot.getBoundingClientRect().left) / width));
    });
    const drop = () => {
      edge.classList.remove("held");
      const moved = held?.edge === edge && held.moved;
      held = null;
      if (moved) tell();
    };
    edge.addEventListener("pointerup", drop);
    edge.addEventListener("pointercancel", drop);
    edge.addEventListener("dblclick", () => reset(edge));
    edge.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.01 : 0.001;
      const rank = edge === upper ? band.offset : end();
      const goals = {
        ArrowLeft: rank + step,
        ArrowDown: rank + step,
        ArrowRight: rank - step,
        ArrowUp: rank - step,
        PageDown: rank + 0.05,
        PageUp: rank - 0.05,
        Home: 1,
        End: 0,
      };
      if (event.key in goals) move(edge, goals[event.key]);
      else if (event.key === "Delete" || event.key === "Backspace") return reset(edge);
      else return;
      event.preventDefault();
      clearTimeout(timer);
      timer = setTimeout(tell, TELL_AFTER_MS);
    });
  }

  const resized = new ResizeObserver(() => {
    root.classList.toggle("narrow", root.clientWidth < 560);
    width = plot.clientWidth;
    redraw();
  });
  resized.observe(root);

  async function decode() {
    const mine = columns;
    const decoded = await createImageBitmap(new Blob([mine.sprite], { type: mine.layout.type }));
    if (mine !== columns) return decoded.close();
    picture = decoded;
    redraw();
  }

  return {
    update(parameters, cargo) {
      colors = themeOf(root);
      const fresh = cargo !== columns;
      [shown, columns] = [parameters, cargo];
      if (fresh) {
        picture = null;
        decode();
        key.replaceChildren(
          element(
            "span",
            {},
            "Candidates by entropy, height by square root ",
            ...columns.families.flatMap((name) => [
              element("i", { class: name === columns.family ? "full" : "", style: `--swatch:${THEME.families[name]}` }),
              name,
            ]),
          ),
          element("span", {}, "Drag an edge, or use arrow keys; double-click resets"),
        );
      }
      const now = JSON.stringify([parameters.offset, parameters.floor]);
      // Only a band that Python changed counts: an older one may still be on its way while the user drags.
      if (now !== told && !held) band = { offset: parameters.offset, floor: parameters.floor };
      told = now;
      redraw();
    },
    destroy() {
      clearTimeout(timer);
      redraw.cancel();
      resized.disconnect();
    },
  };
}
