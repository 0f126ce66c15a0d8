// The strip of CPU time over the window, and the stretch of it that is kept.

const STRIP_HEIGHT = 56;
const AXIS = 13;

class Timeline {
  constructor(model, canvas, changed) {
    Object.assign(this, { model, canvas, changed });
    this.context = canvas.getContext('2d');
    this.from = 0;
    this.to = model.bins.length - 1;
    this.wanted = () => true;
    this.recolor();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener('pointerdown', event => {
      canvas.setPointerCapture(event.pointerId);
      this.anchor = this.binAt(event);
      this.keep(this.anchor, this.anchor);
    });
    canvas.addEventListener('pointermove', event => {
      if (this.anchor === undefined) return;
      const bin = this.binAt(event);
      this.keep(Math.min(this.anchor, bin), Math.max(this.anchor, bin));
    });
    for (const end of ['pointerup', 'pointercancel']) canvas.addEventListener(end, () => { this.anchor = undefined; });
    canvas.addEventListener('dblclick', () => this.keepAll());
    canvas.addEventListener('keydown', event => this.key(event));
  }

  recolor() { this.colors = palette(); }

  // CPU time of each bin by the category of its leaves, for the threads that are shown.
  show(wanted) {
    this.wanted = wanted;
    const categories = this.model.categories.length;
    this.sums = this.model.bins.map(bin => {
      const sums = new Float64Array(categories);
      for (let r = bin.firstRow; r < bin.endRow; r++) {
        if (!wanted(this.model.rows.thread[r])) continue;
        sums[this.model.frames[this.model.frameOf[this.model.rows.node[r]]].category] += this.model.rows.ns[r];
      }
      return sums;
    });
    this.draw();
  }

  get end() { return this.model.bins[this.model.bins.length - 1].end; }
  get all() { return this.from === 0 && this.to === this.model.bins.length - 1; }

  binAt(event) {
    const area = this.canvas.getBoundingClientRect();
    const at = (event.clientX - area.left) / area.width * this.end;
    const index = this.model.bins.findIndex(bin => at < bin.end);
    return index < 0 ? this.model.bins.length - 1 : index;
  }

  keep(from, to) {
    if (from === this.from && to === this.to) return;
    this.from = from;
    this.to = to;
    this.draw();
    // At most one new graph a frame, however fast the pointer moves.
    if (!this.pending) {
      this.pending = true;
      requestAnimationFrame(() => { this.pending = false; this.changed(); });
    }
  }

  keepAll() { this.keep(0, this.model.bins.length - 1); }

  key(event) {
    const last = this.model.bins.length - 1;
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (event.key === 'Escape') this.keepAll();
    else if (!step) return;
    else if (event.shiftKey) this.keep(this.from, Math.min(Math.max(this.to + step, this.from), last));
    // From the whole window the first arrow takes its first bin, or its last.
    else if (this.all) this.keep(step > 0 ? 0 : last, step > 0 ? 0 : last);
    else if (this.from + step >= 0 && this.to + step <= last) this.keep(this.from + step, this.to + step);
    event.preventDefault();
  }

  draw() {
    if (!this.sums) return;
    const ratio = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(STRIP_HEIGHT * ratio);
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.colors.panel;
    context.fillRect(0, 0, width, STRIP_HEIGHT - AXIS);
    const cores = this.sums.map((sums, at) => {
      const bin = this.model.bins[at];
      return sums.reduce((a, b) => a + b, 0) / Math.max(bin.end - bin.start, 1);
    });
    const most = Math.max(...cores, 0.01);
    const scale = (STRIP_HEIGHT - AXIS - 2) / most;
    this.model.bins.forEach((bin, at) => {
      const left = bin.start / this.end * width;
      const right = bin.end / this.end * width;
      context.globalAlpha = at >= this.from && at <= this.to ? 1 : 0.25;
      let top = STRIP_HEIGHT - AXIS;
      this.sums[at].forEach((ns, category) => {
        const height = ns / Math.max(bin.end - bin.start, 1) * scale;
        context.fillStyle = categoryColor(this.colors, category);
        context.fillRect(left, top - height, Math.max(right - left - 0.5, 0.5), height);
        top -= height;
      });
    });
    context.globalAlpha = 1;
    if (!this.all) {
      const left = this.model.bins[this.from].start / this.end * width;
      const right = this.model.bins[this.to].end / this.end * width;
      context.strokeStyle = this.colors.focus;
      context.lineWidth = 2;
      context.strokeRect(left + 1, 1, Math.max(right - left - 2, 1), STRIP_HEIGHT - AXIS - 2);
    }
    context.fillStyle = this.colors.faint;
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'bottom';
    context.textAlign = 'left';
    context.fillText('0 s', 0, STRIP_HEIGHT);
    context.textAlign = 'center';
    context.fillText(`busiest: ${most.toFixed(2)} processors`, width / 2, STRIP_HEIGHT);
    context.textAlign = 'right';
    context.fillText(duration(this.end), width, STRIP_HEIGHT);
    this.canvas.setAttribute('aria-label', `CPU time over the window. Kept: ${this.words()}.`);
  }

  words() {
    return this.all ? `all ${duration(this.end)}`
      : `${duration(this.model.bins[this.from].start)} to ${duration(this.model.bins[this.to].end)}`;
  }
}
