// What the pages of a profile and of a comparison have in common: the tip beside the pointer, the search field, the two views, and the keys. A page has
// `graph`, and says what there is to say of a box (`describe`), what a search finds (`search`), and what a view needs (`view`).

function showTip(box, x, y) {
  const tip = byId('tip');
  const rows = document.createElement('table');
  const [[, name], ...facts] = describe(box);
  for (const [key, value] of facts) {
    const row = rows.insertRow();
    row.append(element('th', key, { scope: 'row' }), element('td', value));
  }
  tip.replaceChildren(element('b', name), rows);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 12) : y + 18}px`;
}

// The pattern in the search field; null for none, or for one that is none, which is said.
function searched() {
  const text = byId('search').value;
  byId('search').removeAttribute('aria-invalid');
  byId('matched').textContent = '';
  if (!text) return null;
  try {
    // Small letters find both.
    return new RegExp(text, /[A-Z]/.test(text.replace(/\\./g, '')) ? '' : 'i');
  } catch (error) {
    byId('search').setAttribute('aria-invalid', 'true');
    byId('matched').textContent = `not a regular expression: ${error.message.split(': ').pop()}`;
    return null;
  }
}

// Searches for one name, as a whole.
function searchFor(name) {
  byId('search').value = '^' + name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') + '$';
  search();
}

// Shows the graph or the table.
function turnTo(which) {
  byId('graph').hidden = which !== 'graph';
  byId('functions').hidden = which !== 'table';
  byId('show-graph').setAttribute('aria-pressed', which === 'graph');
  byId('show-table').setAttribute('aria-pressed', which === 'table');
}

function invert() {
  const pressed = byId('invert').getAttribute('aria-pressed') !== 'true';
  byId('invert').setAttribute('aria-pressed', pressed);
  graph.invert(pressed);
}

byId('search').addEventListener('input', search);
byId('search').addEventListener('keydown', event => { if (event.key === 'Escape') { event.target.value = ''; search(); byId('boxes').focus(); } });
byId('show-graph').addEventListener('click', () => view('graph'));
byId('show-table').addEventListener('click', () => view('table'));
byId('invert').addEventListener('click', invert);
byId('reset').addEventListener('click', () => graph.zoom(0));
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
  if (event.key === '/') { byId('search').focus(); event.preventDefault(); }
  else if (event.key === 'i') invert();
  else if (event.key === 't') view(byId('functions').hidden ? 'table' : 'graph');
});
