// What speaks for and against a suspect's label: typical samples of both classes, the most similar ones, and figures.

/** @import { ReviewBlock, ReviewColumns, Suspect } from "./types.d.ts" */

import { element } from "./dom.js";
import { clamp, count, percent } from "./numbers.js";
import { canvasOf } from "./tiles.js";

const SMALL_PX = 56;

/** @type {(item: Suspect, block: ReviewBlock, classes: ReviewColumns) => HTMLElement[]} */
export function evidenceOf(item, block, classes) {
  /** @type {(label: number) => string} */
  const name = (label) => classes.classes[label];

  /** @type {(row: number, caption: string, kind?: string) => HTMLElement} */
  const figure = (row, caption, kind = "") =>
    element(
      "figure",
      { class: kind, title: caption },
      canvasOf(row, [block, classes], SMALL_PX, caption),
      element("figcaption", {}, caption),
    );

  /** @type {(words: string, label: number, kind: string) => HTMLElement} */
  function side(words, label, kind) {
    const rows = (block.typical[label] ?? classes.typical[label] ?? []).filter((row) => row !== item.row);
    return element(
      "section",
      { class: `side ${kind}` },
      element("h4", {}, `${words}: `, element("b", {}, name(label))),
      element("div", { class: "row" }, ...rows.map((row) => figure(row, ""))),
      ...(rows.length ? [] : [element("p", { class: "none" }, "none of its samples is beyond doubt")]),
    );
  }

  const near = item.near.map(([row, label]) =>
    figure(row, name(label), label === item.given ? "given" : label === item.looks ? "looks" : "")
  );
  const opinion = item.opinion.map(([label, share]) => bar(name(label), share, percent(share)));
  const scores = item.scores.map(([value, share, rank], i) => {
    const [title, help] = classes.scores[i];
    const told = `${help} Place ${count(rank)} of ${count(classes.total)}.`;
    return bar(title, share, `${value} · #${count(rank)}`, told);
  });
  return [
    element(
      "div",
      { class: "sides" },
      side("given", item.given, "given"),
      ...(item.looks === item.given ? [] : [side("looks like", item.looks, "looks")]),
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
      element("section", {}, element("h4", {}, "Prediction of a network not trained on it"), ...opinion),
      element("section", {}, element("h4", {}, "Suspicion scores and ranks"), ...scores),
    ),
  ];
}

/** @type {(words: string, share: number, value: string, help?: string) => HTMLElement} */
const bar = (words, share, value, help = "") =>
  element(
    "div",
    { class: "bar", title: help },
    element("span", {}, words),
    element("i", { style: `--share:${clamp(share, 0, 1)}` }),
    element("span", { class: "value" }, value),
  );
