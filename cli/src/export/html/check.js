// Uses the page the way a person does, and writes down what it then says. Only the browser test adds this to a page.
(() => {
  const text = id => document.getElementById(id).textContent;
  const said = [];
  const say = (what, value) => said.push(`${what}: ${value}`);
  const press = (id, key, more = {}) => document.getElementById(id).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
  const type = value => {
    const search = document.getElementById('search');
    search.value = value;
    search.dispatchEvent(new Event('input'));
  };
  const choose = value => {
    const threads = document.getElementById('threads');
    threads.value = value;
    threads.dispatchEvent(new Event('change'));
  };
  window.addEventListener('error', event => say('error', event.message));
  // Changes to the kept time wait for a frame, and a browser without a window never draws one.
  window.requestAnimationFrame = drawn => setTimeout(drawn, 0);
  const frame = () => new Promise(done => setTimeout(done, 20));

  window.addEventListener('load', async () => {
    say('title', text('title'));
    for (const fact of document.querySelectorAll('#facts div')) say('fact', `${fact.children[0].textContent} = ${fact.children[1].textContent}`);
    for (const notice of document.querySelectorAll('#notices li')) say('notice', notice.textContent);
    for (const option of document.querySelectorAll('#threads option')) say('threads', option.textContent);
    say('selection', text('selection'));

    type('parse|utf8');
    say('search', text('matched'));
    type('((');
    say('search', text('matched'));
    type('SHOP');
    say('capitals are meant', text('matched'));
    type('');

    const refold = value => {
      const fold = document.getElementById('fold');
      fold.value = value;
      fold.dispatchEvent(new Event('change'));
    };
    for (const value of ['scaffolding', 'libraries', 'foreign', '']) {
      refold(value);
      type('poll');
      say(`folded ${value || 'nothing'}`, `${text('selection')}; poll ${text('matched')}`);
    }
    type('');

    const boxes = document.getElementById('boxes');
    boxes.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter', 'ArrowUp', 'Escape', 'Escape', 'Escape', 'Escape', 'Escape']) {
      press('boxes', key);
      say(key, text('spoken'));
    }
    say('zoomed out', document.getElementById('reset').disabled);

    press('strip', 'ArrowRight');
    await frame();
    say('first second', text('selection'));
    press('strip', 'ArrowRight', { shiftKey: true });
    await frame();
    say('two seconds', text('selection'));
    press('strip', 'Escape');
    await frame();
    say('all of it', text('selection'));

    choose('g1');
    say('one group', text('selection'));
    choose('t2');
    say('one thread', text('selection'));
    choose('all');
    refold('libraries');
    document.getElementById('show-table').click();
    for (const row of document.querySelectorAll('#rows tr')) say('row', [...row.cells].map(cell => cell.textContent).join(' | '));
    document.querySelectorAll('#columns button')[5].click();
    say('sorted by name', document.querySelector('#rows button').textContent);

    say('pictures', document.images.length);
    say('scripts', document.scripts.length);
    const result = document.createElement('pre');
    result.id = 'said';
    result.textContent = said.join('\n');
    document.body.append(result);
  });
})();
