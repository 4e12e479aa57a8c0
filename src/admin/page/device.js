/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Device Details: the four fields of Azure, what is the matter and its cure, why, and what happened. */
import {api, confirm, exactly, explain, h, live, notice, pill, replace, said, t, term, toast, when} from './lib.js';
import {field} from './connection.js';
import {statePill, statusPill} from './devices.js';
import {endHold, holdDevice, holdText, retire, revive} from './override.js';
import {timeline} from './timeline.js';

const id = decodeURIComponent(location.pathname.split('/')[2]);
const path = `/v1/devices/${encodeURIComponent(id)}`;

function copyButton(text) {
  return h('button', {type: 'button', class: 'quiet small', 'data-key': 'copy', 'aria-label': t('device.copyId'),
    onclick: () => navigator.clipboard.writeText(text).then(() => toast(t('device.copied')))}, t('device.copy'));
}

/* In the order and with the words of the Azure columns that administrators know. */
function azureFields(answer) {
  const device = answer.device;
  return h('section', {class: 'card'}, h('h2', {}, t('device.azure')),
    h('dl', {class: 'fields azure'},
      field(t('field.identifier'), device.azure_device_id ? [h('code', {}, device.azure_device_id), ' ', copyButton(device.azure_device_id)] : '–'),
      field(t('field.compliance'), statusPill(device.azure_compliance_status)),
      field(t('field.client'), device.azure_client_status
        ? [h('code', {}, device.azure_client_status), answer.user_can_mend ? [' ', pill('info', t('device.userCanMend'))] : null] : '–'),
      field(t('field.reportTime'), device.azure_report_time ? exactly(device.azure_report_time) : '–')));
}

function holdList({holds}) {
  if (holds.length === 0) return null;
  return h('ul', {class: 'plain-list'}, holds.map((hold) => h('li', {},
    hold.scope === 'policy' ? [h('a', {href: '/holds', 'data-key': `hold-${hold.id}`}, `${term('hold', 'policy')} ${hold.id}`), ' '] : null,
    holdText(hold))));
}

function matter(answer) {
  const {device} = answer;
  const holds = holdList(answer);
  if (!device.reason && !device.cure) return holds && notice('info', t('device.held'), holds);
  const kind = device.azure_compliance_status === 'error' ? 'bad' : device.queued && !device.last_error ? 'info' : 'warn';
  return notice(kind, device.reason || t('device.clientCode', {code: device.azure_client_status}),
    device.cure ? h('p', {}, h('b', {}, `${t('device.cure')}: `), device.cure) : null,
    answer.user_can_mend ? t('device.userCanMendLong') : null,
    holds,
    device.last_error ? h('p', {class: 'faint'}, `${t('device.microsoftSaid')}: `, said(device.last_error)) : null);
}

function violations(answer) {
  if (answer.violations.length === 0) return h('p', {class: 'faint'}, t('device.noViolations'));
  return h('ul', {class: 'plain-list'}, answer.violations.map((violation) => h('li', {},
    h('b', {}, violation.policy_name || violation.policy_id),
    ' ', violation.actions.map((action) => [pill('plain', term('action', action)), ' ']),
    violation.decisive ? pill('bad', t('device.decisive')) : null,
    violation.known ? null : pill('warn', t('device.unknownPolicy')),
    violation.known && !violation.enabled ? pill('plain', t('device.disabledPolicy')) : null,
    violation.since ? h('span', {class: 'faint'}, ' ', t('device.since'), ' ', when(violation.since)) : null)));
}

function why(answer) {
  const told = answer.last_report;
  return h('section', {class: 'card'}, h('h2', {}, t('device.why')),
    h('ol', {class: 'steps'},
      h('li', {}, h('h3', {}, t('device.violations')), violations(answer)),
      h('li', {}, h('h3', {}, t('device.decision')), h('p', {}, answer.decision.text)),
      h('li', {}, h('h3', {}, t('device.told')), told.azure_state
        ? h('p', {}, statePill(told.azure_state), ' ', when(told.accepted)) : h('p', {class: 'faint'}, t('device.toldNothing'))),
      h('li', {}, h('h3', {}, t('device.answer')), answer.answer.status
        ? [h('p', {}, statusPill(answer.answer.status), ' ', said(answer.answer.error)),
          answer.answer.request_id ? h('p', {class: 'faint small'}, `${t('activity.requestId')}: `, h('code', {}, answer.answer.request_id)) : null]
        : h('p', {class: 'faint'}, t('device.noAnswer'))),
      h('li', {}, h('h3', {}, t('device.next')), h('p', {}, answer.next.text, answer.next.at ? [' ', when(answer.next.at)] : ''))));
}

function button(key, kind, act) {
  return h('button', {type: 'button', class: `button ${kind}`, 'data-key': key, onclick: act}, t(`device.${key}`));
}

/* Only a device that is there and known to Microsoft by an id can be retired, and not while it is held: the hold has to end first. */
function buttons({device, deleted, retired, holds}) {
  const own = holds.find(({scope}) => scope === 'device');
  return h('div', {class: 'buttons'},
    deleted || retired || holds.length || !device.azure_device_id ? null : button('retire', 'danger', () => retire(device)),
    retired && !deleted ? button('revive', 'quiet', () => revive(device)) : null,
    own ? button('unhold', 'quiet', () => endHold(own)) : deleted ? null : button('hold', 'quiet', () => holdDevice(device)),
    button('report', '', report));
}

function head(answer) {
  const {device} = answer;
  return h('div', {class: 'summary'},
    h('p', {class: 'badges'}, device.azure_state ? statePill(device.azure_state) : null, device.queued ? pill('info', t('devices.queued')) : null,
      h('span', {}, term('platform', device.platform)),
      h('span', {class: 'faint'}, `${t('devices.connection')}: ${device.connection}`),
      device.name ? h('code', {}, device.device_id) : null,
      device.removed_until ? h('span', {class: 'faint'}, t('device.forgotten'), ' ', when(device.removed_until)) : null),
    buttons(answer));
}

function report() {
  confirm(t('device.reportTitle'), h('p', {}, t('device.reportText')), t('device.report'), '', async () => {
    await api(`${path}/report`, {});
    toast(t('device.reportQueued'));
  });
}

function unknown(content, problem) {
  replace(content, notice(problem.status === 404 ? 'warn' : 'bad', problem.status === 404 ? t('device.unknown', {id}) : t('error.data'),
    problem.status === 404 ? '' : explain(problem), h('p', {}, h('a', {class: 'button', href: '/devices'}, t('device.toList')))));
}

/* The log is shown when there is one. */
function showTimeline(box) {
  live(`/v1/activity?device=${encodeURIComponent(id)}&limit=50`, (answer) => {
    replace(box, h('section', {class: 'card'}, h('h2', {}, t('device.timeline')), timeline(answer.activity, false)));
  });
}

export async function show(content, noticesBox) {
  const summary = h('div', {}), left = h('div', {}), right = h('div', {}), log = h('div', {});
  let built = false;
  live(`${path}/explain`, (answer) => {
    if (!built) replace(content, summary, h('div', {class: 'columns'}, left, right), log);
    if (!built) showTimeline(log);
    built = true;
    document.getElementById('title').textContent = answer.device.name || answer.device.device_id;
    document.title = `${answer.device.name || answer.device.device_id} · complyd`;
    replace(noticesBox, matter(answer));
    replace(summary, head(answer));
    replace(left, azureFields(answer));
    replace(right, why(answer));
  }, (problem) => {
    built = false;
    replace(noticesBox);
    unknown(content, problem);
  });
}
