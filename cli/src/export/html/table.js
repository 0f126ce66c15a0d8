// The functions as a table: the same numbers as the graph, for sorting, reading out and copying.

const ROWS_AT_ONCE = 300;

class FunctionTable {
  constructor(model, chosen) {
    Object.assign(this, { model, chosen });
    this.columns = [
      { key: 'self', title: 'Self', value: entry => entry.self },
      { key: 'selfShare', title: 'Self %', value: entry => entry.self },
      { key: 'total', title: 'Total', value: entry => entry.total },
      { key: 'totalShare', title: 'Total %', value: entry => entry.total },
      { key: 'samples', title: 'Samples', value: entry => entry.samples },
      { key: 'name', title: 'Function', value: entry => entry.name, text: true },
      { key: 'module', title: 'Module', value: entry => entry.frame.module, text: true },
    ];
    this.sorted = 'self';
    this.descending = true;
    this.limit = ROWS_AT_ONCE;
    for (const column of this.columns) {
      const head = element('th', undefined, { scope: 'col' });
      if (column.text) head.className = 'text';
      column.head = head;
      const button = head.appendChild(element('button', column.title, { type: 'button' }));
      button.addEventListener('click', () => {
        this.descending = this.sorted === column.key ? !this.descending : !column.text;
        this.sorted = column.key;
        this.draw();
      });
      byId('columns').append(head);
    }
    byId('more').addEventListener('click', () => { this.limit += ROWS_AT_ONCE; this.draw(); });
  }

  show(entries, whole, pattern) {
    this.entries = pattern ? entries.filter(entry => pattern.test(entry.name)) : entries;
    this.whole = whole;
    this.limit = ROWS_AT_ONCE;
    this.draw();
  }

  draw() {
    const column = this.columns.find(candidate => candidate.key === this.sorted);
    const sign = this.descending ? -1 : 1;
    const compare = (a, b) => column.text ? column.value(a).localeCompare(column.value(b)) : column.value(a) - column.value(b);
    const entries = [...this.entries].sort((a, b) => sign * compare(a, b) || b.total - a.total);
    for (const other of this.columns) {
      const active = other === column;
      if (active) other.head.setAttribute('aria-sort', this.descending ? 'descending' : 'ascending'); else other.head.removeAttribute('aria-sort');
      other.head.firstChild.textContent = other.title + (active ? (this.descending ? ' ▾' : ' ▴') : '');
    }
    const colors = palette();
    byId('rows').replaceChildren(...entries.slice(0, this.limit).map(entry => this.row(entry, colors)));
    const hidden = entries.length - this.limit;
    byId('more').hidden = hidden <= 0;
    byId('more').textContent = `Show more (${integer(Math.max(hidden, 0))} functions left)`;
  }

  row(entry, colors) {
    const row = document.createElement('tr');
    for (const text of [duration(entry.self), percent(entry.self, this.whole), duration(entry.total), percent(entry.total, this.whole), integer(entry.samples)]) {
      row.append(element('td', text));
    }
    const name = element('td', undefined, { class: 'text' });
    const swatch = element('i', undefined, { title: this.model.categories[entry.frame.category] });
    swatch.style.background = categoryColor(colors, entry.frame.category);
    const button = element('button', entry.name, { type: 'button', title: 'Find it in the graph' });
    button.addEventListener('click', () => this.chosen(entry));
    name.append(swatch, button);
    if (entry.inlined) name.append(element('small', entry.called ? ' (inlined at some calls)' : ' (inlined)'));
    row.append(name, element('td', entry.frame.module.split('/').pop(), { class: 'text', title: entry.frame.module }));
    return row;
  }
}
