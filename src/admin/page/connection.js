/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* How a connection is shown, on the overview and on the account's page. */
import {h, notice, number, pill, t, term, when} from './lib.js';

const kinds = {ready: 'good', connecting: 'info', throttled: 'warn', broken: 'bad', off: 'plain', disconnecting: 'warn', disconnected: 'plain'};

export function connectionPill(connection) {
  return pill(kinds[connection.state] ?? 'plain', term('connection', connection.state));
}

/* What somebody has to do about it; nothing when all is well. */
export function connectionNotice(connection) {
  if (connection.state !== 'broken') return null;
  return notice('bad', t('connection.isBroken', {name: connection.name}), connection.trouble_text,
    h('p', {}, h('b', {}, `${t('device.cure')}: `), connection.cure),
    connection.detail ? h('p', {class: 'faint'}, connection.detail) : null,
    connection.next_try ? h('p', {class: 'faint'}, t('connection.nextTry'), ' ', when(connection.next_try)) : null);
}

export function field(label, value) {
  return h('div', {class: 'field'}, h('dt', {}, label), h('dd', {}, value));
}

function walk(connection, name) {
  const state = connection[name];
  if (!state.running) {
    if (name === 'resync') return null;
    return field(t('connection.weekly'), state.due ? [t('connection.due'), ' ', when(state.due)] : '–');
  }
  const done = Math.max(state.fed - state.waiting, 0);
  return field(t(`connection.${name}`), [
    h('progress', {max: Math.max(state.total, 1), value: done, 'aria-label': t(`connection.${name}`)}),
    h('span', {class: 'faint'}, t('connection.progress', {done, total: state.total})),
  ]);
}

function channel(connection, name) {
  const figures = connection.channels[name];
  return field(term('channel', name), [
    t('connection.figures', {accepted: figures.accepted, refused: figures.refused}),
    figures.quota_percent < 100 ? [' ', pill('warn', t('connection.quota', {percent: figures.quota_percent}))] : null,
    figures.retry_at ? h('span', {class: 'faint'}, ' ', t('connection.retryAt'), ' ', when(figures.retry_at)) : null,
  ]);
}

/* `more`: fields that go first. */
export function connectionFields(connection, more = []) {
  return h('dl', {class: 'fields'}, more,
    field(t('connection.tenant'), h('code', {}, connection.tenant_id)),
    field(t('connection.since'), when(connection.since)),
    field(t('connection.lastSuccess'), when(connection.last_success, t('connection.noSuccess'))),
    connection.queue ? field(t('overview.queue'), number(connection.queue.total)) : null,
    field(t('connection.inFlight'), number(connection.in_flight)),
    channel(connection, 'partner'),
    channel(connection, 'graph'),
    field(t('connection.token'), when(connection.graph_token_expires, t('connection.noToken'))),
    walk(connection, 'weekly'),
    walk(connection, 'resync'));
}

export function connectionCard(connection) {
  return h('section', {class: 'card'},
    h('div', {class: 'head'}, h('h3', {}, connection.name), connectionPill(connection)),
    connectionFields(connection));
}
