// The hardness band: while an edge moves, everything is computed here; Python hears of the release.

/** @import { Band, BandColumns, BandParameters, Create, Theme } from "./types.d.ts" */

import { entropyAt, rankAt } from "./curve.js";
import { element, perFrame, themeOf } from "./dom.js";
import { drawHistogram } from "./histogram.js";
import { clamp, count, percent } from "./numbers.js";
import { connect } from "./part.js";
import { createPreviews } from "./previews.js";
import { FAMILIES } from "./theme.js";
import css from "./band.css" with { type: "text" };

const TELL_AFTER_MS = 450;

export const mount = connect(css, create);

/** @type {Create<BandParameters, BandColumns>} */
function create(root, send) {
  root.className = "part band";
  const facts = element("div", { class: "facts", role: "status" });
  const chart = element("canvas", { role: "img" });
  const [upper, lower] = ["Hardness offset", "Lower edge of the band"].map((label) => {
    const tag = element("b");
    return { node: element("div", { class: "edge", role: "slider", tabindex: "0", "aria-label": label }, tag), tag };
  });
  const plot = element("div", { class: "plot" }, chart, lower.node, upper.node);
  const key = element("p");
  const note = element("p");
  const strip = element("canvas", { class: "previews", role: "img" });
  root.append(facts, plot, key, note, strip);

  const names = ["Offset", "Entropy at the edge", "Skipped", "Band", "Lower edge"];
  const cells = names.map((name) => {
    const [title, value, aside] = [element("span", {}, name), element("b"), element("small")];
    const cell = element("div", {}, title, value, " ", aside);
    facts.append(cell);
    return { cell, title, value, aside };
  });

  /** @type {BandParameters} */
  let shown; // parameters
  /** @type {BandColumns} */
  let columns;
  /** @type {Band} */
  let band = { offset: 0, floor: null };
  let told = ""; // the band in the last message from Python, as text
  /** @type {Theme} */
  let colors;
  /** @type {{ edge: typeof upper, from: number, moved: boolean } | null} */
  let held = null; // the edge being dragged
  let width = 1;
  let timer = 0;

  const title = () => columns.score || "Entropy";
  const most = () => (columns.score ? "the largest" : "ln K");
  const filled = () => (shown.total ? band.offset + shown.quota / shown.total : 1);
  const end = () => clamp(band.floor ?? filled(), 0, 1);
  /** @type {(rank: number) => number} */
  const xAt = (rank) => clamp(entropyAt(columns.curve, rank), 0, 1) * width;

  // ---- Drawing -------------------------------------------------------------------------------------------------

  function drawPreviews() {
    const { within, below, words } = previews.draw(width, shown.total, band.offset * shown.total, end() * shown.total);
    note.replaceChildren(
      element("span", {}, `Preview from the upper edge downward: ${words}`),
      element("span", {}, below ? `${below} faded: below the band` : ""),
    );
    strip.setAttribute("aria-label", `${within} previews inside the band, ${words}`);
  }

  function say() {
    const inside = Math.max(0, Math.round((end() - band.offset) * shown.total));
    const short = shown.quota - inside;
    /** @type {(share: number) => string} */
    const nats = (share) =>
      columns.score ? "of the largest" : `${(share * Math.log(columns.class_count)).toFixed(2)} nats`;
    const edge = entropyAt(columns.curve, band.offset);
    const words = [
      [percent(band.offset), "hardest"],
      [percent(edge), nats(edge)],
      [count(band.offset * shown.total), `of ${count(shown.total)}`],
      short > 0 ? [count(inside), `short by ${count(short)}`] : [count(inside), `for ${count(shown.quota)}`],
      [
        percent(end()),
        band.floor === null ? "quota full here" : `floor, ${percent(entropyAt(columns.curve, end()), 0)} of ${most()}`,
      ],
    ];
    cells[1].title.textContent = `${title()} at the edge`;
    words.forEach(([value, aside], i) => {
      cells[i].value.textContent = value;
      cells[i].aside.textContent = aside;
    });
    cells[3].cell.classList.toggle("short", short > 0);
    const edges = [
      { ...upper, rank: band.offset, what: "offset" },
      { ...lower, rank: end(), what: band.floor === null ? "full" : "floor" },
    ];
    for (const { node, tag, rank, what } of edges) {
      const x = xAt(rank);
      node.style.left = `${x}px`;
      node.setAttribute("aria-valuemin", "0");
      node.setAttribute("aria-valuemax", "100");
      node.setAttribute("aria-valuenow", (100 * rank).toFixed(1));
      node.setAttribute(
        "aria-valuetext",
        `${percent(rank)} of the candidates are harder, ${title().toLowerCase()} ${
          percent(entropyAt(columns.curve, rank))
        } of ${most()}`,
      );
      tag.textContent = `${what} ${percent(rank)}`;
      tag.classList.toggle("left", node === lower.node ? x > 96 : x > width - 96);
    }
    const oneSide = upper.tag.classList.contains("left") === lower.tag.classList.contains("left");
    lower.tag.hidden = oneSide && Math.abs(xAt(band.offset) - xAt(end())) < 100;
    lower.node.classList.toggle("loose", band.floor === null);
    chart.setAttribute(
      "aria-label",
      `Histogram of ${title().toLowerCase()} of ${count(shown.total)} ${columns.family} candidates`,
    );
  }

  const redraw = perFrame(() => {
    if (!shown || width < 2) return;
    const edges = { left: xAt(end()), right: xAt(band.offset) };
    drawHistogram(chart, { width, height: plot.clientHeight }, columns, colors, edges);
    drawPreviews();
    say();
  });
  const previews = createPreviews(strip, redraw);

  // ---- Hands ---------------------------------------------------------------------------------------------------

  /** @type {(edge: typeof upper, rank: number) => void} */
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

  /** @type {(edge: typeof upper) => void} */
  function reset(edge) {
    if (edge === upper) band.offset = Math.min(shown.reset_offset, band.floor ?? 1);
    else band.floor = null;
    tell();
  }

  for (const edge of [upper, lower]) {
    edge.node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      edge.node.setPointerCapture(event.pointerId);
      edge.node.classList.add("held");
      held = { edge, from: event.clientX, moved: false };
    });
    edge.node.addEventListener("pointermove", (event) => {
      if (held?.edge !== edge) return;
      if (Math.abs(event.clientX - held.from) > 2) held.moved = true;
      if (held.moved) move(edge, rankAt(columns.curve, (event.clientX - plot.getBoundingClientRect().left) / width));
    });
    const drop = () => {
      edge.node.classList.remove("held");
      const moved = held?.edge === edge && held.moved;
      held = null;
      if (moved) tell();
    };
    edge.node.addEventListener("pointerup", drop);
    edge.node.addEventListener("pointercancel", drop);
    edge.node.addEventListener("dblclick", () => reset(edge));
    edge.node.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.01 : 0.001;
      const rank = edge === upper ? band.offset : end();
      /** @type {Record<string, number>} */
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

  return {
    update(parameters, cargo) {
      colors = themeOf(root);
      const fresh = cargo !== columns;
      [shown, columns] = [parameters, cargo];
      plot.inert = parameters.locked;
      plot.style.opacity = parameters.locked ? "0.45" : "";
      if (fresh) {
        previews.take(columns);
        key.replaceChildren(
          element(
            "span",
            {},
            `Candidates by ${title().toLowerCase()}, height by square root `,
            ...columns.families.flatMap((name) => [
              element("i", { class: name === columns.family ? "full" : "", style: `--swatch:${FAMILIES[name]}` }),
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
