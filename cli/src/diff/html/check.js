// Uses the page the way a person does, and writes down what it then says. Only the browser test adds this to a page.
(() => {
  const text = id => document.getElementById(id).textContent;
  const said = [];
  const say = (what, value) => said.push(`${what}: ${value}`);
  const press = (key, more = {}) => document.getElementById('boxes').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
  const type = value => {
    const search = document.getElementById('search');
    search.value = value;
    search.dispatchEvent(new Event('input'));
  };
  // The colour in the middle of a box's beginning, in one of the panes.
  const color = (x, y) => {
    const canvas = document.getElementById('boxes');
    const ratio = window.devicePixelRatio || 1;
    return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data].slice(0, 3).join(',');
  };
  window.addEventListener('error', event => say('error', event.message));

  window.addEventListener('load', () => {
    say('title', text('title'));
    for (const sentence of document.querySelectorAll('#more p, #small p')) say('said', sentence.textContent);
    for (const notice of document.querySelectorAll('#notices li')) say('notice', notice.textContent);
    for (const cause of document.querySelectorAll('#causes li')) say('cause', [...cause.childNodes].map(node => node.textContent).join(' | '));
    for (const entry of document.querySelectorAll('#legend li')) say('legend', entry.textContent);

    document.getElementById('boxes').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter', 'ArrowUp', 'Escape', 'Escape', 'Escape', 'Escape', 'Escape']) {
      press(key);
      say(key, text('spoken'));
    }
    say('zoomed out', document.getElementById('reset').disabled);

    type('parse|render');
    say('search', text('matched'));
    type('((');
    say('search', text('matched'));
    type('');

    // A click on a cause goes to its place in the graph; what is new is an empty slot on the left and a box on the right.
    document.querySelectorAll('#causes button')[1].click();
    say('found', text('spoken'));
    type('');
    const pane = (document.getElementById('scroller').clientWidth - 16) / 2;
    const row = 4 * 18 + 4;
    const canvas = document.getElementById('boxes').getBoundingClientRect();
    let x = 2;
    const tip = document.getElementById('tip');
    const point = at => document.getElementById('boxes').dispatchEvent(new PointerEvent('pointermove', { clientX: canvas.left + at, clientY: canvas.top + row }));
    for (const pane_left of [0, pane + 16]) {
      for (let at = 1; at < pane; at += 3) {
        point(pane_left + at);
        if (tip.textContent.includes('check_utf8')) { x = at + 2; break; }
      }
      say('pointed at', tip.textContent);
    }
    document.getElementById('boxes').dispatchEvent(new PointerEvent('pointerleave'));
    document.getElementById('boxes').blur();
    const page = color(pane + 8, row);
    say('new is empty left', color(x, row) === page);
    say('new is drawn right', color(pane + 16 + x, row) !== page);

    document.getElementById('show-table').click();
    for (const entry of document.querySelectorAll('#rows tr')) say('row', [...entry.cells].map(cell => cell.textContent).join(' | '));
    document.querySelectorAll('#columns button')[7].click();
    say('sorted by name', document.querySelector('#rows tr').cells[7].textContent);
    type('html');
    say('filtered', document.querySelectorAll('#rows tr').length);

    say('pictures', document.images.length);
    say('scripts', document.scripts.length);
    const result = document.createElement('pre');
    result.id = 'said';
    result.textContent = said.join('\n');
    document.body.append(result);
  });
})();
