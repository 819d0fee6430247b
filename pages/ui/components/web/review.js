// The review: one suspect at a time, what speaks for and against its label beside it; a decision shows the next at once.

/** @import { Create, Decision, ReviewBlock, ReviewColumns, ReviewParameters, ReviewState, Suspect } from "./types.d.ts" */

import { element } from "./dom.js";
import { evidenceOf } from "./evidence.js";
import { createJournal } from "./journal.js";
import { clamp, count, percent } from "./numbers.js";
import { connect } from "./part.js";
import { canvasOf, pictureOf } from "./tiles.js";
import css from "./review.css" with { type: "text" };

const REST_MS = 250; // how long one stays at a suspect before Python hears of it
const LARGE_PX = 288;

const BADGES = { "": "", confirmed: "✓ label is right", dropped: "✕ dropped" };

/** @type {Record<string, "confirm" | "relabel" | "drop" | "undo" | "previous" | "next">} */
const KEYS = {
  a: "confirm",
  Enter: "confirm",
  r: "relabel",
  d: "drop",
  x: "drop",
  u: "undo",
  Backspace: "undo",
  ArrowLeft: "previous",
  k: "previous",
  ArrowRight: "next",
  j: "next",
};

export const mount = connect(css, create);

/** @type {Create<ReviewParameters, ReviewColumns, ReviewBlock>} */
function create(root, send) {
  root.className = "part review";
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Review of labels: a or Enter keeps, r relabels, d drops, u undoes, arrows move");
  const subject = element("div", { class: "subject" });
  const verdict = element("p", { class: "verdict", role: "status" });
  const actions = element("div", { class: "actions", role: "toolbar", "aria-label": "Decide" });
  const moves = element("div", { class: "moves" });
  const evidence = element("div", { class: "evidence" });
  const keys = element("p", { class: "keys" });
  const left = element("div", { class: "left" }, subject, verdict, actions, moves, keys);
  root.append(element("div", { class: "desk" }, left, evidence));

  /** @type {ReviewParameters} */
  let shown; // parameters
  /** @type {ReviewColumns} */
  let classes; // what all suspects share
  /** @type {Record<string, ReviewBlock>} */
  let blocks = {}; // those that are here, by name
  let at = 0;
  let drawn = ""; // which suspect, of which queue, the page shows
  const journal = createJournal();
  let told = "";
  let resting = 0;
  /** @type {(action: string, key: string, words: string, act: () => void) => { node: HTMLButtonElement, words: HTMLElement }} */
  const button = (action, key, words, act) => {
    const label = element("span", {}, words);
    const node = element("button", { type: "button", class: action }, label, element("kbd", {}, key));
    node.addEventListener("click", () => {
      act();
      root.focus({ preventScroll: true }); // so that Enter keeps a label, and does not press the button again
    });
    return { node, words: label };
  };
  const buttons = {
    confirm: button("confirm", "a", "Label is right", () => act.confirm()),
    relabel: button("relabel", "r", "", () => act.relabel()),
    drop: button("drop", "d", "Drop", () => act.drop()),
    undo: button("undo", "u", "Undo", () => act.undo()),
    previous: button("previous", "←", "Previous", () => act.previous()),
    next: button("next", "→", "Next", () => act.next()),
  };
  const others = element("select", { "aria-label": "Relabel to another class" });
  const place = element("span", { class: "place" });
  actions.append(buttons.confirm.node, buttons.relabel.node, buttons.drop.node, others, buttons.undo.node);
  moves.append(buttons.previous.node, place, buttons.next.node);
  others.addEventListener("change", () => {
    const label = Number(others.value);
    others.value = "";
    if (!Number.isNaN(label)) relabel(label);
    root.focus({ preventScroll: true });
  });

  const act = {
    confirm: () => decide("confirm"),
    relabel: () => relabel(itemAt(at)?.looks),
    drop: () => decide("drop"),
    undo: () => {
      const undone = journal.undo();
      if (!undone) return;
      if (undone.step.queue === shown.queue) at = undone.step.at;
      write(undone.decision);
    },
    previous: () => move(at - 1),
    next: () => move(at + 1),
  };

  /** @type {(number: number) => string} */
  const nameOf = (number) => String(number % 3);
  /** @type {(i: number) => ReviewBlock | undefined} */
  function blockAt(i) {
    const number = Math.floor(i / shown.block);
    return shown.numbers[nameOf(number)] === number ? blocks[nameOf(number)] : undefined;
  }
  /** @type {(i: number) => Suspect | undefined} */
  const itemAt = (i) => (i < shown.total ? blockAt(i)?.items[i % shown.block] : undefined);

  /** @type {(item: Suspect) => ReviewState} */
  const stateOf = (item) => journal.stateOf(item.id, shown.states);

  /** @type {(label: number | undefined) => void} */
  function relabel(label) {
    const item = itemAt(at);
    if (!item || label === undefined || !(label in classes.classes)) return;
    if (label === item.given) decide("confirm");
    else decide("relabel", label);
  }

  /** @type {(action: "confirm" | "drop" | "relabel", label?: number) => void} */
  function decide(action, label) {
    const item = itemAt(at);
    if (!item) return;
    journal.remember({ id: item.id, at, queue: shown.queue, state: stateOf(item) });
    at += 1;
    for (let next = itemAt(at); shown.skip && next && stateOf(next) !== ""; next = itemAt(at)) at += 1;
    write({ id: item.id, action, ...(label !== undefined && { label }) });
  }

  /** @type {(decision: Decision) => void} */
  function write(decision) {
    journal.write(decision);
    draw();
    tell();
  }

  /** @type {(to: number) => void} */
  function move(to) {
    at = clamp(to, 0, shown.total);
    draw();
    clearTimeout(resting);
    // At once where the next one is not here yet, else when one rests.
    if (at < shown.total && !itemAt(at)) tell();
    else resting = setTimeout(tell, REST_MS);
  }

  function tell() {
    clearTimeout(resting);
    const news = JSON.stringify([shown.queue, at, journal.last()]);
    if (news === told) return;
    told = news;
    send.state("journal", { entries: journal.pending(), queue: shown.queue, at });
  }

  // ---- Drawing -------------------------------------------------------------------------------------------------

  /** @type {(row: number) => string} */
  const largeOf = (row) => new URL(`${shown.large}/${row}`, document.baseURI).href;

  /** @type {(item: Suspect, block: ReviewBlock) => void} */
  function build(item, block) {
    const picture = canvasOf(item.row, [block, classes], LARGE_PX, `sample ${item.id}`);
    subject.replaceChildren(picture);
    if (shown.large) {
      const image = element("img", { alt: "", decoding: "async" });
      image.addEventListener("load", () => subject.firstChild === picture && subject.append(image));
      image.src = largeOf(item.row);
      for (const beside of [itemAt(at + 1), itemAt(at + 2)]) if (beside) new Image().src = largeOf(beside.row);
    }
    const same = item.looks === item.given;
    evidence.replaceChildren(...evidenceOf(item, block, classes));
    buttons.relabel.words.textContent = same ? "Looks like its label" : `Relabel to ${classes.classes[item.looks]}`;
    buttons.relabel.node.disabled = same;
    others.replaceChildren(
      element("option", { value: "" }, "Another class …"),
      ...classes.classes.flatMap((one, label) =>
        label === item.given ? [] : [element("option", { value: label }, one)]
      ),
    );
  }

  /** @type {(item: Suspect) => void} */
  function say(item) {
    /** @type {(label: number) => string} */
    const name = (label) => classes.classes[label];
    const state = stateOf(item);
    const badge = typeof state === "number" ? `→ ${name(state)}` : BADGES[state];
    root.dataset.state = state === "" ? "open" : typeof state === "number" ? "relabeled" : state;
    const doubt = item.looks === item.given
      ? "looks like it, too"
      : `looks like ${name(item.looks)} (${percent(item.sure, 0)})`;
    verdict.replaceChildren(
      element("b", {}, `given ${name(item.given)}`),
      `, ${doubt}`,
      element("span", { class: "about" }, `sample ${item.id}`),
      ...(badge ? [element("span", { class: "badge" }, badge)] : []),
    );
  }

  function draw() {
    const item = itemAt(at);
    const block = blockAt(at);
    const there = item ? `${shown.queue}/${item.id}` : `${shown.queue}/${at < shown.total ? "waiting" : "end"}`;
    if (there !== drawn) {
      drawn = there;
      if (item && block) build(item, block);
      else {
        const words = !shown.total
          ? "No matches; clear a filter."
          : at < shown.total
          ? "Loading …"
          : "That was the last one here.";
        subject.replaceChildren(element("p", { class: "empty" }, words));
        verdict.replaceChildren();
        evidence.replaceChildren();
        root.dataset.state = "open";
      }
    }
    if (item) say(item);
    buttons.confirm.node.disabled = buttons.drop.node.disabled = !item;
    if (!item) buttons.relabel.node.disabled = true;
    others.disabled = !item;
    buttons.undo.node.disabled = !journal.canUndo();
    buttons.previous.node.disabled = at <= 0;
    buttons.next.node.disabled = at >= shown.total;
    place.textContent = item ? `${count(at + 1)} of ${count(shown.total)}` : `${count(shown.total)} in all`;
  }

  root.addEventListener("keydown", (event) => {
    if (!shown || event.ctrlKey || event.metaKey || event.altKey || event.target === others) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.target !== root && ["Enter", " "].includes(pressed)) return; // a button's own
    const does = KEYS[pressed];
    if (does) {
      if (!event.repeat || ["previous", "next"].includes(does)) act[does]();
    } else if (/^\d$/.test(pressed) && classes.classes.length <= 10) {
      if (!event.repeat) relabel(Number(pressed));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    update(parameters, cargo, more) {
      const first = !shown;
      const moved = first || parameters.queue !== shown.queue || parameters.jump !== shown.jump;
      [shown, classes, blocks] = [parameters, cargo, more];
      journal.confirm(parameters.seen);
      if (moved) {
        at = parameters.at;
        told = JSON.stringify([shown.queue, at, journal.last()]);
      }
      for (const sheet of Object.values(more)) pictureOf(sheet);
      pictureOf(cargo);
      const digits = classes.classes.length <= 10 ? ` · 0–${classes.classes.length - 1} that class` : "";
      keys.textContent = `a or Enter keeps the label · r relabels${digits} · d drops · u undoes · ← → move`;
      draw();
      const held = document.activeElement; // the link that led here, or nothing: its keys are of no use any more
      if (first && (!held || held === document.body || held.closest("a"))) root.focus({ preventScroll: true });
    },
    destroy: () => clearTimeout(resting),
  };
}
