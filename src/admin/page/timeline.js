/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Entries of the activity log, as a timeline of one device and as the list of all. */
import {exactly, h, pill, said, t, term} from './lib.js';

const kinds = {accepted: 'good', success: 'good', obtained: 'good', works_again: 'good', ready: 'good', connected: 'good', done: 'good',
  repaired: 'good', started: 'info', connecting: 'info', reconnecting: 'info', compared: 'info', refused: 'bad', error: 'bad', broken: 'bad',
  trouble: 'bad', entries_lost: 'bad', deferred: 'warn', throttled: 'warn', parked: 'warn', expired: 'warn', disconnecting: 'warn',
  deprovisioning: 'warn', given_up: 'warn', other_writer: 'warn'};

function row(entry, withDevice) {
  const by = entry.operator ? t('activity.by', {actor: entry.operator}) : '';
  return h('li', {class: `entry ${kinds[entry.result] ?? 'plain'}`},
    h('div', {class: 'head'},
      h('span', {class: 'name'}, term('kind', entry.kind)),
      entry.azure_state ? h('span', {}, term('state', entry.azure_state)) : null,
      entry.result ? pill(kinds[entry.result] ?? 'plain', term('result', entry.result)) : null,
      withDevice && entry.device_id
        ? h('a', {href: `/devices/${encodeURIComponent(entry.device_id)}`, 'data-key': `entry-${entry.id}`}, entry.device_id) : null,
      withDevice && entry.connection ? h('span', {class: 'faint'}, entry.connection) : null,
      h('span', {class: 'faint right'}, exactly(entry.time))),
    by || entry.detail ? h('p', {}, by, by && entry.detail ? ' · ' : '', said(entry.detail)) : null,
    entry.request_id ? h('p', {class: 'faint small'}, `${t('activity.requestId')}: `, h('code', {}, entry.request_id)) : null);
}

export function timeline(entries, withDevice) {
  if (entries.length === 0) return h('p', {class: 'empty'}, t('activity.none'));
  return h('ol', {class: 'timeline'}, entries.map((entry) => row(entry, withDevice)));
}
