// The flame graph of both builds: two panes of one canvas with the same places. What a box is and how one walks through them is as in the graph
// of a profile; here stands how two sides of it are drawn.

const GAP = 16;

class DiffGraph extends FlameGraph {
  recolor() {
    this.colors = palette();
    const style = getComputedStyle(document.documentElement);
    this.fills = this.model.marks.map((_, at) => style.getPropertyValue(`--mark-${at}`).trim());
    this.ghost = style.getPropertyValue('--ghost').trim();
    const tile = document.createElement('canvas');
    tile.width = tile.height = 6;
    const lines = tile.getContext('2d');
    lines.strokeStyle = this.colors.plain;
    lines.globalAlpha = 0.35;
    lines.beginPath(); lines.moveTo(0, 6); lines.lineTo(6, 0); lines.stroke();
    this.hatch = this.context.createPattern(tile, 'repeat');
  }

  draw() {
    if (!this.boxes) return;
    const ratio = window.devicePixelRatio || 1;
    const [wide, height] = [this.scroller.clientWidth, this.scroller.clientHeight];
    // One pane: what every place is measured in.
    this.width = (wide - GAP) / 2;
    if (this.canvas.width !== Math.round(wide * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(wide * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.colors.page;
    context.fillRect(0, 0, wide, height);
    if (!(this.boxes.whole > 0)) return;
    context.font = FONT;
    context.textBaseline = 'middle';
    this.letter ||= context.measureText('0'.repeat(100)).width / 100;
    for (const side of ['base', 'new']) {
      this.side = side;
      this.left = side === 'base' ? 0 : this.width + GAP;
      for (let box = this.zoomed; box > 0;) { box = this.boxes.parent[box]; this.drawBox(box, height, true); }
      for (let box = this.zoomed, end = this.boxes.end[box]; box < end;) {
        box = this.drawBox(box, height, false) ? box + 1 : this.boxes.end[box];
      }
    }
    if (document.activeElement === this.canvas) this.outline(this.focused, this.colors.focus, 2.5);
    if (this.hovered >= 0) this.outline(this.hovered, this.colors.plain, 1.5);
  }

  // Whether the slot was wide enough to be drawn.
  drawBox(box, height, faded) {
    const [left, right] = this.edges(box);
    if (right - left < MIN_WIDTH) return false;
    const top = this.top(this.boxes.depth[box]);
    if (top + ROW < 0 || top > height) return true;
    const { context, boxes } = this;
    const cost = boxes[this.side][box];
    // A caller of the zoomed box fills the pane, as far as this side has it at all.
    const part = faded ? (cost > 0 ? 1 : 0) : Math.min(cost / boxes.total[box], 1);
    const slot = Math.max(right - left - 0.6, MIN_WIDTH);
    const width = part > 0 ? Math.max((right - left) * part - 0.6, MIN_WIDTH) : 0;
    const x = this.left + left;
    const matched = this.matched !== null && this.matched[box];
    context.globalAlpha = faded || (this.matched !== null && !matched) ? this.colors.faded : 1;
    // What this side lacks is there to be seen.
    if (slot - width > 1.5) {
      context.strokeStyle = matched ? this.colors.match : this.ghost;
      context.lineWidth = 1;
      context.setLineDash([2, 2]);
      context.strokeRect(x + 0.5, top + 0.5, slot - 1, ROW - 2);
      context.setLineDash([]);
    }
    if (width > 0) {
      context.fillStyle = matched ? this.colors.match : this.fills[boxes.mark[box]];
      context.fillRect(x, top, width, ROW - 1);
      if (this.model.marks[boxes.mark[box]] === 'inconclusive' && !matched) {
        context.fillStyle = this.hatch;
        context.fillRect(x, top, width, ROW - 1);
      }
    }
    context.globalAlpha = 1;
    const room = Math.floor((slot - 6) / this.letter);
    if (room >= 3) {
      const missing = width > 0 ? '' : this.side === 'base' ? '(new) ' : '(gone) ';
      context.fillStyle = width > 0 ? (matched ? this.colors.matchInk : this.colors.ink) : this.colors.faint;
      const name = shorten(boxes.label[box], room - missing.length);
      if (name) context.fillText(missing + name, x + 3, top + ROW / 2, slot - 4);
    }
    return true;
  }

  outline(box, color, width) {
    const [left, right] = this.edges(box);
    this.context.strokeStyle = color;
    this.context.lineWidth = width;
    for (const pane of [0, this.width + GAP]) {
      this.context.strokeRect(pane + left + width / 2, this.top(this.boxes.depth[box]) + width / 2, Math.max(right - left - width, 1), ROW - 1 - width);
    }
  }

  boxAt(event) {
    const area = this.canvas.getBoundingClientRect();
    const over = event.clientX - area.left > this.width + GAP / 2;
    // The same place in the left pane.
    return super.boxAt({ clientX: event.clientX - (over ? this.width + GAP : 0), clientY: event.clientY });
  }
}
