// Points, rings, copies and lines on the GPU, at once or, out of sight, a part at a time.

/** @import { Layer, Points } from "./types.d.ts" */

const PLACE = `
uniform vec2 origin, extent, center, zoom;
vec4 placed(vec2 share, float depth) { return vec4((origin + share * extent - center) * zoom, depth, 1.0); }
const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);
uniform sampler2D colors;
vec4 colorOf(float code) { int at = int(code + 0.5); return texelFetch(colors, ivec2(at & 255, at >> 8), 0); }`;

const POINT_VERTEX = `#version 300 es
layout(location = 0) in vec2 position;
layout(location = 1) in float code;
layout(location = 2) in float flags;
${PLACE}
uniform float size, faded, solid;
uniform int front;
out vec4 color;
void main() {
  vec4 own = colorOf(code);
  bool ahead = (int(flags + 0.5) & front) == front;
  gl_Position = own.a == 0.0 ? NOWHERE : placed(position, ahead ? 0.0 : 0.5);
  gl_PointSize = ahead ? size : max(1.0, size * 0.85);
  float alpha = own.a * (ahead ? solid : faded);
  color = vec4(own.rgb * alpha, alpha);
}`;

const POINT_FRAGMENT = `#version 300 es
precision highp float;
in vec4 color;
uniform float size;
out vec4 pixel;
void main() {
  float edge = size < 3.0 ? 1.0 : 1.0 - smoothstep(0.5 - 1.0 / size, 0.5, length(gl_PointCoord - 0.5));
  if (edge <= 0.0) discard;
  pixel = color * edge;
}`;

const KINDS = `
layout(location = 0) in vec2 position;
layout(location = 1) in float code;
layout(location = 2) in float kind;
uniform vec3 tints[8];
uniform int hidden;
bool gone(float code, int kind) { return colorOf(code).a == 0.0 || ((hidden >> kind) & 1) == 1; }`;

const MARK_VERTEX = `#version 300 es
${PLACE}${KINDS}
uniform float size;
uniform int shapes;
out vec3 tint;
flat out int shape;
void main() {
  int own = int(kind + 0.5);
  gl_Position = gone(code, own) ? NOWHERE : placed(position, 0.0);
  gl_PointSize = size;
  tint = tints[own];
  shape = shapes < 0 ? own & 3 : shapes;
}`;

const MARK_FRAGMENT = `#version 300 es
precision highp float;
in vec3 tint;
flat in int shape;
uniform float size, stroke;
uniform vec3 ground;
out vec4 pixel;
void main() {
  vec2 at = (gl_PointCoord - 0.5) * size;
  float rim = 0.5 * size - stroke - 1.0;
  vec2 side = abs(at);
  float outside = shape == 0 ? (side.x + side.y) * 0.72 - rim * 0.82
    : shape == 1 ? max(side.x, side.y) - rim * 0.8
    : shape == 2 ? max(side.x * 0.866 - at.y * 0.5, at.y) - rim * 0.62
    : length(at) - rim;
  float away = abs(outside);
  float line = 1.0 - smoothstep(0.5 * stroke, 0.5 * stroke + 0.9, away);
  float halo = 0.75 * (1.0 - smoothstep(0.5 * stroke + 0.6, 0.5 * stroke + 1.6, away));
  pixel = vec4(mix(ground, tint, line), 1.0) * max(line, halo);
}`;

const LINE_VERTEX = `#version 300 es
${PLACE}${KINDS}
uniform float solid;
out vec4 color;
void main() {
  int own = int(kind + 0.5);
  gl_Position = gone(code, own) ? NOWHERE : placed(position, 0.0);
  color = vec4(tints[own] * solid, solid);
}`;

const LINE_FRAGMENT = `#version 300 es
precision highp float;
in vec4 color;
out vec4 pixel;
void main() { pixel = color; }`;

const SOURCES = {
  points: [POINT_VERTEX, POINT_FRAGMENT],
  marks: [MARK_VERTEX, MARK_FRAGMENT],
  lines: [LINE_VERTEX, LINE_FRAGMENT],
};

// Returns null where WebGL2 is missing.
/** @type {(canvas: HTMLCanvasElement) => Points | null} */
export function createPoints(canvas) {
  const context = canvas.getContext("webgl2", { antialias: false });
  if (!context) return null;
  /** @type {WebGL2RenderingContext} */
  const gl = context;
  /** @type {Map<string, Layer>} */
  const layers = new Map(); // name -> the arrays it draws, kept for a context that is lost and comes back
  /** @type {Uint8Array | null} */
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
        if (!shader) return; // the context is lost; it starts anew when it comes back
        gl.shaderSource(shader, sources[i]);
        gl.compileShader(shader);
        gl.attachShader(program, shader);
      });
      gl.linkProgram(program);
      const places = {};
      programs[name] = { program, at: (uniform) => (places[uniform] ??= gl.getUniformLocation(program, uniform)) };
    }
  }

  // Uploads what of a layer is new: position (shares of its box, uint16, or float32), code, and flags or kind.
  function set(name, { position, code, kind }) {
    const before = layers.get(name) ?? {};
    const layer = { position: position ?? before.position, code: code ?? before.code, kind: kind ?? before.kind };
    layers.set(name, layer);
    upload(name, { position, code, kind });
  }

  function upload(name, changed) {
    const { whole, buffers } = arrays.get(name) ?? { whole: gl.createVertexArray(), buffers: {} };
    arrays.set(name, { whole, buffers });
    gl.bindVertexArray(whole);
    ["position", "code", "kind"].forEach((part, location) => {
      const array = changed[part];
      if (!array) return;
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[part] ??= gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, array, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(location);
      const type = { Uint8Array: gl.UNSIGNED_BYTE, Uint16Array: gl.UNSIGNED_SHORT, Float32Array: gl.FLOAT };
      const [width, shares] = part === "position" ? [2, array instanceof Uint16Array] : [1, false];
      gl.vertexAttribPointer(location, width, type[array.constructor.name], shares, 0, 0);
    });
    gl.bindVertexArray(null);
  }

  // The color of every code: 65,536 RGBA.
  function setColors(painted) {
    pixels = painted;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 256, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  const kinds = { float: "uniform1f", int: "uniform1i", color: "uniform3f", colors: "uniform3fv" };

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

  // Layers from bottom to top: { name, program, primitive, box, first, number, layered, uniforms: { float: {…}, … } }.
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
      for (const [kind, values] of Object.entries(uniforms)) {
        for (const [uniform, value] of Object.entries(values)) gl[kinds[kind]](at(uniform), ...[value].flat());
      }
      gl.bindVertexArray(arrays.get(name)?.whole ?? null);
      gl.drawArrays(gl[primitive], first, number);
    }
    gl.bindVertexArray(null);
  }

  // Shows layers, at once.
  function draw(camera, layers) {
    into(null, true);
    paint(camera, layers);
  }

  // Puts layers on the picture out of sight; `anew` begins it.
  function prepare(camera, layers, anew) {
    into(unseen(), anew);
    paint(camera, layers);
  }

  // Shows the prepared picture, with layers above.
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
