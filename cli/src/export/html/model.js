// The data of the page, and what a choice of threads and time adds up to. Nothing here touches the page.

// What the rows that are no ordinary frames mean.
const MEANINGS = [
  [/^\[unsampled\]$/, "CPU time by the threads' clocks that no sample stands for."],
  [/^\[kernel\]$/, 'In the kernel, on behalf of the caller. Directly below a thread: kernel time that the engine cannot sample, from the clocks.'],
  [/^\[other\]$/, 'Stacks that were given up to keep the recorder within its memory.'],
  [/^\[threads that ended unseen\]$/, "The process's clock less those of all threads that were seen."],
  [/^\[truncated: /, 'The stack was cut short here: what called the frames below is not known.'],
  [/^\[(location|function) \d+ is missing\]$/, 'The file names something that it does not hold.'],
];
const meaning = name => MEANINGS.find(([pattern]) => pattern.test(name))?.[1];

// A tree of calls from each node's caller and frame. Children side by side: those of node n are
// children[firstChild[n + 1] .. firstChild[n + 2]]; n is -1 for the root.
function tree(parent, frameOf) {
  const firstChild = new Int32Array(parent.length + 2);
  for (const p of parent) firstChild[p + 2]++;
  for (let n = 1; n < firstChild.length; n++) firstChild[n] += firstChild[n - 1];
  const children = new Int32Array(parent.length);
  const filled = firstChild.slice();
  for (let n = 0; n < parent.length; n++) children[filled[parent[n] + 1]++] = n;
  return { parent, frameOf, firstChild, children };
}

function decode(raw) {
  const text = index => raw.strings[index];
  const frames = raw.frames.name.map((name, at) => ({
    name: text(name),
    file: text(raw.frames.file[at]),
    line: raw.frames.line[at],
    module: text(raw.frames.module[at]),
    category: raw.frames.category[at],
    inlined: raw.frames.inlined[at] === 1,
    scaffolding: raw.frames.scaffolding[at] === 1,
  }));
  const lines = new Map();
  for (const [node, line, ns] of raw.lines) {
    if (!lines.has(node)) lines.set(node, []);
    lines.get(node).push({ line, ns });
  }
  const interval = raw.header.interval_ns;
  const rows = {
    thread: Int32Array.from(raw.rows.thread),
    node: Int32Array.from(raw.rows.node),
    count: Float64Array.from(raw.rows.count),
    ns: Float64Array.from(raw.rows.extra_ns, (extra, at) => extra + raw.rows.count[at] * interval),
  };
  const bins = raw.bins.start_ns.map((start, at) => ({
    start,
    end: start + raw.bins.duration_ns[at],
    firstRow: raw.bins.first_row[at],
    endRow: at + 1 < raw.bins.first_row.length ? raw.bins.first_row[at + 1] : rows.node.length,
  }));

  // Threads of the same name are one group.
  const groups = [];
  const byName = new Map();
  const groupOf = new Int32Array(raw.threads.length);
  raw.threads.forEach((thread, at) => {
    if (!byName.has(thread.name)) {
      byName.set(thread.name, groups.length);
      groups.push({ name: thread.name, threads: [], ns: 0 });
    }
    groupOf[at] = byName.get(thread.name);
    groups[groupOf[at]].threads.push(at);
  });
  const threadNs = new Float64Array(raw.threads.length);
  for (let r = 0; r < rows.node.length; r++) threadNs[rows.thread[r]] += rows.ns[r];
  for (const group of groups) for (const thread of group.threads) group.ns += threadNs[thread];

  return { header: raw.header, categories: raw.categories, frames, ...tree(Int32Array.from(raw.nodes.parent), Int32Array.from(raw.nodes.frame)), lines, threads: raw.threads, threadNs, groups, groupOf, rows, bins };
}

// What may be folded away, as a test of a frame and its category's label. Its time counts as its caller's; what it calls hangs from
// its caller.
const FOLDS = {
  scaffolding: frame => frame.scaffolding,
  libraries: (frame, label) => frame.scaffolding || ['std', 'tokio', 'libc and native'].includes(label),
  foreign: (frame, label) => frame.scaffolding || !['own code', 'kernel', 'not a stack'].includes(label),
};

// The same model with some frames folded into their callers. At the root, where nobody called them, a folded frame gives way to what it
// calls; a stack of nothing else keeps its leaf, so that no time is lost.
function fold(model, test) {
  if (!test) return model;
  const folded = model.frames.map(frame => test(frame, model.categories[frame.category]));
  const parent = [];
  const frameOf = [];
  const known = new Map();
  const child = (caller, frame) => {
    const key = caller * model.frames.length + frame;
    if (!known.has(key)) { known.set(key, parent.length); parent.push(caller); frameOf.push(frame); }
    return known.get(key);
  };
  // Where each node's callees hang, and where its own time goes.
  const hook = new Int32Array(model.parent.length);
  const own = new Int32Array(model.parent.length);
  const lines = new Map();
  for (let n = 0; n < hook.length; n++) {
    const caller = model.parent[n] < 0 ? -1 : hook[model.parent[n]];
    const frame = model.frameOf[n];
    if (folded[frame]) {
      hook[n] = caller;
      own[n] = caller;
      continue;
    }
    hook[n] = own[n] = child(caller, frame);
    const merged = lines.get(own[n]) || [];
    for (const { line, ns } of model.lines.get(n) || []) {
      const same = merged.find(entry => entry.line === line);
      if (same) same.ns += ns; else merged.push({ line, ns });
    }
    if (merged.length) lines.set(own[n], merged.sort((a, b) => b.ns - a.ns).slice(0, 3));
  }
  const node = model.rows.node.map(n => own[n] < 0 ? child(-1, model.frameOf[n]) : own[n]);
  return { ...model, ...tree(Int32Array.from(parent), Int32Array.from(frameOf)), lines, rows: { ...model.rows, node } };
}

// Self and total of every node, over the threads that `wanted` says and the bins from..to (both included).
function weigh(model, wanted, from, to) {
  const self = new Float64Array(model.parent.length);
  const count = new Float64Array(model.parent.length);
  const { thread, node, ns, count: counts } = model.rows;
  for (let r = model.bins[from].firstRow; r < model.bins[to].endRow; r++) {
    if (!wanted(thread[r])) continue;
    self[node[r]] += ns[r];
    count[node[r]] += counts[r];
  }
  const total = self.slice();
  const samples = count.slice();
  let all = 0;
  let allSamples = 0;
  // Callers stand before what they call.
  for (let n = model.parent.length - 1; n >= 0; n--) {
    const p = model.parent[n];
    if (p < 0) { all += total[n]; allSamples += samples[n]; } else { total[p] += total[n]; samples[p] += samples[n]; }
  }
  return { self, total, samples, all, allSamples };
}

// The boxes of a flame graph, callers before callees: a box's descendants are those up to `end`.
// `parts` are labelled weights; one part without a label hangs from the root, labelled ones get a box each.
function layOut(model, rootLabel, parts) {
  const boxes = { label: [rootLabel], node: [-1], depth: [0], start: [0], total: [0], self: [0], samples: [0], end: [1], parent: [-1], maxDepth: 0, whole: 0 };
  const push = (label, node, parent, start, total, self, samples) => {
    const depth = boxes.depth[parent] + 1;
    boxes.label.push(label); boxes.node.push(node); boxes.depth.push(depth); boxes.start.push(start); boxes.total.push(total);
    boxes.self.push(self); boxes.samples.push(samples); boxes.end.push(boxes.label.length); boxes.parent.push(parent);
    if (depth > boxes.maxDepth) boxes.maxDepth = depth;
    return boxes.label.length - 1;
  };
  // The open boxes, each with its children still to come; a stack of our own, because calls may nest a thousand deep.
  const grow = (weights, top) => {
    const calls = node => Array.from(model.children.subarray(model.firstChild[node + 1], model.firstChild[node + 2]))
      .filter(n => weights.total[n] > 0).sort((a, b) => weights.total[b] - weights.total[a]);
    const open = [{ box: top, calls: calls(-1), next: 0, at: boxes.start[top] }];
    while (open.length) {
      const level = open[open.length - 1];
      if (level.next === level.calls.length) { boxes.end[level.box] = boxes.label.length; open.pop(); continue; }
      const n = level.calls[level.next++];
      const box = push(model.frames[model.frameOf[n]].name, n, level.box, level.at, weights.total[n], weights.self[n], weights.samples[n]);
      open.push({ box, calls: calls(n), next: 0, at: level.at });
      level.at += weights.total[n];
    }
  };
  let at = 0;
  for (const { label, weights } of parts) {
    if (!(weights.all > 0)) continue;
    const top = label === undefined ? 0 : push(label, -1, 0, at, weights.all, 0, weights.allSamples);
    boxes.total[0] += weights.all;
    boxes.samples[0] += weights.allSamples;
    grow(weights, top);
    at += weights.all;
  }
  boxes.end[0] = boxes.label.length;
  boxes.whole = boxes.total[0];
  return boxes;
}

// Self and total of each function; a function that calls itself is counted once in a stack.
function functions(model, boxes) {
  const found = new Map();
  const onStack = [];
  const open = [];
  for (let b = 0; b < boxes.label.length; b++) {
    while (open.length && boxes.end[open[open.length - 1]] <= b) onStack.pop().depth--, open.pop();
    if (boxes.node[b] < 0) continue;
    const frame = model.frames[model.frameOf[boxes.node[b]]];
    const key = frame.name + '\n' + frame.module;
    let entry = found.get(key);
    if (!entry) found.set(key, entry = { name: frame.name, frame, self: 0, total: 0, samples: 0, depth: 0, inlined: false, called: false });
    entry.self += boxes.self[b];
    if (frame.inlined) entry.inlined = true; else entry.called = true;
    if (entry.depth === 0) { entry.total += boxes.total[b]; entry.samples += boxes.samples[b]; }
    entry.depth++;
    onStack.push(entry);
    open.push(b);
  }
  return [...found.values()];
}

// Which boxes a pattern names, and the CPU time at or below them, each moment once.
function matches(model, boxes, pattern) {
  const ofFrame = model.frames.map(frame => pattern.test(frame.name));
  const matched = boxes.node.map((node, b) => node < 0 ? boxes.depth[b] === 1 && pattern.test(boxes.label[b]) : ofFrame[model.frameOf[node]]);
  let ns = 0;
  for (let b = 0; b < matched.length;) {
    if (matched[b]) { ns += boxes.total[b]; b = boxes.end[b]; } else b++;
  }
  return { matched, ns };
}
