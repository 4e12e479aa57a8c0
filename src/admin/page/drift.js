/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Where Microsoft believes something else than what it was told: how each connection's comparison stands, the differences by cause. */
import {api, confirm, exactly, h, number, pill, said, t, term, termsOf, toast, when} from './lib.js';
import {cell, deviceLink, filterForm, row, select, showPages, table} from './list.js';
import {field} from './connection.js';
import {statePill} from './devices.js';

function compare(name) {
  confirm(t('drift.compareTitle', {name}), h('p', {}, t('drift.compareText')), t('drift.compare'), '', async () => {
    await api('/v1/drift', {connection: name});
    toast(t('drift.compareBegun'));
  });
}

function repair(name, count) {
  confirm(t('drift.repairTitle', {name}), h('div', {class: 'what'}, h('h3', {}, t('disconnect.happens')),
    h('ul', {}, h('li', {}, t('drift.repairTold', {count})), ['repairState', 'repairBreaker', 'repairWriter'].map((step) => h('li', {}, t(`drift.${step}`))))),
  t('drift.repairAction'), 'danger', async () => {
    await api('/v1/drift/repair', {connection: name});
    toast(t('drift.repairBegun'));
  });
}

/* ------------------------------------------------------------------------------------------------------------ checks */

function causes(check) {
  const found = Object.entries(check.by_cause).filter(([, count]) => count > 0);
  if (!check.finished) return '–';
  if (found.length === 0) return pill('good', t('drift.none'));
  return h('ul', {class: 'plain-list'}, found.map(([cause, count]) => h('li', {}, h('b', {}, number(count)), ' ', term('cause', cause))));
}

function checkCard({connection: name, drift: check}) {
  const busy = check.state !== 'idle' || check.asked;
  return h('section', {class: 'card', 'aria-label': name},
    h('div', {class: 'head'}, h('h2', {}, name), pill(busy ? 'info' : 'plain', check.asked ? t('drift.asked') : term('phase', check.state))),
    h('dl', {class: 'fields'},
      field(t('drift.finished'), check.finished ? exactly(check.finished) : t('drift.never')),
      field(t('drift.compared'), number(check.compared)),
      field(t('drift.byCause'), causes(check)),
      field(t('drift.next'), when(check.next_try || check.next)),
      check.problem_text ? field(t('drift.problem'), [pill('warn', check.problem_text), ' ', check.cure,
        check.detail ? h('p', {class: 'faint small'}, said(check.detail)) : null]) : null),
    h('div', {class: 'buttons'},
      check.differences > 0 ? h('button', {type: 'button', class: 'button danger', disabled: busy, 'data-key': `repair-${name}`,
        onclick: () => repair(name, check.differences)}, t('drift.repair')) : null,
      h('button', {type: 'button', class: 'button quiet', disabled: busy, 'data-key': `compare-${name}`, onclick: () => compare(name)},
        t('drift.compare'))));
}

/* ------------------------------------------------------------------------------------------------------- differences */

const columns = ['device', 'cause', 'told', 'microsoft', 'connection', 'since', 'cure'];

function believed(seen) {
  if (!seen) return t('drift.unknown');
  return statePill(seen.managed ? seen.compliant ? 'compliant' : 'non_compliant' : 'removed');
}

function differenceRow(entry) {
  const of = (column, ...content) => cell(t(`drift.${column}`), ...content);
  return row(deviceLink(entry),
    of('cause', h('span', {}, entry.cause_text, entry.queued ? [' ', pill('info', t('devices.queued'))] : null)),
    of('told', h('span', {}, statePill(entry.azure_state), ' ', h('span', {class: 'faint'}, when(entry.azure_report_time)))),
    of('microsoft', believed(entry.microsoft)),
    of('connection', entry.connection),
    of('since', when(entry.since)),
    of('cure', entry.cure));
}

export async function show(content, noticesBox) {
  const {connections} = await api('/v1/status?devices=no');
  showPages(content, noticesBox, {
    path: '/v1/drift',
    names: ['cause', 'connection'],
    head: ({checks}) => [h('p', {class: 'faint explain'}, t('drift.text')), h('div', {class: 'cards'}, checks.map(checkCard))],
    form: (load) => filterForm(t('drift.filters'), [
      select('cause', t('drift.cause'), termsOf('cause').map((cause) => [cause, term('cause', cause)])),
      connections.length > 1 ? select('connection', t('devices.connection'), connections.map(({name}) => [name, name])) : null], load),
    draw: ({drift}) => table(t('drift.title'), columns.map((column) => t(`drift.${column}`)), drift.map(differenceRow), t('drift.noneListed')),
    said: ({drift, next}) => t(next ? 'drift.countMore' : 'drift.count', {count: drift.length}),
  });
}
