// The colors that components share with the charts: written by `python -m pages.ui.theme`.

/** @type {Record<string, string>} */
export const FAMILIES = {
  "clean": "#0d9488",
  "corruption": "#d97706",
  "adversarial": "#c026a8",
};

/** @type {string[]} */
export const CATEGORICAL = [
  "#3f90da",
  "#ffa90e",
  "#bd1f01",
  "#94a4a2",
  "#832db6",
  "#a96b59",
  "#e76300",
  "#b9ac70",
  "#717581",
  "#92dadd",
];

/** @type {string[]} */
export const SEQUENTIAL = [
  "#0d0887",
  "#46039f",
  "#7201a8",
  "#9c179e",
  "#bd3786",
  "#d8576b",
  "#ed7953",
  "#fb9f3a",
  "#fdca26",
];
