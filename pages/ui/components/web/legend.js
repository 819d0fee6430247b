// The side of the map: what colors the points, what the colors mean, and what else is drawn.

/** @import { Asks, Beside, Column, LegendState, View } from "./types.d.ts" */

import { element, fitted } from "./dom.js";
import { count } from "./numbers.js";
import { categorical, COLORED, NO_NUMBER, sequential, shareOf } from "./palette.js";
import { CIRCLE } from "./scene.js";

const MARK_SHAPES = [
  "M6 1.500 10.500 6 6 10.500 1.500 6z",
  "M2 2h8v8H2z",
  "M6 1.800 10.600 10H1.400z",
  "M6 1.500a4.500 4.500 0 1 0 .01 0z",
];
const FEW = 12; // categories up to this number keep their own order and need no search
export const OTHERS = "others";

// What is drawn besides the points; `title` is what marked ones are.
/** @type {(view: View, title: string) => Beside[]} */
export function besidesOf({ marked, copies, hidden, colors, data }, title) {
  /** @type {Beside[]} */
  const rows = [];
  if (marked) {
    const figure = count(data.ringed.length);
    rows.push({ name: "marked", shape: CIRCLE, color: colors.text, words: title, figure, shown: !hidden.marked });
  }
  copies?.names.forEach((words, kind) => {
    const [color, figure, shown] = [copies.colors[kind], count(copies.counts[kind]), !((hidden.kinds >> kind) & 1)];
    rows.push({ name: kind, shape: kind & 3, color, words, figure, shown });
  });
  if (copies) {
    const words = "lines to the original";
    rows.push({ name: "lines", shape: null, color: "", words, figure: "", shown: !hidden.lines });
  }
  return rows;
}

