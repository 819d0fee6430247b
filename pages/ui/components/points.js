// Points on the GPU: three columns, two colour ramps, one draw call a layer.

const VERTEX = `#version 300 es
layout(location = 0) in vec2 position;
layout(location = 1) in float code;
layout(location = 2) in float flags;
uniform vec2 extent, centre, zoom;
uniform float size, faded, solid;
uniform int mode, isolated, layer, marks;
uniform vec4 accent, quiet;
uniform sampler2D ramp;
out vec4 colour;
void main() {
  int bits = int(flags + 0.5);
  int value = int(code + 0.5);
  bool shown = isolated < 0 || value == isolated;
  bool front = (bits & marks) == marks;
  if (!shown || front != (layer == 1)) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  gl_Position = vec4((position * extent - centre) * zoom, 0.0, 1.0);
  gl_PointSize = front ? size : max(1.5, size * 0.85);
  vec4 base = mode == 2 ? ((bits & 1) == 1 ? accent : quiet) : texelFetch(ramp, ivec2(value & 255, mode), 0);
  float alpha = front ? solid : faded;
  colour = vec4(base.rgb * alpha, alpha);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour;
uniform float size;
out vec4 pixel;
void main() {
  float edge = size < 3.0 ? 1.0 : 1.0 - smoothstep(0.5 - 1.0 / size, 0.5, length(gl_PointCoord - 0.5));
  pixel = colour * edge;
}`;

const COLUMNS = { position: [0, 2, true], code: [1, 1, false], flags: [2, 1, false] };

// Returns null where WebGL2 is missing.
function createPoints(canvas) {
  const gl = canvas.getContext("webgl2", { antialias: false });
  if (!gl) return null;
  const kept = {}; // what was uploaded, for a context that is lost and comes back
  let [program, places, buffers, texture] = [];

  function start() {
    program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    [places, buffers, texture] = [{}, {}, gl.createTexture()];
  }

  const at = (name) => (places[name] ??= gl.getUniformLocation(program, name));

  function set(name, array) {
    kept[name] = array;
    const [location, size, normalised] = COLUMNS[name];
    const type = array instanceof Uint16Array ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE;
    gl.bindBuffer(gl.ARRAY_BUFFER, (buffers[name] ??= gl.createBuffer()));
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, type, normalised, 0, 0);
  }

  // Two rows of 256 colours, RGBA: categorical and sequential.
  function setRamps(pixels) {
    kept.ramps = pixels;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 2, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  function draw({ extent, camera, width, height, size, faded, solid, mode, isolated, marks, accent, quiet }) {
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.uniform2f(at("extent"), ...extent);
    gl.uniform2f(at("centre"), camera.x, camera.y);
    gl.uniform2f(at("zoom"), (2 * camera.scale) / width, (2 * camera.scale) / height);
    gl.uniform1f(at("size"), (size * canvas.width) / width);
    gl.uniform1f(at("faded"), faded);
    gl.uniform1f(at("solid"), solid);
    gl.uniform1i(at("mode"), mode);
    gl.uniform1i(at("isolated"), isolated);
    gl.uniform1i(at("marks"), marks);
    gl.uniform4f(at("accent"), ...accent);
    gl.uniform4f(at("quiet"), ...quiet);
    for (const layer of marks ? [0, 1] : [1]) {
      gl.uniform1i(at("layer"), layer);
      gl.drawArrays(gl.POINTS, 0, kept.flags.length);
    }
  }

  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    start();
    for (const name of Object.keys(COLUMNS)) set(name, kept[name]);
    setRamps(kept.ramps);
    canvas.dispatchEvent(new Event("restored"));
  });
  start();
  return { set, setRamps, draw, destroy: () => gl.getExtension("WEBGL_lose_context")?.loseContext() };
}
