/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The plan: what the next pass would send, most urgent first. It only looks. */
import {h, pill, t, term} from './lib.js';
import {cell, deviceLink, row, showPages, table} from './list.js';
import {statePill} from './devices.js';

const columns = ['device', 'told', 'next', 'priority', 'connection', 'azureId', 'held'];

function planRow(entry) {
  const of = (column, ...content) => cell(t(`plan.${column}`), ...content);
  return row(deviceLink(entry),
    of('told', statePill(entry.previous_azure_state)),
    of('next', statePill(entry.azure_state)),
    of('priority', pill(entry.priority === 'worsening' ? 'bad' : 'plain', term('priority', entry.priority))),
    of('connection', entry.connection),
    of('azureId', h('code', {}, entry.azure_device_id)),
    of('held', entry.held ? pill('warn', term('held', entry.held)) : '–'));
}

export async function show(content, noticesBox) {
  showPages(content, noticesBox, {
    path: '/v1/plan',
    names: [],
    head: () => h('p', {class: 'faint explain'}, t('plan.text')),
    draw: ({plan}) => table(t('plan.title'), columns.map((column) => t(`plan.${column}`)), plan.map(planRow), t('plan.none')),
    said: ({plan, next}) => t(next ? 'plan.countMore' : 'plan.count', {count: plan.length}),
  });
}
