// Puts the parts together: what is chosen, and who is told.

const model = decode(JSON.parse(byId('data').textContent));
// The model with what is folded; threads and time are the same in both.
let shown = model;
const chosen = { groups: 'all', search: null };

const graph = new FlameGraph(model, byId('boxes'), byId('scroller'), byId('height'), {
  point: showTip,
  leave: () => { byId('tip').hidden = true; },
  zoomed: box => { byId('reset').disabled = box === 0; },
  speak: box => { byId('spoken').textContent = describe(box).map(([key, value]) => key ? `${key}: ${value}` : value).join('. '); },
});
const table = new FunctionTable(model, entry => {
  searchFor(entry.name);
  view('graph');
  byId('boxes').focus();
});
const timeline = new Timeline(model, byId('strip'), () => select());

function header() {
  const facts = model.header;
  byId('title').textContent = `${facts.name || 'A profile'} · where the ${facts.wall ? 'threads’ time' : 'CPU time'} went`;
  const add = (title, text) => {
    const entry = document.createElement('div');
    entry.append(element('dt', title), element('dd', text));
    byId('facts').append(entry);
  };
  // Another tool's file knows neither the process nor its clocks.
  const clocks = facts.cpu_ns > 0;
  if (facts.pid) add('pid', String(facts.pid));
  add('window', `${duration(facts.duration_ns)}${facts.start_unix_ms ? ` from ${new Date(facts.start_unix_ms).toISOString().replace('T', ' ').replace(/\.\d+Z/, ' UTC')}` : ''}`);
  if (clocks) add(facts.wall ? 'time' : 'CPU', `${duration(facts.cpu_ns)}${facts.duration_ns ? ` (${(facts.cpu_ns / facts.duration_ns).toFixed(2)} ${facts.wall ? 'threads' : `processors${facts.cpus ? ` of ${facts.cpus}` : ''}`})` : ''}`);
  if (facts.asked_hz) add('rate asked', `${+facts.asked_hz.toFixed(1)} Hz${facts.engine_setting ? `, engine ${facts.engine_setting}` : ''}`);
  add('samples', integer(facts.recorded) + (facts.overrun ? ` and ${integer(facts.overrun)} overruns` : ''));
  const lost = facts.lost.map(([reason, n]) => `${integer(n)} ${reason}`).join(', ');
  add('lost', lost || 'none');
  if (facts.kernel_ns) add('[kernel]', `${duration(facts.kernel_ns)}, ${percent(facts.kernel_ns, facts.cpu_ns)}`);
  if (clocks) add('[unsampled]', facts.unsampled_ns >= 0 ? `${duration(facts.unsampled_ns)}, ${percent(facts.unsampled_ns, facts.cpu_ns)}` : `none (samples stand for ${duration(-facts.unsampled_ns)} more than the clocks)`);
  if (facts.unseen_ns) add('threads that ended unseen', duration(facts.unseen_ns));
  const cut = facts.truncated.filter(([reason]) => reason !== 'complete');
  if (facts.recorded) add('whole stacks', percent(facts.recorded - cut.reduce((sum, [, n]) => sum + n, 0), facts.recorded) + (cut.length ? ` (cut short: ${cut.map(([reason, n]) => `${integer(n)} ${reason}`).join(', ')})` : ''));
  if (facts.handler_ns) add('overhead', `${percent(facts.handler_ns, facts.cpu_ns)} in the handler`);
  const biased = model.threads.filter(thread => thread.tick_biased).length;
  const notices = [...facts.notices];
  if (!clocks) notices.push('This file has no clocks: what the samples missed is not known.');
  // Each thread's rows sum to its clock, or to its samples where those stand for more.
  const over = model.threadNs.reduce((sum, ns) => sum + ns, 0) - facts.cpu_ns;
  if (clocks && over > facts.cpu_ns / 1000) notices.push(`Samples of some threads stand for ${duration(over)} more than their clocks: each is worth a whole interval.`);
  if (biased) notices.push(`${biased === 1 ? 'One thread' : `${biased} threads`} ran in bursts shorter than a kernel tick: their shares may be biased.`);
  if (facts.evicted_slices) notices.push(`${integer(facts.evicted_slices)} earlier slices had fallen out of the recorder.`);
  if (facts.folded_stacks) notices.push(`${integer(facts.folded_stacks)} stacks were folded into [other] to save memory.`);
  byId('notices').replaceChildren(...notices.map(notice => element('li', notice)));
  byId('time').hidden = model.bins.length < 2;
}

