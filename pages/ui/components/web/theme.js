// The colors that components share with the charts; a test holds them equal to pages/ui/theme.py.

export const THEME = {
  families: { clean: "#0d9488", corruption: "#d97706", adversarial: "#c026a8" },
  categorical: [
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
  ],
  sequential: [
    "#0d0887",
    "#46039f",
    "#7201a8",
    "#9c179e",
    "#bd3786",
    "#d8576b",
    "#ed7953",
    "#fb9f3a",
    "#fdca26",
  ],
};
