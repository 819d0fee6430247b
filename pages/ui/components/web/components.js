// All components in one module, of which `python -m pages.ui.bundle` makes the file that browsers load.

export { mount as band } from "./band.js";
export { mount as cargo } from "./cargo.js";
export { mount as gallery } from "./gallery.js";
export { mount as map } from "./map.js";
export { mount as matrix } from "./matrix.js";
export { mount as review } from "./review.js";
export { mount as stage } from "./stage.js";
