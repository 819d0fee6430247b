// The review: one suspect at a time, what speaks for and against its label beside it; a decision shows the next at once.

/** @import { Create } from "./types.d.ts" */

import { contextOf, element } from "./dom.js";
import { clamp, count, percent } from "./numbers.js";
import { connect } from "./part.js";

const REST_MS = 250; // how long one stays at a suspect before Python hears of it
const LARGE_PX = 288;
const SMALL_PX = 56;

export const mount = connect(new URL("review.css", import.meta.url), create);

/** @type {Create} */
function create(root, send) {
  root.className = "part review";
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Review of labels: a or Enter keeps, r relabels, d drops, u takes back, arrows move");
  const subject = element("div", { class: "subject" });
  const verdict = element("p", { class: "verdict", role: "status" });
  const actions = element("div", { class: "actions", role: "toolbar", "aria-label": "Decide" });
  const moves = element("div", { class: "moves" });
  const evidence = element("div", { class: "evidence" });
  const keys = element("p", { class: "keys" });
  const left = element("div", { class: "left" }, subject, verdict, actions, moves, keys);
  root.append(element("div", { class: "desk" }, left, evidence));

  let shown = null; // parameters
  let classes = null; // what all suspects share
  let blocks = {}; // those that are here, by name
  let at = 0;
  let drawn = ""; // which suspect, of which queue, the page shows
  let pending = []; // decisions that Python has not confirmed
  const made = []; // decisions of this visit, to be taken back
  let last = 0; // number of the latest decision
  let told = "";
  let resting = 0;
  const pictures = new WeakMap(); // sheet -> its decoded picture
  const indices = new WeakMap(); // sheet -> row -> tile

  const button = (action, key) => {
    const node = element("button", { type: "button", class: action }, element("span"), element("kbd", {}, key));
    node.addEventListener("click", () => {
      act[action]();
      root.focus({ preventScroll: true }); // so that Enter keeps a label, and does not press the button again
    });
    return node;
  };
  const buttons = {
    confirm: button("confirm", "a"),
    relabel: button("relabel", "r"),
    drop: button("drop", "d"),
    undo: button("undo", "u"),
    previous: button("previous", "←"),
    next: button("next", "→"),
  };
  const others = element("select", { "aria-label": "Relabel to another class" });
  const place = element("span", { class: "place" });
  actions.append(buttons.confirm, buttons.relabel, buttons.drop, others, buttons.undo);
  moves.append(buttons.previous, place, buttons.next);
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
      const before = made.pop();
      if (!before) return;
      if (before.queue === shown.queue) at = before.at;
      const back = { confirmed: "confirm", dropped: "drop", "": "open" }[before.state];
      write({ id: before.id, ...(back ? { action: back } : { action: "relabel", label: before.state }) });
    },
    previous: () => move(at - 1),
    next: () => move(at + 1),
  };

  const nameOf = (number) => String(number % 3);
  function blockAt(i) {
    const number = Math.floor(i / shown.block);
    return shown.numbers[nameOf(number)] === number ? blocks[nameOf(number)] : undefined;
  }
  const itemAt = (i) => (i < shown.total ? blockAt(i)?.items[i % shown.block] : undefined);

  // What was decided: the newest decision that Python has not heard of, else what it knows; "" is open.
  function stateOf(id) {
    const decision = pending.findLast((entry) => entry.id === id);
    if (!decision) return shown.states[id] ?? "";
    return { confirm: "confirmed", drop: "dropped", open: "" }[decision.action] ?? decision.label;
  }

  function relabel(label) {
    const item = itemAt(at);
    if (!item || label === undefined || !(label in classes.classes)) return;
    if (label === item.given) decide("confirm");
    else decide("relabel", label);
  }

  function decide(action, label) {
    const item = itemAt(at);
    if (!item) return;
    made.push({ id: item.id, at, queue: shown.queue, state: stateOf(item.id) });
    const entry = { id: item.id, action, ...(action === "relabel" && { label }) };
    at += 1;
    while (shown.skip && itemAt(at) && stateOf(itemAt(at).id) !== "") at += 1;
    write(entry);
  }

  function write(entry) {
    last += 1;
    pending = [...pending, { number: last, ...entry }];
    draw();
    tell();
  }

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
    const news = JSON.stringify([shown.queue, at, last]);
    if (news === told) return;
    told = news;
    send.state("journal", { entries: pending, queue: shown.queue, at });
  }

  // Drawing

  function sheetOf(row, block) {
    for (const sheet of [block, classes]) {
      if (!sheet) continue;
      if (!indices.has(sheet)) indices.set(sheet, new Map(sheet.rows.map((one, i) => [one, i])));
      const tile = indices.get(sheet).get(row);
      if (tile !== undefined) return [sheet, tile];
    }
    return [];
  }

  function pictureOf(sheet) {
    if (!pictures.has(sheet)) {
      pictures.set(sheet, createImageBitmap(new Blob([sheet.sprite], { type: sheet.layout.type })));
    }
    return pictures.get(sheet);
  }

  function canvasOf(row, block, side, title) {
    const [sheet, tile] = sheetOf(row, block);
    if (!sheet) return element("span", { class: "none" });
    const { width, height, pitch_x, pitch_y, columns } = sheet.layout;
    const canvas = element("canvas", { width, height, role: "img", "aria-label": title });
    const small = Math.max(width, height) <= 64;
    const scale = small ? Math.max(1, Math.floor(side / Math.max(width, height))) : side / Math.max(width, height);
    canvas.style.width = `${Math.round(width * scale)}px`;
    canvas.style.aspectRatio = `${width} / ${height}`;
    canvas.classList.toggle("crisp", small);
    pictureOf(sheet).then((picture) => {
      const [x, y] = [(tile % columns) * pitch_x, Math.floor(tile / columns) * pitch_y];
      contextOf(canvas).drawImage(picture, x, y, width, height, 0, 0, width, height);
    });
    return canvas;
  }

  const largeOf = (row) => new URL(`${shown.large}/${row}`, document.baseURI).href;

  function figureOf(row, block, caption, kind = "", side = SMALL_PX) {
    const name = element("figcaption", {}, caption);
    const figure = element("figure", { class: kind, title: caption }, canvasOf(row, block, side, caption), name);
    return figure;
  }

  function build(item, block) {
    const name = (label) => classes.classes[label];
    const picture = canvasOf(item.row, block, LARGE_PX, `sample ${item.id}`);
    subject.replaceChildren(picture);
    if (shown.large) {
      const image = element("img", { alt: "", decoding: "async" });
      image.addEventListener("load", () => subject.firstChild === picture && subject.append(image));
      image.src = largeOf(item.row);
      for (const beside of [itemAt(at + 1), itemAt(at + 2)]) if (beside) new Image().src = largeOf(beside.row);
    }
    const typical = (label) => (block.typical[label] ?? classes.typical[label] ?? []).filter((row) => row !== item.row);
    const side = (words, label, kind) =>
      element(
        "section",
        { class: `side ${kind}` },
        element("h4", {}, `${words}: `, element("b", {}, name(label))),
        element("div", { class: "row" }, ...typical(label).map((row) => figureOf(row, block, ""))),
        ...(typical(label).length ? [] : [element("p", { class: "none" }, "none of its samples is beyond doubt")]),
      );
    const same = item.looks === item.given;
    const near = item.near.map(([row, label]) => {
      const kind = label === item.given ? "given" : label === item.looks ? "looks" : "";
      return figureOf(row, block, name(label), kind);
    });
    const bar = (words, share, value, help = "") =>
      element(
        "div",
        { class: "bar", title: help },
        element("span", {}, words),
        element("i", { style: `--share:${clamp(share, 0, 1)}` }),
        element("span", { class: "value" }, value),
      );
    const opinion = item.opinion.map(([label, share]) => bar(name(label), share, percent(share)));
    const scores = item.scores.map(([value, share, rank], i) => {
      const [title, help] = classes.scores[i];
      return bar(
        title,
        share,
        `${value} · #${count(rank)}`,
        `${help} Place ${count(rank)} of ${count(classes.total)}.`,
      );
    });
    evidence.replaceChildren(
      element(
        "div",
        { class: "sides" },
        side("given", item.given, "given"),
        ...(same ? [] : [side("looks like", item.looks, "looks")]),
      ),
      element(
        "section",
        { class: "near" },
        element("h4", {}, "Most similar samples, and their labels"),
        element("div", { class: "row" }, ...near),
      ),
      element(
        "div",
        { class: "bars" },
        element("section", {}, element("h4", {}, "A network that did not learn it says"), ...opinion),
        element("section", {}, element("h4", {}, "How suspicious, and its place by that"), ...scores),
      ),
    );
    buttons.relabel.firstChild.textContent = same ? "Looks like its label" : `Relabel to ${name(item.looks)}`;
    buttons.relabel.disabled = same;
    others.replaceChildren(
      element("option", { value: "" }, "Another class …"),
      ...classes.classes.flatMap((
        one,
        label,
      ) => (label === item.given ? [] : [element("option", { value: label }, one)])),
    );
  }

  function say(item) {
    const name = (label) => classes.classes[label];
    const state = stateOf(item.id);
    const badge = { "": "", confirmed: "✓ label is right", dropped: "✕ dropped" }[state] ?? `→ ${name(state)}`;
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
      if (item) build(item, block);
      else {
        const words = !shown.total
          ? "Nothing here: take a filter back."
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
    for (const name of ["confirm", "drop"]) buttons[name].disabled = !item;
    if (!item) buttons.relabel.disabled = true;
    others.disabled = !item;
    buttons.undo.disabled = !made.length;
    buttons.previous.disabled = at <= 0;
    buttons.next.disabled = at >= shown.total;
    place.textContent = item ? `${count(at + 1)} of ${count(shown.total)}` : `${count(shown.total)} in all`;
  }

  root.addEventListener("keydown", (event) => {
    if (!shown || event.ctrlKey || event.metaKey || event.altKey || event.target === others) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.target !== root && ["Enter", " "].includes(pressed)) return; // a button's own
    const does = {
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
    }[pressed];
    if (does) {
      if (!event.repeat || ["previous", "next"].includes(does)) act[does]();
    } else if (/^\d$/.test(pressed) && classes.classes.length <= 10) {
      if (!event.repeat) relabel(Number(pressed));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  buttons.confirm.firstChild.textContent = "Label is right";
  buttons.drop.firstChild.textContent = "Drop";
  buttons.undo.firstChild.textContent = "Take back";
  buttons.previous.firstChild.textContent = "Previous";
  buttons.next.firstChild.textContent = "Next";

  return {
    update(parameters, cargo, more) {
      const first = !shown;
      const moved = first || parameters.queue !== shown.queue || parameters.jump !== shown.jump;
      [shown, classes, blocks] = [parameters, cargo, more];
      pending = pending.filter((entry) => entry.number > parameters.seen);
      last = Math.max(last, parameters.seen);
      if (moved) {
        at = parameters.at;
        told = JSON.stringify([shown.queue, at, last]);
      }
      for (const sheet of Object.values(more)) pictureOf(sheet);
      pictureOf(cargo);
      const digits = classes.classes.length <= 10 ? ` · 0–${classes.classes.length - 1} that class` : "";
      keys.textContent = `a or Enter keeps the label · r relabels${digits} · d drops · u takes back · ← → move`;
      draw();
      const held = document.activeElement; // the link that led here, or nothing: its keys are of no use any more
      if (first && (!held || held === document.body || held.closest("a"))) root.focus({ preventScroll: true });
    },
    destroy: () => clearTimeout(resting),
  };
}
