// The stage of a presentation: one dot a step, keys, full screen. Python draws the step that it is at.

/** @import { Create, StageColumns, StageParameters } from "./types.d.ts" */

import { element } from "./dom.js";
import { clamp } from "./numbers.js";
import { connect } from "./part.js";
import css from "./stage.css" with { type: "text" };

const PRESENTING = "presenting"; // on the document while only the step is shown; the page's style sheet hides the rest

/** @type {Record<string, (at: number, last: number) => number>} */
const KEYS = {
  ArrowRight: (at) => at + 1,
  PageDown: (at) => at + 1,
  " ": (at) => at + 1,
  ArrowLeft: (at) => at - 1,
  PageUp: (at) => at - 1,
  Home: () => 0,
  End: (_, last) => last,
};

export const mount = connect(css, create);

/** @type {Create<StageParameters, StageColumns>} */
function create(root, send) {
  root.className = "part stage";
  root.setAttribute("role", "toolbar");
  root.setAttribute("aria-label", "Steps: left and right arrow move, f shows only the step");
  /** @type {(name: string, words: string, act: () => void) => HTMLButtonElement} */
  const button = (name, words, act) => {
    const node = element("button", { type: "button", class: name, "aria-label": words, title: words });
    node.addEventListener("click", act);
    return node;
  };
  const dots = element("div", { class: "dots" });
  const back = button("turn", "Previous step (←)", () => go(at - 1));
  const on = button("turn", "Next step (→)", () => go(at + 1));
  const full = button("full", "Only the step (f)", () => present(!presenting()));
  back.textContent = "←";
  on.textContent = "→";
  const hint = element("span", { class: "hint" }, "← → move · f full screen");
  root.append(back, dots, on, hint, full);

  const page = document.documentElement;
  /** @type {string[]} */
  let steps = [];
  let at = 0;
  let told = -1; // the step in the last message from Python
  /** @type {number[]} */
  let sent = []; // steps that Python was told of and has not drawn yet

  const presenting = () => page.classList.contains(PRESENTING);

  /** @type {(on: boolean) => void} */
  function present(on) {
    page.classList.toggle(PRESENTING, on);
    if (on && !document.fullscreenElement) page.requestFullscreen?.().catch(() => {}); // refused: the window alone
    if (!on && document.fullscreenElement) document.exitFullscreen();
    draw();
  }

  /** @type {(to: number) => void} */
  function go(to) {
    const next = clamp(to, 0, steps.length - 1);
    if (next === at) return;
    at = next;
    draw();
    sent.push(at);
    send.state("at", at);
  }

  function draw() {
    root.classList.toggle("alone", presenting());
    if (dots.childElementCount !== steps.length) {
      dots.replaceChildren(...steps.map((title, index) => button("dot", title, () => go(index))));
    }
    [...dots.children].forEach((dot, index) => {
      dot.classList.toggle("past", index < at);
      if (index === at) dot.setAttribute("aria-current", "step");
      else dot.removeAttribute("aria-current");
      dot.setAttribute("title", steps[index]);
      dot.setAttribute("aria-label", `${index + 1}: ${steps[index]}`);
    });
    back.disabled = at === 0;
    on.disabled = at === steps.length - 1;
    full.textContent = presenting() ? "Leave full screen" : "Full screen";
  }

  /** @type {(event: KeyboardEvent) => void} */
  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    // What has keys of its own keeps them: fields, choices, the band's edges; and Space presses a button.
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable], [role=slider]")) {
      return;
    }
    if (event.key === " " && target instanceof Element && target.closest("button, a, [role=button]")) return;
    if (event.key === "f") present(!presenting());
    else if (event.key === "Escape" && presenting()) present(false);
    else if (event.key in KEYS) go(KEYS[event.key](at, steps.length - 1));
    else return;
    event.preventDefault();
  }

  // Escape leaves the browser's full screen without telling a key.
  function left() {
    if (!document.fullscreenElement) present(false);
  }

  document.addEventListener("keydown", pressed);
  document.addEventListener("fullscreenchange", left);
  return {
    update(parameters, columns) {
      steps = columns.steps;
      const echo = sent.indexOf(parameters.at);
      if (echo >= 0) sent.splice(0, echo + 1); // who pressed on since stays where they are
      else if (parameters.at !== told) [at, sent] = [parameters.at, []];
      told = parameters.at;
      draw();
    },
    destroy() {
      document.removeEventListener("keydown", pressed);
      document.removeEventListener("fullscreenchange", left);
      present(false);
    },
  };
}
