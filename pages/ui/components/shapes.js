// What the map computes on places: an index for hovering, lassos, and where a class is densest. Places are quantised,
// x and y in 0..65535, interleaved.

const CELLS = 256;
const CORNERS = 128;

// Douglas–Peucker, with a tolerance that grows until few enough corners are left.
function simplified(path) {
  for (let tolerance = 0.75; ; tolerance *= 1.5) {
    const keep = new Uint8Array(path.length);
    keep[0] = keep[path.length - 1] = 1;
    const spans = [[0, path.length - 1]];
    while (spans.length) {
      const [first, last] = spans.pop();
      const [ax, ay] = path[first];
      const [dx, dy] = [path[last][0] - ax, path[last][1] - ay];
      const length = Math.hypot(dx, dy);
      let [worst, at] = [tolerance, -1];
      for (let i = first + 1; i < last; i += 1) {
        const [px, py] = [path[i][0] - ax, path[i][1] - ay];
        const distance = length ? Math.abs(px * dy - py * dx) / length : Math.hypot(px, py);
        if (distance > worst) [worst, at] = [distance, i];
      }
      if (at >= 0) {
        keep[at] = 1;
        spans.push([first, at], [at, last]);
      }
    }
    const kept = path.filter((_, i) => keep[i]);
    if (kept.length <= CORNERS) return kept;
  }
}

// Counting sort of the points into square cells.
function buildGrid(xy) {
  const number = xy.length / 2;
  const cell = (i) => (xy[2 * i + 1] >> 8) * CELLS + (xy[2 * i] >> 8);
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < number; i += 1) starts[cell(i) + 1] += 1;
  for (let i = 0; i < CELLS * CELLS; i += 1) starts[i + 1] += starts[i];
  const order = new Uint32Array(number);
  const next = starts.slice();
  for (let i = 0; i < number; i += 1) {
    order[next[cell(i)]] = i;
    next[cell(i)] += 1;
  }
  return { starts, order };
}

// The accepted point nearest to (x, y) within an ellipse, or -1.
function nearest({ starts, order }, xy, x, y, reachX, reachY, accepts) {
  const cell = (value) => clamp(value >> 8, 0, CELLS - 1);
  let [best, found] = [1, -1];
  for (let row = cell(y - reachY); row <= cell(y + reachY); row += 1) {
    for (let column = cell(x - reachX); column <= cell(x + reachX); column += 1) {
      const at = row * CELLS + column;
      for (let k = starts[at]; k < starts[at + 1]; k += 1) {
        const i = order[k];
        const distance = ((xy[2 * i] - x) / reachX) ** 2 + ((xy[2 * i + 1] - y) / reachY) ** 2;
        if (distance < best && accepts(i)) [best, found] = [distance, i];
      }
    }
  }
  return found;
}

// Sets bit 1 of the flags of the points inside, by the even-odd rule.
function markInside(flags, xy, corners) {
  const [xs, ys] = [corners.map((corner) => corner[0]), corners.map((corner) => corner[1])];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let i = 0; i < flags.length; i += 1) {
    const [x, y] = [xy[2 * i], xy[2 * i + 1]];
    let inside = false;
    if (x >= left && x <= right && y >= low && y <= high) {
      for (let a = 0, b = corners.length - 1; a < corners.length; b = a, a += 1) {
        if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
      }
    }
    flags[i] = (flags[i] & 1) | (inside ? 2 : 0);
  }
}

// The centre of each code's busiest cell, as shares of the extent: a mean would fall between two groups.
function busiest(xy, codes, kinds) {
  const side = 24;
  const busy = new Uint32Array(kinds * side * side);
  for (let i = 0; i < codes.length; i += 1) {
    const [column, row] = [(xy[2 * i] * side) >> 16, (xy[2 * i + 1] * side) >> 16];
    busy[(codes[i] * side + row) * side + column] += 1;
  }
  return Array.from({ length: kinds }, (_, code) => {
    const cells = busy.subarray(code * side * side, (code + 1) * side * side);
    let at = 0;
    cells.forEach((number, i) => (at = number > cells[at] ? i : at));
    return cells[at] ? [((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side] : null;
  });
}