function choices() {
  const list = byId('threads');
  const busy = model.groups.map((group, at) => ({ group, at })).filter(({ group }) => group.ns > 0).sort((a, b) => b.group.ns - a.group.ns);
  list.append(element('option', 'all together', { value: 'all' }));
  if (busy.length > 1) list.append(element('option', 'all, one beside the other', { value: 'each' }));
  for (const { group, at } of busy) {
    const several = group.threads.length > 1 ? ` ×${group.threads.length}` : '';
    list.append(element('option', `${group.name}${several} (${duration(group.ns)})`, { value: `g${at}` }));
    if (group.threads.length < 2) continue;
    for (const thread of group.threads.filter(t => model.threadNs[t] > 0)) {
      list.append(element('option', `  ${group.name}, tid ${model.threads[thread].tid} (${duration(model.threadNs[thread])})`, { value: `t${thread}` }));
    }
  }
  list.value = busy.length > 1 ? 'each' : 'all';
  chosen.groups = list.value;
}

// Which threads the choice means, as a test of a thread's index.
function wanted() {
  const which = Number(chosen.groups.slice(1));
  if (chosen.groups === 'all' || chosen.groups === 'each') return () => true;
  return chosen.groups[0] === 'g' ? thread => model.groupOf[thread] === which : thread => thread === which;
}

// The threads were chosen anew, or the stretch of time: everything adds up differently.
function select() {
  const { from, to } = timeline;
  let parts;
  if (chosen.groups === 'each') {
    parts = model.groups
      .map((group, at) => ({ label: group.threads.length > 1 ? `${group.name} ×${group.threads.length}` : group.name, ns: group.ns, weights: group.ns > 0 ? weigh(shown, thread => model.groupOf[thread] === at, from, to) : null }))
      .filter(part => part.weights).sort((a, b) => b.weights.all - a.weights.all);
  } else {
    parts = [{ weights: weigh(shown, wanted(), from, to) }];
  }
  const label = byId('threads').selectedOptions[0].textContent.trim();
  graph.show(layOut(shown, chosen.groups === 'each' || chosen.groups === 'all' ? 'all threads' : label, parts));
  byId('selection').textContent = `${label} · ${timeline.words()} · ${duration(graph.boxes.whole)} of ${model.header.wall ? 'time' : 'CPU'} in ${integer(graph.boxes.samples[0])} samples`;
  search();
}

// Frames are folded or not: other boxes, and no zoom that would mean the same.
function refold() {
  shown = fold(model, FOLDS[byId('fold').value]);
  graph.model = shown;
  graph.boxes = null;
  select();
}

function search() {
  const pattern = searched();
  if (pattern) {
    const { matched, ns } = matches(shown, graph.boxes, pattern);
    graph.matched = matched;
    byId('matched').textContent = `matched ${percent(ns, graph.boxes.whole)} (${duration(ns)})`;
  } else graph.matched = null;
  chosen.search = pattern;
  graph.draw();
  if (!byId('functions').hidden) table.show(functions(shown, graph.boxes), graph.boxes.whole, chosen.search);
}

// What is to be said of a box, as pairs; the first has no title.
function describe(box) {
  const boxes = graph.boxes;
  const node = boxes.node[box];
  const facts = [['', boxes.label[box]]];
  const share = `${percent(boxes.total[box], boxes.whole)} of what is shown`;
  facts.push(['total', `${duration(boxes.total[box])}, ${share}${graph.zoomed > 0 ? `, ${percent(boxes.total[box], boxes.total[graph.zoomed])} of the zoomed part` : ''}`]);
  if (node >= 0) facts.push(['self', `${duration(boxes.self[box])}, ${percent(boxes.self[box], boxes.whole)}`]);
  facts.push(['samples', integer(boxes.samples[box])]);
  if (node < 0) return facts;
  const frame = shown.frames[shown.frameOf[node]];
  if (frame.file) facts.push(['defined in', frame.line ? `${frame.file}:${frame.line}` : frame.file]);
  const lines = shown.lines.get(node);
  if (lines) facts.push(['hot lines', lines.map(({ line, ns }) => `${line} (${duration(ns)})`).join(', ') + ' in the whole window']);
  if (frame.module) facts.push(['module', frame.module]);
  facts.push(['code', model.categories[frame.category] + (frame.inlined ? ', inlined into its caller' : '')]);
  const note = meaning(frame.name);
  if (note) facts.push(['meaning', note]);
  return facts;
}

function view(which) {
  turnTo(which);
  if (which === 'graph') graph.fit(); else table.show(functions(shown, graph.boxes), graph.boxes.whole, chosen.search);
}

function legend() {
  byId('legend').replaceChildren(...model.categories.map((category, at) => {
    const entry = element('li');
    const swatch = element('i');
    swatch.style.background = categoryColor(graph.colors, at);
    entry.append(swatch, category);
    return entry;
  }), element('li', 'thin and slanted: inlined'), element('li', 'hatched: no stack, or cut short'));
}

byId('threads').addEventListener('change', event => { chosen.groups = event.target.value; timeline.show(wanted()); select(); });
byId('fold').addEventListener('change', refold);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  graph.recolor();
  timeline.recolor();
  legend();
  graph.draw();
  timeline.draw();
});

header();
choices();
legend();
timeline.show(wanted());
refold();
