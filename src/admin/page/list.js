/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Lists: what the address asks for, filters, tables that become cards on a phone, pages by cursor. */
import {explain, h, live, notice, replace, t} from './lib.js';

const LIMIT = 50;

/* What the page's address says of these names, as a query of the API. */
export function asked(names) {
  const query = new URLSearchParams(location.search);
  const wanted = new URLSearchParams({limit: LIMIT});
  for (const name of names) {
    if (query.get(name)) wanted.set(name, query.get(name));
  }
  return wanted;
}

/* ----------------------------------------------------------------------------------------------------------- filters */

/* `options` are pairs of value and text. */
export function select(name, label, options) {
  const chosen = asked([name]).get(name) ?? '';
  return h('label', {}, h('span', {}, label), h('select', {name}, h('option', {value: ''}, t('devices.all')),
    options.map(([value, text]) => h('option', {value, selected: value === chosen}, text))));
}

export function searchField(name, label, placeholder) {
  return h('label', {class: 'wide'}, h('span', {}, label),
    h('input', {type: 'search', name, value: asked([name]).get(name) ?? '', placeholder, autocomplete: 'off', spellcheck: 'false'}));
}

/* They go into the address, and load() is called; also when "back" brings other ones. What is being typed into "search" is looked for
 * before it is finished. */
export function filterForm(label, fields, load) {
  const form = h('form', {role: 'search', class: 'filters card', 'aria-label': label}, fields, h('button', {class: 'hidden'}, t('devices.search')));
  let pause;
  const apply = () => {
    clearTimeout(pause);
    const fresh = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value) fresh.set(name, value);
    }
    /* Enter in a field is a change and a submit: one step for "back". */
    if (`${fresh}` === `${new URLSearchParams(location.search)}`) return;
    history.pushState({}, '', `?${fresh}`);
    load();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    apply();
  });
  form.addEventListener('change', apply);
  form.addEventListener('input', (event) => {
    clearTimeout(pause);
    if (event.target.name === 'search') pause = setTimeout(apply, 350);
  });
  addEventListener('popstate', () => {
    for (const field of form.querySelectorAll('[name]')) field.value = asked([field.name]).get(field.name) ?? '';
  });
  return form;
}

/* ------------------------------------------------------------------------------------------------------------ tables */

/* Under the heading `label`. */
export function cell(label, ...content) {
  return h('td', {role: 'cell', 'data-label': label, class: content[0] === '–' && 'blank'}, content);
}

export function row(head, ...cells) {
  return h('tr', {role: 'row'}, h('th', {role: 'rowheader', scope: 'row'}, head), cells);
}

export function deviceLink({device_id: id, name}) {
  return [h('a', {href: `/devices/${encodeURIComponent(id)}`, 'data-key': id}, name || id), name ? h('span', {class: 'faint id'}, id) : null];
}

export function table(caption, labels, rows, empty) {
  if (rows.length === 0) return h('p', {class: 'empty'}, empty);
  return h('table', {role: 'table', class: 'list'},
    h('caption', {class: 'hidden'}, caption),
    h('thead', {role: 'rowgroup'}, h('tr', {role: 'row'}, labels.map((label) => h('th', {role: 'columnheader', scope: 'col'}, label)))),
    h('tbody', {role: 'rowgroup'}, rows));
}

/* ------------------------------------------------------------------------------------------------------------- pages */

function pager(answer, turn) {
  const after = asked(['after']).get('after');
  return h('nav', {class: 'pager', 'aria-label': t('devices.pages')},
    h('button', {type: 'button', class: 'button quiet', disabled: !after, 'data-key': 'first', onclick: () => turn(null)}, t('devices.first')),
    h('button', {type: 'button', class: 'button quiet', disabled: !after || !history.state?.turned, 'data-key': 'back',
      onclick: () => history.back()}, t('devices.back')),
    h('button', {type: 'button', class: 'button', disabled: !answer.next, 'data-key': 'next', onclick: () => turn(answer.next)},
      t('devices.next')));
}

/* The list at `path`, page by page, kept up to date while it is seen: draw(answer) is its table, said(answer) its length in words;
 * form(load) what it is filtered by, head(answer) what stands above it, actions(answer) what can be done with all of it. */
export function showPages(content, noticesBox, {path, names, form, head, actions, draw, said}) {
  const list = h('div', {class: 'card flush', 'aria-live': 'off'}), count = h('p', {class: 'faint', role: 'status'}), pages = h('div', {});
  const above = h('div', {}), tools = h('div', {class: 'buttons'});
  let stream;
  const turn = (after) => {
    const fresh = new URLSearchParams(location.search);
    fresh.delete('after');
    if (after) fresh.set('after', after);
    history.pushState({turned: Boolean(after)}, '', `?${fresh}`);
    load();
    scrollTo({top: 0});
  };
  const load = () => {
    stream?.close();
    list.setAttribute('aria-busy', 'true');
    stream = live(`${path}?${asked([...names, 'after'])}`, (answer) => {
      list.removeAttribute('aria-busy');
      replace(noticesBox);
      if (head) replace(above, head(answer));
      replace(tools, actions?.(answer));
      replace(list, draw(answer));
      replace(pages, pager(answer, turn));
      const text = said(answer);
      if (count.textContent !== text) count.textContent = text;
    }, (problem) => {
      list.removeAttribute('aria-busy');
      replace(noticesBox, notice('bad', t('error.data'), explain(problem)));
    });
  };
  replace(content, above, form?.(load), h('div', {class: 'summary'}, count, tools), list, pages);
  addEventListener('popstate', load);
  load();
}