// `asks` hears what the user chooses; of `only`, a code, OTHERS or null.
/** @type {(side: HTMLElement, asks: Asks) => { draw(state: LegendState): void }} */
export function createLegend(side, asks) {
  const menu = element("select", { "aria-label": "Color points by" });
  const search = element("input", {
    type: "search",
    placeholder: "Find …",
    "aria-label": "Find a category",
    hidden: "",
  });
  const body = element("div", { class: "legend", role: "group" });
  const besides = element("div", {
    class: "besides",
    role: "group",
    "aria-label": "Also drawn",
    hidden: "",
  });
  side.append(element("label", { class: "by" }, element("span", {}, "Color"), menu), search, body, besides);
  /** @type {LegendState} */
  let now; // what was drawn last
  menu.addEventListener("change", () => asks.color(menu.value));
  search.addEventListener("input", () => drawBody());
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      event.stopPropagation();
      search.value = "";
      drawBody();
    }
  });

  /** @type {(id: Beside["name"] | string, swatch: Element, words: string, figure: string, how: { pressed: boolean, title: string, run: () => void }) => HTMLElement} */
  function row(id, swatch, words, figure, { pressed, title, run }) {
    const button = element(
      "button",
      { type: "button", "data-id": id, "aria-pressed": String(pressed), title },
      swatch,
      element("span", {}, words),
      element("small", {}, figure),
    );
    button.addEventListener("click", run);
    return button;
  }
  /** @type {(color: string) => Element} */
  const disc = (color) => element("i", { style: `--swatch:${color}` });
  /** @type {(shape: number, color: string) => Element} */
  const mark = (shape, color) => {
    const holder = element("i", { class: "mark", style: `--swatch:${color}` });
    holder.innerHTML = `<svg viewBox="0 0 12 12" aria-hidden="true"><path d="${MARK_SHAPES[shape]}"/></svg>`;
    return holder;
  };

  /** @type {(column: Column) => HTMLElement[]} */
  function categories(column) {
    const { only, chosen, colors } = now;
    const words = search.value.trim().toLowerCase();
    const order = column.present.length > FEW ? column.bySize : column.present;
    const matching = words ? order.filter((code) => column.text(code).toLowerCase().includes(words)) : order;
    const shown = matching.slice(0, COLORED);
    /** @type {(all: number, ours: number | null | undefined) => string} */
    const figure = (all, ours) => (typeof ours === "number" ? `${count(ours)} / ${count(all)}` : count(all));
    /** @type {(code: number) => string} */
    const swatch = (code) => {
      if (column.gray.has(code)) return code === only ? colors.accent : colors.quiet;
      return column.kind === "flag" ? [colors.quiet, colors.accent][code] : categorical(code);
    };
    const rows = shown.map((code) =>
      row(code, disc(swatch(code)), column.text(code), figure(column.counts[code], chosen?.[code]), {
        pressed: code === only,
        title: `Show only ${column.text(code)}`,
        run: () => asks.only(code === only ? null : code),
      })
    );
    const rest = matching.slice(COLORED);
    if (rest.length && words) rows.push(element("p", {}, `${count(rest.length)} more match`));
    else if (rest.length) {
      /** @type {(counts: Uint32Array) => number} */
      const sum = (counts) => rest.reduce((total, code) => total + counts[code], 0);
      rows.push(
        row(
          OTHERS,
          disc(only === OTHERS ? colors.accent : colors.quiet),
          `${count(rest.length)} others`,
          figure(sum(column.counts), chosen && sum(chosen)),
          {
            pressed: only === OTHERS,
            title: "Show only the smaller ones",
            run: () => asks.only(only === OTHERS ? null : OTHERS),
          },
        ),
      );
    }
    if (!rows.length) rows.push(element("p", {}, words ? "No matches" : "No points"));
    return rows;
  }

  /** @type {(column: Column) => HTMLElement[]} */
  function scale(column) {
    const { byRank, colors } = now;
    const [low, high] = [column.knots[0], column.knots[column.knots.length - 1]];
    if (low === undefined) return [element("p", {}, `No point has a value: ${column.missing}`)];
    /** @type {(value: number) => string} */
    const end = (value) => column.format(Math.abs(value) < 1e-3 * (high - low) ? 0 : value);
    const canvas = element("canvas", {
      class: "bars",
      role: "img",
      "aria-label": `How often each ${column.title} occurs`,
    });
    const switches = [{ words: "Value", rank: false }, { words: "Rank", rank: true }].map(({ words, rank }) => {
      const button = element(
        "button",
        {
          type: "button",
          "data-id": words,
          "aria-pressed": String(byRank === rank),
          title: rank ? "The same number of points per color" : "Colors linear in the value",
        },
        words,
      );
      button.addEventListener("click", () => asks.rank(rank));
      return button;
    });
    const missing = column.counts[NO_NUMBER];
    requestAnimationFrame(() => canvas.isConnected && drawBars(canvas, column, byRank, colors));
    return [
      canvas,
      element("div", { class: "ends" }, element("span", {}, end(low)), element("span", {}, end(high))),
      element("div", { class: "switch", role: "group", "aria-label": "Spread the colors by" }, ...switches),
      ...(missing
        ? [
          element(
            "p",
            {},
            disc(colors.quiet),
            element("span", {}, column.missing),
            element("small", {}, count(missing)),
          ),
        ]
        : []),
    ];
  }

  function drawBody() {
    const focused = focusedIn(body);
    const { column, color, menu: offered } = now;
    body.classList.toggle("isolating", now.only !== null);
    search.hidden = !column || column.kind === "number" || column.present.length <= FEW;
    if (search.hidden) search.value = "";
    if (!column || column.name !== color) {
      const title = new Map(offered).get(color) ?? color;
      body.replaceChildren(element("p", { class: "waiting" }, `Fetching ${title} …`));
      return;
    }
    body.setAttribute("aria-label", column.kind === "number" ? "Legend" : `Show one ${column.title} only`);
    body.replaceChildren(...(column.kind === "number" ? scale(column) : categories(column)));
    if (focused) [...body.querySelectorAll("button")].find((button) => button.dataset.id === focused)?.focus();
  }

  function drawBesides() {
    const rows = now.besides.map(({ name, shape, color, words, figure, shown }) =>
      row(name, shape === null ? element("i", { class: "stroke" }) : mark(shape, color), words, figure, {
        pressed: shown,
        title: shown ? `Hide ${words}` : `Show ${words}`,
        run: () => asks.toggle(name),
      })
    );
    const focused = focusedIn(besides);
    besides.hidden = !rows.length;
    besides.replaceChildren(...rows);
    if (focused) [...besides.querySelectorAll("button")].find((button) => button.dataset.id === focused)?.focus();
  }

  return {
    draw(state) {
      now = state;
      if (String(state.menu) !== menu.dataset.names) {
        menu.dataset.names = String(state.menu);
        menu.replaceChildren(...state.menu.map(([name, title]) => element("option", { value: name }, title)));
      }
      menu.value = state.color;
      drawBody();
      drawBesides();
    },
  };
}

// The `data-id` of what has the focus in the shadow root that holds a node.
/** @type {(node: Element) => string | undefined} */
function focusedIn(node) {
  const root = node.getRootNode();
  const active = root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
  return active instanceof HTMLElement ? active.dataset.id : undefined;
}

// A histogram over a number's range, each bar in the color its points have.
/** @type {(canvas: HTMLCanvasElement, column: Column, byRank: boolean, colors: { dark: boolean }) => void} */
function drawBars(canvas, column, byRank, { dark }) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const bins = Math.max(8, Math.floor(width / 4));
  const [sums, middles] = [new Float64Array(bins), new Float64Array(bins)];
  for (let code = 0; code < NO_NUMBER; code += 1) {
    const times = column.counts[code];
    if (!times) continue;
    const bin = Math.min(bins - 1, Math.floor(shareOf(column, code, false) * bins));
    sums[bin] += times;
    middles[bin] += times * shareOf(column, code, byRank);
  }
  const highest = Math.max(...sums);
  const context = fitted(canvas, width, height);
  sums.forEach((times, bin) => {
    const share = times ? middles[bin] / times : null;
    if (share === null) return;
    context.fillStyle = sequential(share, dark);
    const tall = Math.max(1.5, (times / highest) * height);
    context.fillRect((bin * width) / bins, height - tall, width / bins - 0.75, tall);
  });
}
