// The flame graph: boxes on a canvas that is as large as what is visible, however deep the stacks are.

const ROW = 18;
const FONT = '11.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
// Narrower boxes are not drawn, nor what they call.
const MIN_WIDTH = 0.4;
// One hue for each category, in the order of the categories; -1 is grey.
const HUES = [28, 52, 212, 275, 140, 0, -1, -1];

function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = name => style.getPropertyValue(name).trim();
  return {
    page: read('--page'), ink: read('--box-ink'), plain: read('--ink'), line: read('--line'), focus: read('--focus'), faint: read('--faint'),
    match: read('--match'), matchInk: read('--match-ink'), panel: read('--panel'), faded: parseFloat(read('--faded')),
    light: parseFloat(read('--light')), spread: parseFloat(read('--spread')),
  };
}

function categoryColor(colors, category, variation = 0.5) {
  const light = colors.light + (variation - 0.5) * 2 * colors.spread;
  return HUES[category] < 0 ? `hsl(0 0% ${light}%)` : `hsl(${HUES[category]} 62% ${light}%)`;
}

class FlameGraph {
  constructor(model, canvas, scroller, height, events) {
    Object.assign(this, { model, canvas, scroller, height, events });
    this.context = canvas.getContext('2d');
    this.inverted = false;
    this.boxes = null;
    this.zoomed = 0;
    this.focused = 0;
    this.hovered = -1;
    this.matched = null;
    this.recolor();
    scroller.addEventListener('scroll', () => this.draw());
    new ResizeObserver(() => this.draw()).observe(scroller);
    canvas.addEventListener('pointermove', event => this.hover(this.boxAt(event), event));
    canvas.addEventListener('pointerleave', () => this.hover(-1));
    canvas.addEventListener('click', event => { const box = this.boxAt(event); if (box >= 0) this.zoom(box); });
    canvas.addEventListener('keydown', event => this.key(event));
    canvas.addEventListener('focus', () => this.draw());
    canvas.addEventListener('blur', () => { this.draw(); this.events.leave(); });
  }

  recolor() {
    this.colors = palette();
    this.fills = this.model.frames.map(frame =>
      categoryColor(this.colors, frame.category, (hash(crateOf(frame)) % 1000) / 1000));
    const tile = document.createElement('canvas');
    tile.width = tile.height = 6;
    const lines = tile.getContext('2d');
    lines.strokeStyle = this.colors.plain;
    lines.globalAlpha = 0.4;
    lines.beginPath(); lines.moveTo(0, 6); lines.lineTo(6, 0); lines.stroke();
    this.hatch = this.context.createPattern(tile, 'repeat');
  }

  // New boxes; the zoom stays on the same call where it is still there.
  show(boxes) {
    const path = this.boxes ? this.pathOf(this.zoomed) : [];
    this.boxes = boxes;
    this.zoomed = this.focused = this.find(path);
    this.hovered = -1;
    this.fit();
    this.events.zoomed(this.zoomed);
  }

  // What tells a box from its siblings: its node, or its label where it has none.
  keyOf(box) { return this.boxes.node[box] < 0 ? this.boxes.label[box] : this.boxes.node[box]; }

  pathOf(box) {
    const path = [];
    for (; box > 0; box = this.boxes.parent[box]) path.unshift(this.keyOf(box));
    return path;
  }

  find(path) {
    let box = 0;
    for (const key of path) {
      const next = this.children(box).find(child => this.keyOf(child) === key);
      if (next === undefined) break;
      box = next;
    }
    return box;
  }

  children(box) {
    const found = [];
    for (let b = box + 1; b < this.boxes.end[box]; b = this.boxes.end[b]) found.push(b);
    return found;
  }

  fit() {
    let depth = this.boxes.depth[this.zoomed];
    for (let b = this.zoomed; b < this.boxes.end[this.zoomed]; b++) depth = Math.max(depth, this.boxes.depth[b]);
    this.depth = depth;
    this.height.style.height = `${(depth + 1) * ROW + 2}px`;
    if (this.inverted) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.draw();
  }

