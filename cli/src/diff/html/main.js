// Puts the parts together: the verdict and its causes, the graph, the table.

const raw = JSON.parse(byId('data').textContent);
const model = { marks: raw.marks };

// Costs per unit of work may be parts of a nanosecond.
function cost(ns) {
  if (!ns) return '0';
  const size = Math.abs(ns);
  const [scale, unit] = size < 999.5 ? [1, 'ns'] : size < 999.5e3 ? [1e3, 'µs'] : size < 999.5e6 ? [1e6, 'ms'] : [1e9, 's'];
  const value = size / scale;
  return `${(ns / scale).toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
}

const boxes = {
  ...raw.slots,
  label: raw.slots.name.map(name => raw.names[name]),
  node: raw.slots.name.map(() => -1),
  total: raw.slots.width,
  whole: raw.slots.width[0] || 0,
};
if (boxes.parent.length) boxes.parent[0] = -1;

const graph = new DiffGraph(model, byId('boxes'), byId('scroller'), byId('height'), {
  point: showTip,
  leave: () => { byId('tip').hidden = true; },
  zoomed: box => { byId('reset').disabled = box === 0; },
  speak: box => { byId('spoken').textContent = describe(box).map(([key, value]) => key ? `${key}: ${value}` : value).join('. '); },
});
const table = new RowTable(raw.rows, find);

// Both sides' cost of a box, and which way it went there. Here only the figures are told: whether they mean anything is told of the function.
function describe(box) {
  const [base, now] = [boxes.base[box], boxes.new[box]];
  const facts = [['', boxes.label[box]]];
  facts.push(['here', `${cost(base)} → ${cost(now)} ${raw.per}`]);
  facts.push(['samples', `${integer(boxes.base_samples[box])} → ${integer(boxes.new_samples[box])}`]);
  if (base === 0 && now > 0) facts.push(['', 'not in the base']);
  if (now === 0 && base > 0) facts.push(['', 'not in the new build']);
  const row = raw.rows[boxes.row[box]];
  if (row) {
    facts.push(['the function', `${row.verdict}: ${row.change} (${row.interval}) wherever it is called`]);
    if (row.place) facts.push(['defined in', row.place]);
  } else facts.push(['the function', box === 0 ? 'all of it' : raw.marks[boxes.mark[box]]]);
  return facts;
}

function header() {
  const kind = raw.fails ? 'bad' : raw.word === 'IMPROVED' || raw.word === 'EQUIVALENT' ? 'good' : 'unsure';
  byId('title').append(element('span', raw.word, { class: kind }), `: ${raw.sentence}`);
  byId('more').append(...raw.more.map(sentence => element('p', sentence)));
  byId('small').append(...raw.small.map(sentence => element('p', sentence)));
  byId('notices').append(...raw.notices.map(notice => element('li', notice)));
  byId('causes').append(...raw.causes.map(cause => {
    const entry = element('li', undefined, { class: cause.word });
    const name = cause.find === null ? element('strong', cause.name) : element('button', cause.name, { type: 'button', title: 'Find it in the graph' });
    if (cause.find !== null) name.addEventListener('click', () => find(cause.find));
    entry.append(element('b', cause.word), ' ', name, ` ${cause.change}`, ...cause.lines.map(line => element('small', line)));
    return entry;
  }));
}

function find(name) {
  searchFor(name);
  view('graph');
  // Down to the widest of them, so that it can be seen.
  let widest = -1;
  graph.matched?.forEach((matched, box) => { if (matched && (widest < 0 || boxes.total[box] > boxes.total[widest])) widest = box; });
  byId('boxes').focus();
  if (widest < 0) return;
  graph.zoom(Math.max(boxes.parent[widest], 0));
  graph.focused = widest;
  graph.reveal(widest);
  graph.announce();
}

function search() {
  const pattern = searched();
  graph.matched = pattern && boxes.label.map((label, box) => box > 0 && pattern.test(label));
  if (pattern) {
    let [base, now] = [0, 0];
    for (let box = 0; box < boxes.label.length;) {
      if (graph.matched[box]) { base += boxes.base[box]; now += boxes.new[box]; box = boxes.end[box]; } else box++;
    }
    byId('matched').textContent = `matched ${cost(base)} → ${cost(now)} ${raw.per}`;
  }
  graph.draw();
  table.show(pattern);
}

function view(which) {
  turnTo(which);
  if (which === 'graph' && graph.boxes) graph.fit();
}

function legend() {
  const entry = (label, swatch) => { const made = element('li'); made.append(swatch, label); return made; };
  byId('legend').replaceChildren(...raw.marks.map((label, at) => {
    const swatch = element('i');
    swatch.style.backgroundColor = graph.fills[at];
    if (label === 'inconclusive') swatch.style.backgroundImage = `repeating-linear-gradient(135deg, transparent 0 3px, ${graph.colors.faint} 3px 4px)`;
    return entry(label, swatch);
  }), entry('less than on the other side', element('i', undefined, { class: 'ghost' })));
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { graph.recolor(); legend(); graph.draw(); });

header();
legend();
table.show(null);
if (boxes.whole > 0) graph.show(boxes);
else view('table');
