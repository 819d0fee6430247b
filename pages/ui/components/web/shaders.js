// The GPU's programs: points, marks (rings and copies) and lines. A code looks up its color; alpha 0 hides.

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

// Vertex and fragment shader of each.
/** @type {Record<string, [string, string]>} */
export const SOURCES = {
  points: [POINT_VERTEX, POINT_FRAGMENT],
  marks: [MARK_VERTEX, MARK_FRAGMENT],
  lines: [LINE_VERTEX, LINE_FRAGMENT],
};
