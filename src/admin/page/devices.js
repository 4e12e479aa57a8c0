/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The list: search and filters in the address, pages by cursor, kept up to date while it is seen. */
import {api, h, live, notice, pill, replace, t, term, when} from './lib.js';

const LIMIT = 50;
const names = ['search', 'state', 'status', 'connection'];

export const stateKinds = {compliant: 'good', non_compliant: 'bad', removed: 'plain'};
export const statusKinds = {success: 'good', in_progress: 'info', error: 'bad'};

export function statePill(word) {
  return word ? pill(stateKinds[word], term('state', word)) : '–';
}

export function statusPill(word) {
  return word ? pill(statusKinds[word], term('status', word)) : '–';
}

function query() {
  const asked = new URLSearchParams(location.search);
  const wanted = new URLSearchParams({limit: LIMIT});
  for (const name of [...names, 'after']) {
    if (asked.get(name)) wanted.set(name, asked.get(name));
  }
  return wanted;
}

function select(name, label, words, group) {
  const chosen = query().get(name) ?? '';
  return h('label', {}, h('span', {}, label),
    h('select', {name}, h('option', {value: ''}, t('devices.all')),
      words.map((word) => h('option', {value: word, selected: word === chosen}, group ? term(group, word) : word))));
}

function filters(connections, change) {
  let pause;
  const form = h('form', {role: 'search', class: 'filters card', 'aria-label': t('devices.filters')},
    h('label', {class: 'wide'}, h('span', {}, t('devices.search')),
      h('input', {type: 'search', name: 'search', value: query().get('search') ?? '', placeholder: t('devices.searchHint'), autocomplete: 'off',
        spellcheck: 'false'})),
    select('state', t('devices.state'), ['compliant', 'non_compliant', 'removed'], 'state'),
    select('status', t('devices.status'), ['success', 'in_progress', 'error'], 'status'),
    connections.length > 1 ? select('connection', t('devices.connection'), connections) : null,
    h('button', {class: 'hidden'}, t('devices.search')));
  const apply = () => {
    clearTimeout(pause);
    const fresh = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value) fresh.set(name, value);
    }
    change(fresh);
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    apply();
  });
  form.addEventListener('change', apply);
  form.addEventListener('input', (event) => {
    clearTimeout(pause);
    if (event.target.type === 'search') pause = setTimeout(apply, 350);
  });
  return form;
}

/* A long code may break behind its underscores. */
function breakable(code) {
  return code.split('_').flatMap((part, index) => (index ? ['_', h('wbr', {}), part] : [part]));
}

const columns = ['device', 'platform', 'state', 'status', 'clientCode', 'reported', 'reason'];

function row(device) {
  const cell = (column, ...content) =>
    h('td', {role: 'cell', 'data-label': t(`devices.${column}`), class: content[0] === '–' && 'blank'}, content);
  return h('tr', {role: 'row'},
    h('th', {role: 'rowheader', scope: 'row'},
      h('a', {href: `/devices/${encodeURIComponent(device.device_id)}`, 'data-key': device.device_id}, device.name || device.device_id),
      device.name ? h('span', {class: 'faint id'}, device.device_id) : null),
    cell('platform', term('platform', device.platform)),
    cell('state', statePill(device.azure_state)),
    cell('status', device.queued ? [statusPill(device.azure_compliance_status), ' ', pill('info', t('devices.queued'))]
      : statusPill(device.azure_compliance_status)),
    cell('clientCode', device.azure_client_status ? breakable(device.azure_client_status) : '–'),
    cell('reported', when(device.azure_report_time)),
    cell('reason', device.reason || '–'));
}

function table(devices) {
  if (devices.length === 0) return h('p', {class: 'empty'}, t('devices.none'));
  return h('table', {role: 'table', class: 'list'},
    h('caption', {class: 'hidden'}, t('devices.title')),
    h('thead', {role: 'rowgroup'}, h('tr', {role: 'row'},
      columns.map((column) => h('th', {role: 'columnheader', scope: 'col'}, t(`devices.${column}`))))),
    h('tbody', {role: 'rowgroup'}, devices.map(row)));
}

function pager(answer, turn) {
  const after = query().get('after');
  return h('nav', {class: 'pager', 'aria-label': t('devices.pages')},
    h('button', {type: 'button', class: 'button quiet', disabled: !after, 'data-key': 'first', onclick: () => turn(null)}, t('devices.first')),
    h('button', {type: 'button', class: 'button quiet', disabled: !after || !history.state?.turned, 'data-key': 'back',
      onclick: () => history.back()}, t('devices.back')),
    h('button', {type: 'button', class: 'button', disabled: !answer.next, 'data-key': 'next', onclick: () => turn(answer.next)},
      t('devices.next')));
}

export async function show(content, noticesBox) {
  const list = h('div', {class: 'card flush', 'aria-live': 'off'}), count = h('p', {class: 'faint', role: 'status'}), pages = h('div', {});
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
    stream = live(`/v1/devices?${query()}`, (answer) => {
      list.removeAttribute('aria-busy');
      replace(noticesBox);
      replace(list, table(answer.devices));
      replace(pages, pager(answer, turn));
      const text = t(answer.next ? 'devices.countMore' : 'devices.count', {count: answer.devices.length});
      if (count.textContent !== text) count.textContent = text;
    }, (problem) => {
      list.removeAttribute('aria-busy');
      replace(noticesBox, notice('bad', t('error.data'), problem.message));
    });
  };
  const {connections} = await api('/v1/status?devices=no');
  replace(content,
    filters(connections.map((connection) => connection.name), (fresh) => {
      history.pushState({}, '', `?${fresh}`);
      load();
    }), count, list, pages);
  addEventListener('popstate', () => {
    for (const field of content.querySelectorAll('form [name]')) field.value = query().get(field.name) ?? '';
    load();
  });
  load();
}
