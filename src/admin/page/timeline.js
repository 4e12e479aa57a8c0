/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Entries of the activity log, as a timeline of one device and as the list of all. */
import {exactly, h, pill, t, term} from './lib.js';

const kinds = {accepted: 'good', success: 'good', obtained: 'good', completed: 'good', ok: 'good', done: 'good', ready: 'good', started: 'info',
  refused: 'bad', error: 'bad', failed: 'bad', broken: 'bad', transient: 'warn', throttled: 'warn', parked: 'warn', opened: 'bad'};

function details(entry) {
  const list = [];
  if (entry.azure_state) list.push(term('state', entry.azure_state));
  if (entry.actor) list.push(t('activity.by', {actor: entry.actor}));
  if (entry.detail) list.push(entry.detail);
  return list.join(' · ');
}

export function entryRow(entry, withDevice) {
  return h('li', {class: 'entry'},
    h('div', {class: 'head'},
      h('span', {class: 'name'}, term('kind', entry.kind)),
      entry.result ? pill(kinds[entry.result] ?? 'plain', term('result', entry.result)) : null,
      withDevice && entry.device_id
        ? h('a', {href: `/devices/${encodeURIComponent(entry.device_id)}`, 'data-key': `entry-${entry.id}`}, entry.device_id) : null,
      entry.connection && withDevice ? h('span', {class: 'faint'}, entry.connection) : null,
      h('span', {class: 'faint right'}, exactly(entry.time))),
    details(entry) ? h('p', {}, details(entry)) : null,
    entry.request_id ? h('p', {class: 'faint small'}, `${t('activity.requestId')}: `, h('code', {}, entry.request_id)) : null);
}

export function timeline(entries, withDevice) {
  if (entries.length === 0) return h('p', {class: 'empty'}, t('activity.none'));
  return h('ol', {class: 'timeline'}, entries.map((entry) => entryRow(entry, withDevice)));
}
