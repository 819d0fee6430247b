// What is said of the point under the pointer: its picture, fetched without Python, and its values.

/** @import { Column, Hit, MapParameters, Picture, Subject, View } from "./types.d.ts" */

import { element } from "./dom.js";
import { clamp } from "./numbers.js";

const SMALL_PX = 64; // pictures up to this side are enlarged by whole steps, their pixels kept square
const ENLARGED_PX = 128;
const LARGEST_PX = 176;
const PATIENCE_MS = 40; // how long the pointer rests before a picture is asked for
const FAILURES = 3;

// What there is to say of a point or a copy; `read` are the columns that say it.
/** @type {(found: Hit, view: View, asked: MapParameters, read: Column[]) => Subject} */
export function subjectOf({ point, copy }, { data, copies }, asked, read) {
  const name = `#${data.ids?.[point] ?? point}`;
  const kind = copies && copy >= 0 ? copies.names[copies.kinds[copy]] : "";
  const pictures = [{ address: asked.thumbnails, index: point, title: name }];
  if (kind) pictures.push({ address: asked.copy_thumbnails, index: copy, title: kind });
  // The columns are the point's own: of a copy they hold what cannot differ, its label, and Python says the rest.
  /** @type {[string, string][]} */
  const lines = [];
  for (const one of read) if (!kind || one.name === "label") lines.push([one.title, one.text(one.codes[point])]);
  if (kind && copies?.said.length) lines.push(["Seen as", copies.said[copy]]);
  const key = `${point} ${copy} ${read.map((one) => one.name)}`;
  return { key, heading: kind ? `${kind} of ${name}` : name, lines, pictures };
}

/** @type {(stage: HTMLElement) => { show(subject: Subject, px: number, py: number): void, hide(): void }} */
export function createTip(stage) {
  const pictures = element("div", { class: "pictures", hidden: "" });
  const heading = element("strong");
  const values = element("dl");
  const card = element(
    "div",
    { class: "tip", role: "tooltip", hidden: "" },
    pictures,
    element("div", {}, heading, values),
  );
  stage.append(card);
  /** @type {Map<string, number>} */
  const failed = new Map(); // address -> failures in a row: a server that has no pictures is not asked for ever
  let asked = "";
  let waiting = 0;
  let place = [0, 0];

  function settle() {
    const [px, py] = place;
    const [width, height] = [card.offsetWidth, card.offsetHeight];
    const beside = px + 16 + width > stage.clientWidth ? px - 16 - width : px + 16;
    const below = py + 16 + height > stage.clientHeight ? py - 16 - height : py + 16;
    card.style.left = `${clamp(beside, 4, Math.max(4, stage.clientWidth - width - 4))}px`;
    card.style.top = `${clamp(below, 4, Math.max(4, stage.clientHeight - height - 4))}px`;
  }

  /** @type {(picture: Picture) => HTMLImageElement} */
  function picture({ address, index, title }) {
    const image = element("img", { alt: title, decoding: "async" });
    image.addEventListener("load", () => {
      failed.delete(address);
      const longer = Math.max(image.naturalWidth, image.naturalHeight);
      const small = longer <= SMALL_PX;
      const scale = small ? Math.max(1, Math.floor(ENLARGED_PX / longer)) : Math.min(1, LARGEST_PX / longer);
      image.width = Math.round(image.naturalWidth * scale);
      image.height = Math.round(image.naturalHeight * scale);
      image.classList.toggle("crisp", small);
      image.hidden = pictures.hidden = false;
      settle();
    });
    image.addEventListener("error", () => {
      failed.set(address, (failed.get(address) ?? 0) + 1);
      image.remove();
    });
    image.hidden = true;
    image.src = new URL(`${address}/${index}`, document.baseURI).href;
    return image;
  }

  return {
    show(subject, px, py) {
      place = [px, py];
      if (subject.key !== asked) {
        asked = subject.key;
        heading.textContent = subject.heading;
        values.replaceChildren(
          ...subject.lines.flatMap(([title, value]) => [element("dt", {}, title), element("dd", {}, value)]),
        );
        clearTimeout(waiting);
        pictures.hidden = true;
        pictures.replaceChildren();
        const wanted = subject.pictures.filter(({ address }) => address && (failed.get(address) ?? 0) < FAILURES);
        if (wanted.length) waiting = setTimeout(() => pictures.replaceChildren(...wanted.map(picture)), PATIENCE_MS);
      }
      card.hidden = false;
      settle();
    },
    hide() {
      clearTimeout(waiting);
      asked = "";
      card.hidden = true;
    },
  };
}
