/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The list: search and filters in the address, pages by cursor, kept up to date while it is seen. */
import {api, explain, h, pill, t, term, toast, when} from './lib.js';
import {asked, cell, deviceLink, filterForm, row, searchField, select, showPages, table} from './list.js';
import {retireAll} from './override.js';

export const stateKinds = {compliant: 'good', non_compliant: 'bad', removed: 'plain'};
export const statusKinds = {success: 'good', in_progress: 'info', error: 'bad'};

export function statePill(word) {
  return word ? pill(stateKinds[word], term('state', word)) : '–';
}

export function statusPill(word) {
  return word ? pill(statusKinds[word], term('status', word)) : '–';
}

/* A long code may break behind its underscores. */
function breakable(code) {
  return code.split('_').flatMap((part, index) => (index ? ['_', h('wbr', {}), part] : [part]));
}

const columns = ['device', 'platform', 'state', 'status', 'clientCode', 'reported', 'reason'];

function deviceRow(device) {
  const of = (column, ...content) => cell(t(`devices.${column}`), ...content);
  return row(deviceLink(device),
    of('platform', term('platform', device.platform)),
    of('state', statePill(device.azure_state)),
    of('status', device.queued ? [statusPill(device.azure_compliance_status), ' ', pill('info', t('devices.queued'))]
      : statusPill(device.azure_compliance_status)),
    of('clientCode', device.azure_client_status ? breakable(device.azure_client_status) : '–'),
    of('reported', when(device.azure_report_time)),
    of('reason', device.reason || '–'));
}

const names = ['search', 'state', 'status', 'connection'];

/* Of what is filtered alone: nobody retires the whole fleet by a slip. */
function actions({devices}) {
  if (devices.length === 0 || !names.some((name) => asked([name]).has(name))) return null;
  return h('button', {type: 'button', class: 'button danger', 'data-key': 'retire-all',
    onclick: () => retireAll(asked(names)).catch((problem) => toast(explain(problem), 'bad'))}, t('devices.retireAll'));
}

export async function show(content, noticesBox) {
  const {connections} = await api('/v1/status?devices=no');
  const words = (group, list) => list.map((word) => [word, term(group, word)]);
  showPages(content, noticesBox, {
    path: '/v1/devices',
    names,
    form: (load) => filterForm(t('devices.filters'), [
      searchField('search', t('devices.search'), t('devices.searchHint')),
      select('state', t('devices.state'), words('state', ['compliant', 'non_compliant', 'removed'])),
      select('status', t('devices.status'), words('status', ['success', 'in_progress', 'error'])),
      connections.length > 1 ? select('connection', t('devices.connection'), connections.map(({name}) => [name, name])) : null], load),
    actions,
    draw: ({devices}) => table(t('devices.title'), columns.map((column) => t(`devices.${column}`)), devices.map(deviceRow), t('devices.none')),
    said: ({devices, next}) => t(next ? 'devices.countMore' : 'devices.count', {count: devices.length}),
  });
}
