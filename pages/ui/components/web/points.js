// Points, rings, copies and lines on the GPU, at once or, out of sight, a part at a time.

/** @import { Bytes, Camera, Drawing, Layer, Points } from "./types.d.ts" */

import { SOURCES } from "./shaders.js";

/** @type {(keyof Layer)[]} */
const PARTS = ["position", "code", "kind"]; // at the locations 0, 1 and 2 of every program

// Returns null where WebGL2 is missing.
/** @type {(canvas: HTMLCanvasElement) => Points | null} */
export function createPoints(canvas) {
  const context = canvas.getContext("webgl2", { antialias: false });
  if (!context) return null;
  /** @type {WebGL2RenderingContext} */
  const gl = context;
  /** @type {Map<string, Layer>} */
  const layers = new Map(); // name -> the arrays it draws, kept for a context that is lost and comes back
  /** @type {Bytes | null} */
  let pixels = null;
  // What a lost context takes along.
  /** @type {Record<string, { program: WebGLProgram, at: (uniform: string) => WebGLUniformLocation | null }>} */
  let programs = {};
  /** @type {Map<string, { whole: WebGLVertexArrayObject, buffers: Record<string, WebGLBuffer> }>} */
  let arrays = new Map();
  /** @type {WebGLTexture | null} */
  let texture = null;
  /** @type {{ frame: WebGLFramebuffer, width: number, height: number, buffers: WebGLRenderbuffer[] } | null} */
  let hideout = null;

  function start() {
    [programs, arrays, texture, hideout] = [{}, new Map(), gl.createTexture(), null];
    for (const [name, sources] of Object.entries(SOURCES)) {
      const program = gl.createProgram();
      [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach((kind, i) => {
        const shader = gl.createShader(kind);
        if (!shader) return; // the context is lost; it starts again when it comes back
        gl.shaderSource(shader, sources[i]);
        gl.compileShader(shader);
        gl.attachShader(program, shader);
      });
      gl.linkProgram(program);
      /** @type {Record<string, WebGLUniformLocation | null>} */
      const places = {};
      programs[name] = { program, at: (uniform) => (places[uniform] ??= gl.getUniformLocation(program, uniform)) };
    }
  }

  // Uploads what of a layer is new: position (shares of its box, uint16, or float32), code, and flags or kind.
  /** @type {Points["set"]} */
  function set(name, { position, code, kind }) {
    const before = layers.get(name) ?? {};
    const layer = { position: position ?? before.position, code: code ?? before.code, kind: kind ?? before.kind };
    layers.set(name, layer);
    upload(name, { position, code, kind });
  }

  /** @type {(name: string, changed: Layer) => void} */
  function upload(name, changed) {
    const { whole, buffers } = arrays.get(name) ?? { whole: gl.createVertexArray(), buffers: {} };
    arrays.set(name, { whole, buffers });
    gl.bindVertexArray(whole);
    PARTS.forEach((part, location) => {
      const array = changed[part];
      if (!array) return;
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[part] ??= gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, array, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(location);
      const type = array instanceof Uint8Array
        ? gl.UNSIGNED_BYTE
        : array instanceof Uint16Array
        ? gl.UNSIGNED_SHORT
        : gl.FLOAT;
      const place = part === "position";
      gl.vertexAttribPointer(location, place ? 2 : 1, type, place && array instanceof Uint16Array, 0, 0);
    });
    gl.bindVertexArray(null);
  }

  // The color of every code: 65,536 RGBA.
  /** @type {Points["setColors"]} */
  function setColors(painted) {
    pixels = painted;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 256, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  /** @type {(target: WebGLFramebuffer | null, clear: boolean) => void} */
  function into(target, clear) {
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    if (clear) gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  // A picture of the canvas's size out of sight.
  function unseen() {
    const [width, height] = [canvas.width, canvas.height];
    if (hideout?.width === width && hideout.height === height) return hideout.frame;
    const [frame, color, depth] = [gl.createFramebuffer(), gl.createRenderbuffer(), gl.createRenderbuffer()];
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    for (
      const { buffer, format, place } of [
        { buffer: color, format: gl.RGBA8, place: gl.COLOR_ATTACHMENT0 },
        { buffer: depth, format: gl.DEPTH_COMPONENT16, place: gl.DEPTH_ATTACHMENT },
      ]
    ) {
      gl.bindRenderbuffer(gl.RENDERBUFFER, buffer);
      gl.renderbufferStorage(gl.RENDERBUFFER, format, width, height);
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, place, gl.RENDERBUFFER, buffer);
      hideout?.buffers.forEach((old) => gl.deleteRenderbuffer(old));
    }
    if (hideout) gl.deleteFramebuffer(hideout.frame);
    hideout = { frame, width, height, buffers: [color, depth] };
    return frame;
  }

  // Layers from bottom to top.
  /** @type {(camera: Camera, layers: Drawing[]) => void} */
  function paint(camera, layers) {
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthFunc(gl.LEQUAL);
    for (const { name, program, primitive = "POINTS", box, first = 0, number, layered = false, uniforms } of layers) {
      const { program: own, at } = programs[program];
      gl[layered ? "enable" : "disable"](gl.DEPTH_TEST);
      gl.useProgram(own);
      gl.uniform2fv(at("origin"), box.origin);
      gl.uniform2fv(at("extent"), box.extent);
      gl.uniform2f(at("center"), camera.x, camera.y);
      gl.uniform2f(at("zoom"), (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
      for (const [uniform, value] of Object.entries(uniforms.float ?? {})) gl.uniform1f(at(uniform), value);
      for (const [uniform, value] of Object.entries(uniforms.int ?? {})) gl.uniform1i(at(uniform), value);
      for (const [uniform, values] of Object.entries(uniforms.colors ?? {})) gl.uniform3fv(at(uniform), values);
      gl.bindVertexArray(arrays.get(name)?.whole ?? null);
      gl.drawArrays(gl[primitive], first, number);
    }
    gl.bindVertexArray(null);
  }

  // Shows layers, at once.
  /** @type {Points["draw"]} */
  function draw(camera, layers) {
    into(null, true);
    paint(camera, layers);
  }

  // Puts layers on the picture out of sight; `anew` begins it.
  /** @type {Points["prepare"]} */
  function prepare(camera, layers, anew) {
    into(unseen(), anew);
    paint(camera, layers);
  }

  // Shows the prepared picture, with layers above.
  /** @type {Points["present"]} */
  function present(camera, layers) {
    into(null, true);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, unseen());
    const { width, height } = canvas;
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    paint(camera, layers);
  }

  // Returns a function that says whether everything asked for so far is drawn.
  function mark() {
    const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    return () => {
      if (sync && !gl.isContextLost() && gl.getSyncParameter(sync, gl.SYNC_STATUS) !== gl.SIGNALED) return false;
      gl.deleteSync(sync);
      return true;
    };
  }

  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    start();
    for (const [name, layer] of layers) upload(name, layer);
    if (pixels) setColors(pixels);
    canvas.dispatchEvent(new Event("restored"));
  });
  start();
  return {
    set,
    setColors,
    draw,
    prepare,
    present,
    mark,
    destroy: () => gl.getExtension("WEBGL_lose_context")?.loseContext(),
  };
}
