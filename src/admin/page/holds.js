/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Holds: what stays as Microsoft was told, until when, why and by whom. */
import {api, exactly, explain, h, live, notice, pill, replace, t, term, toast, when} from './lib.js';
import {cell, row, table} from './list.js';
import {endHold, holdPolicy} from './override.js';

function holdRow(hold) {
  const device = hold.scope === 'device';
  return row([pill('info', term('hold', hold.scope)), ' ',
    device ? h('a', {href: `/devices/${encodeURIComponent(hold.id)}`, 'data-key': `device-${hold.id}`}, hold.id) : hold.id],
  cell(t('holds.until'), h('span', {}, exactly(hold.until), h('span', {class: 'faint id'}, when(hold.until)))),
  cell(t('holds.reason'), hold.reason),
  cell(t('holds.by'), hold.actor),
  cell(t('holds.since'), when(hold.since)),
  cell(t('holds.end'), h('button', {type: 'button', class: 'button danger', 'data-key': `end-${hold.scope}-${hold.id}`,
    'aria-label': t('unhold.label', {what: `${term('hold', hold.scope)} ${hold.id}`}), onclick: () => endHold(hold)}, t('unhold.action'))));
}

/* All that there are: some hundreds at most, and the choice needs them all. */
async function everyPolicy(after = '') {
  const {policies, next} = await api(`/v1/policies?limit=1000&after=${encodeURIComponent(after)}`);
  return next ? [...policies, ...await everyPolicy(next)] : policies;
}

async function begin() {
  const policies = await everyPolicy().catch((problem) => toast(explain(problem), 'bad'));
  if (policies?.length === 0) toast(t('holds.noPolicy'), 'bad');
  else if (policies) holdPolicy(policies);
}

export async function show(content, noticesBox) {
  const list = h('div', {class: 'card flush'});
  replace(content,
    h('div', {class: 'summary'}, h('p', {class: 'faint explain'}, t('holds.text')),
      h('button', {type: 'button', class: 'button', onclick: begin}, t('holds.begin'))), list);
  live('/v1/holds', ({holds}) => {
    replace(noticesBox);
    replace(list, table(t('holds.title'), ['what', 'until', 'reason', 'by', 'since', 'end'].map((column) => t(`holds.${column}`)),
      holds.map(holdRow), t('holds.none')));
  }, (problem) => replace(noticesBox, notice('bad', t('error.data'), explain(problem))));
}
