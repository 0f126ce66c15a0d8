// Everything that was tested, as a table: what the graph shows, for sorting, reading out and copying; and polls, wakes and locks, which no graph has.

class RowTable {
  constructor(rows, found) {
    Object.assign(this, { all: rows, shown: rows, found });
    const order = ['regressed', 'improved', 'inconclusive', 'equivalent'];
    this.columns = [
      { title: 'Verdict', text: true, value: row => { const at = order.indexOf(row.verdict); return at < 0 ? 1.5 : at; }, cell: row => row.verdict },
      { title: 'New against base', value: row => row.ratio ?? (row.difference > 0 ? Infinity : -Infinity), cell: row => row.change },
      { title: '95 % interval', value: row => row.ratio ?? (row.difference > 0 ? Infinity : -Infinity), cell: row => row.interval },
      { title: 'Difference', value: row => Math.abs(row.difference), cell: row => `${row.difference > 0 ? '+' : ''}${cost(row.difference)}` },
      { title: 'Base → new', value: row => row.share, cell: row => row.costs },
      { title: 'Samples, base → new', value: row => row.samples, cell: row => row.counts },
      { title: 'Of', text: true, value: row => row.family, cell: row => row.family },
      { title: 'Name', text: true, value: row => row.name, cell: row => row.name, name: true },
    ];
    this.sorted = this.columns[0];
    this.descending = false;
    for (const column of this.columns) {
      const head = element('th', undefined, { scope: 'col' });
      if (column.text) head.className = 'text';
      column.head = head;
      head.append(element('button', column.title, { type: 'button' }));
      head.firstChild.addEventListener('click', () => {
        this.descending = this.sorted === column ? !this.descending : !column.text;
        this.sorted = column;
        this.draw();
      });
      byId('columns').append(head);
    }
  }

  show(pattern) {
    this.shown = pattern ? this.all.filter(row => pattern.test(row.name)) : this.all;
    this.draw();
  }

  draw() {
    const sign = this.descending ? -1 : 1;
    const { value } = this.sorted;
    const compare = (a, b) => typeof a === 'string' ? a.localeCompare(b) : a === b ? 0 : a - b;
    const rows = [...this.shown].sort((a, b) => sign * compare(value(a), value(b)) || Math.abs(b.difference) - Math.abs(a.difference));
    for (const column of this.columns) {
      const active = column === this.sorted;
      if (active) column.head.setAttribute('aria-sort', this.descending ? 'descending' : 'ascending'); else column.head.removeAttribute('aria-sort');
      column.head.firstChild.textContent = column.title + (active ? (this.descending ? ' ▾' : ' ▴') : '');
    }
    byId('rows').replaceChildren(...rows.map(row => this.row(row)));
    byId('none').hidden = rows.length > 0;
  }

  row(row) {
    const made = document.createElement('tr');
    for (const column of this.columns) {
      const cell = element('td', undefined, column.text ? { class: 'text' } : {});
      if (column.name && row.find) {
        const button = element('button', row.name, { type: 'button', title: `Find it in the graph${row.place ? `; defined in ${row.place}` : ''}` });
        button.addEventListener('click', () => this.found(row.name));
        cell.append(button);
      } else cell.textContent = column.cell(row);
      made.append(cell);
    }
    return made;
  }
}
