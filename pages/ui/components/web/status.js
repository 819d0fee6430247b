// How many points the map shows, and how many of them are selected and in the lasso.

import { element } from "./dom.js";
import { count } from "./numbers.js";

// `inside` is null where there is no lasso, `selected` where nothing is selected; `clear` takes the lasso away.
/** @type {(node: HTMLElement, canvas: HTMLElement, clear: () => void) => (counts: { number: number, shown: number, selected: number | null, inside: number | null }) => void} */
export function createStatus(node, canvas, clear) {
  /** @type {(number: number, words: string) => HTMLElement} */
  const fact = (number, words) => element("span", {}, element("b", {}, count(number)), ` ${words}`);

  return ({ number, shown, selected, inside }) => {
    const facts = [fact(shown, `of ${count(number)} shown`)];
    if (selected !== null) facts.push(fact(selected, "chosen, the others pale"));
    if (inside !== null) {
      const button = element("button", { type: "button", title: "Clear the lasso (Escape)" }, "Clear");
      button.addEventListener("click", clear);
      facts.push(fact(inside, "in the lasso"), button);
    }
    node.replaceChildren(...facts, element("em", {}, "drawing …"));
    canvas.setAttribute(
      "aria-label",
      `Map of ${count(number)} images. Arrow keys move, plus and minus zoom, 0 shows all, ` +
        "shift and drag draws a lasso, Escape clears it.",
    );
  };
}
