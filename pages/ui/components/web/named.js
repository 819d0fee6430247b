// The map's columns by name, as far as they have arrived. What is selected is a column that no one sends: its mask is one.

/** @import { Column, Flags, MapParameters, Message } from "./types.d.ts" */

import { readColumn } from "./palette.js";

export const SELECTION = { name: "selected", title: "Selected", kind: "flag", names: ["no", "yes"] };

export function createColumns() {
  /** @type {MapParameters["menu"]} */
  let offered = [];
  /** @type {Record<string, Message>} */
  let arrived = {};
  /** @type {Flags | null} */
  let selected = null;
  let number = 0; // of points
  /** @type {WeakMap<Message, Column>} */
  let known = new WeakMap(); // message of a column -> the column

  const masked = () => selected !== null && !offered.some(([name]) => name === SELECTION.name);

  return {
    // Forgets all columns: there are other points.
    /** @type {(points: number) => void} */
    restart(points) {
      [number, selected, known] = [points, null, new WeakMap()];
    },

    /** @type {(menu: MapParameters["menu"], messages: Record<string, Message>, mask: Flags | null) => void} */
    update(menu, messages, mask) {
      [offered, arrived, selected] = [menu, messages, mask];
    },

    /** @type {() => MapParameters["menu"]} */
    menu: () => masked() ? [...offered, [SELECTION.name, SELECTION.title]] : offered,

    /** @type {(name: string) => Column | null} */
    named(name) {
      const own = name === SELECTION.name && masked();
      const message = own ? selected : arrived[`column ${name}`];
      if (!message) return null;
      const before = known.get(message);
      if (before) return before;
      const column = readColumn(own ? { ...SELECTION, ...message } : message, number);
      known.set(message, column);
      return column;
    },
  };
}
