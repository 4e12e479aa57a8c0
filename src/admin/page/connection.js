/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* How a connection is shown, on the overview and on the account's page. */
import {api, confirm, exactly, h, notice, number, pill, said, t, term, toast, when} from './lib.js';

const kinds = {ready: 'good', connecting: 'info', throttled: 'warn', broken: 'bad', off: 'plain', disconnecting: 'warn', disconnected: 'plain'};

export function connectionPill(connection) {
  return pill(kinds[connection.state] ?? 'plain', term('connection', connection.state));
}

/* What somebody has to do about it; nothing when all is well. */
function connectionNotice(connection) {
  if (connection.state !== 'broken') return null;
  return notice('bad', t('connection.isBroken', {name: connection.name}), connection.trouble_text,
    h('p', {}, h('b', {}, `${t('device.cure')}: `), connection.cure),
    connection.detail ? h('p', {class: 'faint'}, said(connection.detail)) : null,
    connection.next_try ? h('p', {class: 'faint'}, t('connection.nextTry'), ' ', when(connection.next_try)) : null);
}

function settle(name, verb, kind) {
  confirm(t(`breaker.${verb}Title`, {name}), h('p', {}, t(`breaker.${verb}Text`)), t(`breaker.${verb}`), kind, async () => {
    await api(`/v1/breaker/${verb}`, {connection: name});
    toast(t(`breaker.${verb}Done`));
  });
}

/* Too many devices would lose access at once: somebody has to say whether that is meant. */
function breakerNotice({name, breaker}) {
  if (breaker?.state !== 'open') return null;
  const {policy_id: id, policy_name: policy, devices, removals} = breaker.cause;
  return notice('bad', t('breaker.open', {name, count: breaker.held}),
    t('breaker.why', {devices: breaker.devices, window: breaker.window, limit: breaker.limit}),
    id ? t('breaker.policy', {policy: policy || id, devices}) : null,
    removals ? t('breaker.removals', {count: removals}) : null,
    h('div', {class: 'buttons start'},
      h('button', {type: 'button', class: 'button danger', 'data-key': `release-${name}`, onclick: () => settle(name, 'release', 'danger')},
        t('breaker.release')),
      h('button', {type: 'button', class: 'button quiet', 'data-key': `discard-${name}`, onclick: () => settle(name, 'discard', '')},
        t('breaker.discard'))));
}

/* Days in which a credential can be exchanged before anything stops. */
const NOTICE_DAYS = 30;

function isNear(time) {
  return time && Date.parse(time) - Date.now() < NOTICE_DAYS * 86400000;
}

function credentialNotice(connection) {
  if (!isNear(connection.credential_expires)) return null;
  return notice('warn', t('connection.credentialNear', {name: connection.name}),
    h('p', {}, t('connection.credentialExpires'), ' ', when(connection.credential_expires), '. ', t('connection.credentialCure')));
}

export function connectionNotices(connection) {
  return [connectionNotice(connection), breakerNotice(connection), credentialNotice(connection)];
}

function drift({name, drift: check}) {
  if (!check?.finished && !check?.problem_text) return null;
  return field(t('connection.drift'), check.problem_text ? [pill('warn', check.problem_text), ' ', check.cure]
    : [h('a', {href: `/drift?connection=${encodeURIComponent(name)}`, 'data-key': `drift-${name}`}, t('connection.differences', {count: check.differences})), ' ', h('span', {class: 'faint'}, when(check.finished))]);
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
    connection.credential_expires ? field(t('connection.credentialExpires'), exactly(connection.credential_expires)) : null,
    field(t('connection.token'), when(connection.graph_token_expires, t('connection.noToken'))),
    walk(connection, 'weekly'),
    walk(connection, 'resync'),
    drift(connection));
}

export function connectionCard(connection) {
  return h('section', {class: 'card'},
    h('div', {class: 'head'}, h('h3', {}, connection.name), connectionPill(connection)),
    connectionFields(connection));
}
