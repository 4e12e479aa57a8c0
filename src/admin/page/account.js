/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The account of each connection: how it stands and what was done, connecting, telling everything again, disconnecting. */
import {api, background, confirm, exactly, explain, h, live, notice, pill, replace, t, term, toast} from './lib.js';
import {connectionFields, connectionNotices, connectionPill, field} from './connection.js';

const accountKinds = {connected: 'good', connecting: 'info', reconnecting: 'info', disconnecting: 'warn', deprovisioning: 'warn'};
const stepKinds = {done: 'good', running: 'info', failed: 'bad'};

function path(name, verb = '') {
  return `/v1/connections/${encodeURIComponent(name)}${verb}`;
}

function resync(name) {
  confirm(t('account.resyncTitle', {name}), h('p', {}, t('account.resyncText')), t('account.resync'), '', async () => {
    await api('/v1/resync', {connection: name});
    toast(t('account.resyncQueued'));
  });
}

function connect(name) {
  confirm(t('account.connectTitle', {name}), h('p', {}, t('account.connectText')), t('account.connect'), '', async () => {
    await api(path(name, '/connect'), {});
    toast(t('account.connectBegun'));
  });
}

function happens(onlyHere, force) {
  return (onlyHere ? ['onlyStops', 'onlyKeeps'] : ['devices', force ? 'forceWait' : 'wait', 'deprovision', 'silence'])
    .map((step) => h('li', {}, t(`disconnect.${step}`)));
}

/* The devices that Microsoft still holds and that nothing will change by itself. */
function leftBehind(left) {
  if (!left?.length) return null;
  return [h('h3', {}, t('account.left', {count: left.length})), h('ul', {class: 'plain-list'}, left.map((device) => h('li', {},
    h('a', {href: `/devices/${encodeURIComponent(device.device_id)}`, 'data-key': `left-${device.device_id}`}, device.device_id), ' ',
    device.reason, ' ', device.cure)))];
}

/* Names what will happen and what stands in the way, and wants the connection's name typed: it may take every device's access. */
async function disconnect(name) {
  const {obstacles, devices} = await api(path(name));
  const typed = h('input', {type: 'text', autocomplete: 'off', spellcheck: 'false'});
  const off = h('input', {type: 'checkbox'});
  const only = h('input', {type: 'checkbox'});
  const force = h('input', {type: 'checkbox'});
  const list = h('ul', {}), ways = h('div', {class: 'way'}, obstacles.map((obstacle) => h('p', {}, obstacle.text)));
  const left = h('div', {class: 'way'}, leftBehind(devices.left_behind));
  const {go} = confirm(t('disconnect.title', {name}), [
    h('div', {class: 'what'}, h('h3', {}, t('disconnect.happens')), list),
    ways,
    h('label', {class: 'check'}, off, h('span', {}, t('disconnect.off'))),
    h('label', {class: 'check'}, only, h('span', {}, t('disconnect.only'))),
    h('label', {class: 'check'}, force, h('span', {}, t('disconnect.force'))),
    left,
    h('label', {}, h('span', {}, t('disconnect.type', {name})), typed),
  ], t('disconnect.action'), 'danger', async () => {
    await api(path(name, '/disconnect'),
      {confirm: typed.value, this_server_only: only.checked, force: force.checked && !only.checked});
    toast(t('disconnect.begun', {name}));
  });
  const judge = () => {
    off.parentElement.hidden = only.checked;
    force.parentElement.hidden = only.checked;
    ways.hidden = only.checked || obstacles.length === 0;
    left.hidden = only.checked || devices.left_behind.length === 0;
    replace(list, happens(only.checked, force.checked));
    go.disabled = typed.value !== name || !(off.checked || only.checked);
  };
  for (const input of [typed, off, only, force]) input.addEventListener('input', judge);
  judge();
}

function steps(account) {
  if (account.steps.length === 0) return null;
  return h('section', {}, h('h3', {}, t('account.steps')), h('ol', {class: 'steps'}, account.steps.map((step) => h('li', {class: `step-${step.state}`},
    h('div', {class: 'head'}, h('span', {}, step.text), pill(stepKinds[step.state] ?? 'plain', term('step', step.state)),
      step.at ? h('span', {class: 'faint small right'}, exactly(step.at)) : null),
    step.problem_text ? h('p', {}, step.problem_text) : null,
    step.cure ? h('p', {}, h('b', {}, `${t('device.cure')}: `), step.cure) : null,
    step.detail ? h('p', {class: 'faint small'}, step.detail) : null))));
}

function progress(account) {
  if (!account.progress) return null;
  const {total, removed, awaiting_verdict: awaiting, refused} = account.progress;
  return h('div', {}, h('progress', {max: Math.max(total, 1), value: removed, 'aria-label': t('account.removing')}),
    h('p', {class: 'faint'}, t('account.removed', {removed, total, awaiting, refused})), leftBehind(account.devices?.left_behind));
}

function button(name, verb, kind, act) {
  const run = () => Promise.resolve(act(name)).catch((problem) => toast(explain(problem), 'bad'));
  return h('button', {type: 'button', class: `button ${kind}`, 'data-key': `${verb}-${name}`, onclick: run}, t(`account.${verb}`));
}

function buttons({name}, account) {
  const state = account?.account ?? 'new';
  return h('div', {class: 'buttons'},
    ['disconnecting', 'deprovisioning', 'disconnected'].includes(state) ? null : button(name, 'resync', 'quiet', resync),
    ['connecting', 'reconnecting', 'deprovisioning'].includes(state) ? null
      : button(name, state === 'connected' ? 'check' : 'connect', state === 'connected' ? 'quiet' : '', connect),
    ['deprovisioning', 'disconnected'].includes(state) ? null : button(name, 'disconnect', 'danger', disconnect));
}

function card(connection, account) {
  return h('section', {class: 'card', 'aria-label': connection.name},
    h('div', {class: 'head'}, h('h2', {}, connection.name), connectionPill(connection)),
    h('div', {class: 'columns'},
      connectionFields(connection, account ? [
        field(t('account.state'), pill(accountKinds[account.account] ?? 'plain', term('accountState', account.account))),
        account.connected_at ? field(t('account.connectedAt'), exactly(account.connected_at)) : null] : []),
      account ? h('div', {}, progress(account), steps(account) ?? h('p', {class: 'faint'}, t('account.neverConnected'))) : null),
    buttons(connection, account));
}

export async function show(content, noticesBox) {
  replace(content, h('p', {class: 'faint'}, t('loading')));
  live('/v1/status?devices=no', async (status) => {
    const accounts = await Promise.all(status.connections.map(({name, state}) =>
      background(`${path(name)}?devices=${state === 'disconnecting' ? 'yes' : 'no'}`).catch(() => null)));
    replace(noticesBox, status.connections.map(connectionNotices));
    replace(content, status.connections.length ? status.connections.map((connection, index) => card(connection, accounts[index]))
      : notice('warn', t('overview.noConnection'), t('overview.noConnectionCure')));
  });
}
