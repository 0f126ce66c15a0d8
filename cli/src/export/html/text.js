// Numbers and names for a person. Names reach the page through textContent and canvas text only: they come from a stranger's binary.

const byId = id => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function duration(ns) {
  const size = Math.abs(ns);
  const [value, unit] = size < 1e3 ? [ns, 'ns'] : size < 1e6 ? [ns / 1e3, 'µs'] : size < 1e9 ? [ns / 1e6, 'ms'] : [ns / 1e9, 's'];
  const digits = unit === 'ns' || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

function percent(part, whole) {
  if (!(whole > 0)) return '0 %';
  const share = 100 * part / whole;
  return `${share.toFixed(share >= 10 ? 1 : 2)} %`;
}

const integer = n => Math.round(n).toLocaleString('en-US');

// The name as it fits into so many characters: without its first path segments, and cut off where its last one is still too long.
function shorten(name, room) {
  if (name.length <= room) return name;
  if (room < 3) return '';
  let nesting = 0;
  let last = 0;
  for (let at = 0; at < name.length - 2; at++) {
    const c = name[at];
    if (c === '<' || c === '(' || c === '[' || c === '{') nesting++;
    else if ((c === '>' && name[at - 1] !== '-') || c === ')' || c === ']' || c === '}') nesting--;
    else if (nesting === 0 && c === ':' && name[at + 1] === ':') {
      last = at + 2;
      if (name.length - last <= room) break;
    }
  }
  const kept = name.slice(last);
  return kept.length <= room ? kept : kept.slice(0, room - 1) + '…';
}

// Small and the same in every run: tells crates of one colour apart.
function hash(text) {
  let h = 2166136261;
  for (let at = 0; at < text.length; at++) h = Math.imul(h ^ text.charCodeAt(at), 16777619);
  return h >>> 0;
}