  invert(inverted) {
    this.inverted = inverted;
    this.events.leave();
    this.scroller.scrollTop = 0;
    this.fit();
  }

  // Left and right edge, in pixels; callers of the zoomed box are as wide as the view.
  edges(box) {
    const { start, total } = this.boxes;
    const scale = this.width / total[this.zoomed];
    const left = (start[box] - start[this.zoomed]) * scale;
    return [Math.max(left, 0), Math.min(left + total[box] * scale, this.width)];
  }

  top(depth) {
    const rows = Math.max(this.height.clientHeight, (this.depth + 1) * ROW);
    return (this.inverted ? rows - (depth + 1) * ROW : depth * ROW) - this.scroller.scrollTop;
  }

  draw() {
    if (!this.boxes) return;
    const ratio = window.devicePixelRatio || 1;
    this.width = this.scroller.clientWidth;
    const height = this.scroller.clientHeight;
    if (this.canvas.width !== Math.round(this.width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(this.width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.colors.page;
    context.fillRect(0, 0, this.width, height);
    if (!(this.boxes.whole > 0)) return;
    context.font = FONT;
    context.textBaseline = 'middle';
    this.letter ||= context.measureText('0'.repeat(100)).width / 100;
    for (let box = this.zoomed; box >= 0; box = this.boxes.parent[box]) if (box !== this.zoomed) this.drawBox(box, height, true);
    for (let box = this.zoomed, end = this.boxes.end[box]; box < end;) {
      box = this.drawBox(box, height, false) ? box + 1 : this.boxes.end[box];
    }
    if (document.activeElement === this.canvas) this.outline(this.focused, this.colors.focus, 2.5);
    if (this.hovered >= 0) this.outline(this.hovered, this.colors.plain, 1.5);
  }

  // Whether the box was wide enough to be drawn.
  drawBox(box, height, faded) {
    const [left, right] = this.edges(box);
    if (right - left < MIN_WIDTH) return false;
    const top = this.top(this.boxes.depth[box]);
    if (top + ROW < 0 || top > height) return true;
    const context = this.context;
    const node = this.boxes.node[box];
    const frame = node < 0 ? null : this.model.frames[this.model.frameOf[node]];
    const matched = this.matched !== null && this.matched[box];
    const width = Math.max(right - left - 0.6, MIN_WIDTH);
    // An inlined call has no frame of its own on the stack: it is drawn thinner and its name slanted.
    const inset = frame?.inlined ? 3 : 0;
    context.globalAlpha = faded || (this.matched !== null && !matched) ? this.colors.faded : 1;
    context.fillStyle = matched ? this.colors.match : frame ? this.fills[this.model.frameOf[node]] : this.colors.panel;
    context.fillRect(left, top + inset, width, ROW - 1 - inset);
    if (frame && frame.category === this.model.categories.length - 1 && !matched) {
      context.fillStyle = this.hatch;
      context.fillRect(left, top, width, ROW - 1);
    }
    context.globalAlpha = 1;
    const room = Math.floor((width - 6) / this.letter);
    if (room >= 3) {
      context.font = frame?.inlined ? 'italic ' + FONT : FONT;
      context.fillStyle = matched ? this.colors.matchInk : frame ? this.colors.ink : this.colors.plain;
      context.fillText(shorten(this.boxes.label[box], room), left + 3, top + ROW / 2 + inset / 2, width - 4);
    }
    return true;
  }

  outline(box, color, width) {
    const [left, right] = this.edges(box);
    this.context.strokeStyle = color;
    this.context.lineWidth = width;
    this.context.strokeRect(left + width / 2, this.top(this.boxes.depth[box]) + width / 2, Math.max(right - left - width, 1), ROW - 1 - width);
  }

  boxAt(event) {
    const area = this.canvas.getBoundingClientRect();
    const x = event.clientX - area.left;
    const y = event.clientY - area.top;
    const ratio = this.boxes.total[this.zoomed] / this.width;
    const at = this.boxes.start[this.zoomed] + x * ratio;
    const depth = Math.floor((this.inverted ? this.top(0) + ROW - y : y - this.top(0)) / ROW);
    if (depth < 0) return -1;
    let box = 0;
    while (this.boxes.depth[box] < depth) {
      const inside = this.children(box).find(child => at >= this.boxes.start[child] && at < this.boxes.start[child] + this.boxes.total[child]);
      if (inside === undefined) return -1;
      box = inside;
    }
    const [left, right] = this.edges(box);
    return right - left < MIN_WIDTH ? -1 : box;
  }

  hover(box, event) {
    if (box !== this.hovered) { this.hovered = box; this.draw(); }
    this.canvas.style.cursor = box >= 0 ? 'pointer' : '';
    if (box >= 0) this.events.point(box, event.clientX, event.clientY); else this.events.leave();
  }

  zoom(box) {
    this.zoomed = this.focused = box;
    this.hovered = -1;
    this.fit();
    this.events.leave();
    this.events.zoomed(box);
  }

  zoomOut() { if (this.zoomed > 0) { const was = this.zoomed; this.zoom(this.boxes.parent[was]); this.focused = was; this.draw(); } }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const towardsLeaf = this.inverted ? 'ArrowUp' : 'ArrowDown';
    const towardsRoot = this.inverted ? 'ArrowDown' : 'ArrowUp';
    const box = this.focused;
    let next = box;
    if (event.key === towardsLeaf) next = box + 1 < this.boxes.end[box] ? box + 1 : box;
    else if (event.key === towardsRoot) next = Math.max(this.boxes.parent[box], 0);
    else if (event.key === 'ArrowRight') next = this.neighbour(box, 1);
    else if (event.key === 'ArrowLeft') next = this.neighbour(box, -1);
    else if (event.key === 'Home') next = this.zoomed;
    else if (event.key === 'Enter' || event.key === ' ') { this.zoom(box); this.announce(); event.preventDefault(); return; }
    else if (event.key === 'Escape') { this.zoomOut(); this.announce(); event.preventDefault(); return; }
    else return;
    event.preventDefault();
    this.focused = next;
    // What is walked to must be in view: out of the zoomed part means zooming out to where both are.
    if (next < this.zoomed || next >= this.boxes.end[this.zoomed]) { this.zoom(next); this.focused = next; }
    this.reveal(next);
    this.announce();
  }

  // The next box of the same depth that is wide enough to see.
  neighbour(box, step) {
    for (let b = box + step; b > 0 && b < this.boxes.label.length; b += step) {
      if (this.boxes.depth[b] !== this.boxes.depth[box]) continue;
      if (b < this.zoomed || b >= this.boxes.end[this.zoomed]) return box;
      const [left, right] = this.edges(b);
      if (right - left >= MIN_WIDTH) return b;
    }
    return box;
  }

  reveal(box) {
    const top = this.top(this.boxes.depth[box]);
    if (top < 0) this.scroller.scrollTop += top;
    else if (top + ROW > this.scroller.clientHeight) this.scroller.scrollTop += top + ROW - this.scroller.clientHeight;
    this.draw();
  }

  announce() {
    const area = this.canvas.getBoundingClientRect();
    const [left] = this.edges(this.focused);
    this.events.point(this.focused, area.left + left + 12, area.top + this.top(this.boxes.depth[this.focused]) + ROW);
    this.events.speak(this.focused);
  }
}

// The crate that a name begins with, or the module where it has none.
function crateOf(frame) {
  const match = /^[<&*(\[\s]*(?:dyn |mut )*([A-Za-z_]\w*)::/.exec(frame.name);
  return match ? match[1] : frame.module;
}
