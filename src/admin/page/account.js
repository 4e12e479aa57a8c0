/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The account of each connection: how it stands, telling everything again, and disconnecting. */
import {api, confirm, h, live, replace, t, toast, notice} from './lib.js';
import {connectionFields, connectionNotice, connectionPill} from './connection.js';

function resync(connection) {
  confirm(t('account.resyncTitle', {name: connection.name}), h('p', {}, t('account.resyncText')), t('account.resync'), '', async () => {
    await api('/v1/resync', {connection: connection.name});
    toast(t('account.resyncQueued'));
  });
}

/* Names what will happen, and wants the connection's name typed: it takes every device's access. */
function disconnect(connection) {
  const typed = h('input', {type: 'text', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'disconnect-name'});
  const off = h('input', {type: 'checkbox', required: true});
  const only = h('input', {type: 'checkbox'});
  const everything = h('ul', {}, ['devices', 'wait', 'deprovision', 'silence'].map((step) => h('li', {}, t(`disconnect.${step}`))));
  const {go} = confirm(t('disconnect.title', {name: connection.name}), [
    h('div', {class: 'what'}, h('p', {}, t('disconnect.happens')), everything),
    h('label', {class: 'check'}, only, h('span', {}, t('disconnect.only'))),
    h('label', {class: 'check'}, off, h('span', {}, t('disconnect.off'))),
    h('label', {}, h('span', {id: 'disconnect-name'}, t('disconnect.type', {name: connection.name})), typed),
  ], t('disconnect.action'), 'danger', async () => {
    await api(`/v1/connections/${encodeURIComponent(connection.name)}/disconnect`,
      {confirm: true, this_server_only: only.checked});
    toast(t('disconnect.begun', {name: connection.name}));
  });
  const judge = () => {
    off.parentElement.hidden = only.checked;
    everything.replaceChildren(...(only.checked ? ['onlyStops', 'onlyKeeps'] : ['devices', 'wait', 'deprovision', 'silence'])
      .map((step) => h('li', {}, t(`disconnect.${step}`))));
    go.disabled = typed.value !== connection.name || !(off.checked || only.checked);
  };
  for (const input of [typed, off, only]) input.addEventListener('input', judge);
  judge();
}

function card(connection) {
  return h('section', {class: 'card'},
    h('div', {class: 'head'}, h('h2', {}, connection.name), connectionPill(connection)),
    connectionFields(connection),
    h('div', {class: 'buttons'},
      h('button', {type: 'button', class: 'button', 'data-key': `resync-${connection.name}`, onclick: () => resync(connection)}, t('account.resync')),
      h('button', {type: 'button', class: 'button danger', 'data-key': `disconnect-${connection.name}`, onclick: () => disconnect(connection)},
        t('account.disconnect'))));
}

export async function show(content, noticesBox) {
  replace(content, h('p', {class: 'faint'}, t('loading')));
  live('/v1/status?devices=no', (status) => {
    replace(noticesBox, status.connections.map(connectionNotice));
    replace(content, status.connections.length ? status.connections.map(card)
      : notice('warn', t('overview.noConnection'), t('overview.noConnectionCure')));
  });
}
