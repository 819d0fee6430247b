// The matrix: one small canvas a cell, cut from the sprite, on a ground that shows the entropy.

/** @import { Create, MatrixParameters, Sheet } from "./types.d.ts" */

import { element } from "./dom.js";
import { clamp } from "./numbers.js";
import { connect } from "./part.js";
import { keyGoal, paintSheet } from "./sheet.js";
import css from "./matrix.css" with { type: "text" };

const LARGEST_PX = 64;

export const mount = connect(css, create);

/** @type {Create<MatrixParameters, Sheet>} */
function create(root, send) {
  root.className = "part matrix";
  const table = element("div", { class: "table", role: "grid", "aria-label": "Variants by kind and severity" });
  const words = element("p", { role: "status" });
  root.append(table, words);

  /** @type {MatrixParameters} */
  let shown; // parameters
  /** @type {Sheet} */
  let columns;
  /** @type {{ node: HTMLElement, canvas: HTMLCanvasElement }[]} */
  let cells = [];
  let focused = 0;

  // Entropy is the weight of one color over the page: none at 0, full at the maximum, alike in both themes.
  /** @type {(i: number) => void} */
  function dress(i) {
    const cell = cells[i].node;
    const share = shown.shares[i] > 0.01 ? Math.round(12 + 88 * shown.shares[i]) : 0;
    cell.style.setProperty("--share", `${share}%`);
    cell.classList.toggle("wrong", Boolean(shown.wrong[i]));
    cell.setAttribute("aria-selected", String(shown.ids[i] === shown.selected));
    cell.setAttribute("aria-label", shown.captions[i]);
    cell.title = shown.captions[i];
    cell.tabIndex = i === focused ? 0 : -1;
  }

  /** @type {(i: number) => void} */
  function focus(i) {
    cells[focused].node.tabIndex = -1;
    focused = clamp(i, 0, cells.length - 1);
    cells[focused].node.tabIndex = 0;
    cells[focused].node.focus({ preventScroll: false });
    words.textContent = shown.captions[focused];
  }

  function build() {
    const { width, height } = columns.layout;
    const scale = width <= LARGEST_PX ? Math.max(1, Math.floor(LARGEST_PX / width)) : LARGEST_PX / width;
    focused = 0;
    cells = shown.ids.map(() => {
      const canvas = element("canvas", { width, height });
      canvas.style.width = `${Math.round(width * scale)}px`;
      canvas.style.aspectRatio = `${width} / ${height}`;
      const node = element("div", { role: "gridcell", class: `cell${width <= 64 ? " crisp" : ""}` }, canvas);
      return { node, canvas };
    });
    const head = element("div", { role: "row" }, element("span"));
    for (const name of shown.column_names) head.append(element("span", { role: "columnheader" }, name));
    const rows = shown.row_names.map((name, row) => {
      const some = cells.slice(row * shown.column_names.length, (row + 1) * shown.column_names.length);
      return element(
        "div",
        { role: "row" },
        element("span", { role: "rowheader" }, name),
        ...some.map(({ node }) => node),
      );
    });
    table.style.setProperty("--columns", String(shown.column_names.length));
    table.replaceChildren(head, ...rows);
    words.textContent = shown.captions[0] ?? "";
  }

  /** @type {(event: Event) => number} */
  const under = ({ target }) => cells.findIndex(({ node }) => target instanceof Node && node.contains(target));
  table.addEventListener("click", (event) => {
    const at = under(event);
    if (at < 0) return;
    focus(at);
    send.trigger("opened", shown.ids[at]);
  });
  table.addEventListener("mouseover", (event) => {
    const at = under(event);
    if (at >= 0) words.textContent = shown.captions[at];
  });
  table.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !cells.length) return;
    const across = shown.column_names.length;
    const goal = keyGoal(event.key, focused, across, cells.length);
    if (goal !== undefined) focus(goal);
    else if (event.key === "Enter" || event.key === " ") send.trigger("opened", shown.ids[focused]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    update(parameters, cargo) {
      const fresh = cargo !== columns;
      [shown, columns] = [parameters, cargo];
      if (fresh) {
        build();
        paintSheet(columns, cells.map(({ canvas }) => canvas));
      }
      cells.forEach((_, i) => dress(i));
    },
    destroy() {},
  };
}
