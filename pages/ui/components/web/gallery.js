// The gallery: one small canvas an image, cut from the sprite; decisions show before Python has heard of them.

/** @import { Create, GalleryAction, GalleryColumns, GalleryParameters } from "./types.d.ts" */

import { element } from "./dom.js";
import { clamp, percent } from "./numbers.js";
import { connect } from "./part.js";
import { keyGoal, paintSheet } from "./sheet.js";
import { FAMILIES } from "./theme.js";
import css from "./gallery.css" with { type: "text" };

/** @type {Record<GalleryAction, string>} */
const STATES = { include: "included", exclude: "excluded", relabel: "relabeled", clear: "" };
const GAP_PX = 8;

export const mount = connect(css, create);

/** @type {Create<GalleryParameters, GalleryColumns>} */
function create(root, send) {
  root.className = "part gallery";
  const grid = element("div", { class: "grid", role: "listbox", "aria-label": "Images" });
  const words = element("span", { role: "status" });
  const bar = element("div", { class: "bar", role: "toolbar", "aria-label": "Decide on the focused image" }, words);
  root.append(grid, bar);

  /** @type {GalleryParameters} */
  let shown; // parameters
  /** @type {GalleryColumns} */
  let columns;
  /** @type {{ node: HTMLElement, canvas: HTMLCanvasElement, words: Text }[]} */
  let cells = [];
  let focused = 0;
  let perRow = 1;
  /** @type {{ number: number, id: number, index: number, action: GalleryAction, label?: number }[]} */
  let journal = []; // decisions that Python has not confirmed
  let last = 0; // number of the latest decision

  /** @type {[GalleryAction, string][]} */
  const commands = [["include", "Include  i"], ["exclude", "Exclude  x"], ["clear", "Undo  ⌫"]];
  const buttons = commands.map(([action, text]) => {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => decide(action));
    bar.append(button);
    return button;
  });

  /** @type {(action: GalleryAction, label?: number) => void} */
  function decide(action, label) {
    const id = shown.ids[focused];
    if (id === undefined || !shown.editable) return;
    last += 1;
    journal = [...journal, { number: last, id, index: focused, action, ...(action === "relabel" && { label }) }];
    dress(focused);
    describe();
    send.state("journal", journal);
  }

  // What an image's badge and caption say: the newest decision, else what Python knows.
  /** @type {(i: number) => void} */
  function dress(i) {
    const decision = journal.findLast((entry) => entry.id === shown.ids[i]);
    const state = decision ? STATES[decision.action] : (shown.states?.[i] ?? "");
    const relabeled = decision?.label === undefined ? null : shown.digits[decision.label];
    /** @type {Record<string, string>} */
    const badges = { included: "✓", excluded: "✕", relabeled: relabeled ? `→ ${relabeled}` : "✎" };
    const badge = badges[state];
    const { node: cell, words: below } = cells[i];
    cell.className = `cell ${state}${columns.layout.width <= 64 ? " crisp" : ""}`;
    if (badge) cell.dataset.badge = badge;
    else delete cell.dataset.badge;
    const share = shown.shares?.[i];
    cell.style.setProperty("--share", String(share ?? 0));
    cell.style.setProperty("--family", FAMILIES[shown.families?.[i] ?? ""] ?? "var(--muted)");
    const aside = [share === undefined ? "" : percent(share, 0), shown.notes?.[i] ?? ""].filter(Boolean).join("  ");
    below.data = aside ? `${shown.titles[i]}\n${aside}` : shown.titles[i];
    cell.title = caption(i);
    cell.setAttribute("aria-label", [caption(i), state].filter(Boolean).join(", "));
    cell.setAttribute("aria-selected", String(shown.ids[i] === shown.selected));
    cell.tabIndex = i === focused ? 0 : -1;
  }

  /** @type {(i: number) => string} */
  function caption(i) {
    const share = shown.shares?.[i];
    return [
      shown.names ? shown.names[i] : `#${shown.ids[i]}`,
      shown.titles[i],
      share === undefined ? "" : `entropy ${percent(share, 0)} of the maximum`,
      shown.families?.[i],
      shown.notes?.[i],
    ]
      .filter(Boolean)
      .join(" · ");
  }

  function describe() {
    if (!cells.length) return;
    const keys = shown.digits.length ? ` · 0–${shown.digits.length - 1} relabel` : "";
    words.textContent = `${caption(focused)} · Enter opens${shown.editable ? keys : ""}`;
    for (const button of buttons) button.hidden = !shown.editable;
  }

  /** @type {(i: number) => void} */
  function focus(i) {
    const before = focused;
    focused = clamp(i, 0, cells.length - 1);
    cells[before].node.tabIndex = -1;
    cells[focused].node.tabIndex = 0;
    cells[focused].node.focus({ preventScroll: false });
    describe();
  }

  function build() {
    const { width, height } = columns.layout;
    focused = Math.min(focused, Math.max(0, columns.number - 1));
    cells = Array.from({ length: columns.number }, () => {
      const canvas = element("canvas", { width, height });
      const words = document.createTextNode("");
      return { node: element("div", { role: "option" }, canvas, words), canvas, words };
    });
    grid.replaceChildren(...cells.map(({ node }) => node));
    bar.hidden = !cells.length;
    if (!cells.length) grid.append(element("p", { class: "empty" }, "No images here"));
  }

  // Whole multiples of the image's pixels, near 96 on the desk and near 72 in the hand.
  function arrange() {
    if (!shown || !root.clientWidth) return;
    const { width, height } = columns.layout;
    const room = root.clientWidth;
    const wish = room < 480 ? 72 : 96;
    let cell = width <= 64 ? Math.max(1, Math.floor(wish / width)) * width : wish;
    const fitting = Math.max(1, Math.floor((room + GAP_PX) / (cell + GAP_PX)));
    perRow = shown.grid_columns || Math.max(shown.group, fitting - (fitting % shown.group));
    cell = Math.min(cell, Math.floor((room - GAP_PX * (perRow - 1)) / perRow));
    grid.style.setProperty("--columns", String(perRow));
    grid.style.setProperty("--spread", shown.grid_columns ? "start" : "space-between");
    grid.style.setProperty("--cell", `${cell}px`);
    grid.style.setProperty("--tall", `${Math.round((cell * height) / width)}px`);
  }

  /** @type {(event: Event) => number} */
  const under = ({ target }) => cells.findIndex(({ node }) => target instanceof Node && node.contains(target));
  grid.addEventListener("click", (event) => {
    const at = under(event);
    if (at < 0) return;
    focus(at);
    send.trigger("opened", shown.ids[at]);
  });
  grid.addEventListener("focusin", (event) => {
    const at = under(event);
    if (at >= 0 && at !== focused) focus(at);
  });
  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !cells.length) return;
    const goal = keyGoal(event.key, focused, perRow, cells.length);
    if (goal !== undefined) focus(goal);
    else if (event.key === "Enter" || event.key === " ") send.trigger("opened", shown.ids[focused]);
    else if (event.key === "i") decide("include");
    else if (event.key === "x") decide("exclude");
    else if (event.key === "Backspace") decide("clear");
    else if (/^\d$/.test(event.key) && Number(event.key) < shown.digits.length) decide("relabel", Number(event.key));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  const resized = new ResizeObserver(arrange);
  resized.observe(root);

  return {
    update(parameters, cargo) {
      const fresh = cargo !== columns;
      [shown, columns] = [parameters, cargo];
      journal = journal.filter((entry) => entry.number > parameters.seen);
      last = Math.max(last, parameters.seen);
      if (fresh) {
        build();
        paintSheet(columns, cells.map(({ canvas }) => canvas));
      }
      cells.forEach((_, i) => dress(i));
      arrange();
      describe();
    },
    destroy: () => resized.disconnect(),
  };
}
