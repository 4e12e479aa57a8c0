/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What an operator decides against the MDM's word, each asked for in a dialog that names what will happen: to retire and revive a device,
 * to hold a device or a policy, to end a hold. */
import {api, change, confirm, dateText, exactly, h, replace, t, term, toast} from './lib.js';

const spans = [['1h', 1], ['4h', 4], ['12h', 12], ['1d', 24], ['3d', 72], ['7d', 168]];

function path(scope, id) {
  return `/v1/holds/${scope}/${encodeURIComponent(id)}`;
}

function list(items) {
  return h('ul', {}, items.map((item) => h('li', {}, item)));
}

/* ------------------------------------------------------------------------------------------------------------ retire */

function nameOf(device) {
  return device.name || device.device_id;
}

export function retire(device) {
  const name = nameOf(device);
  confirm(t('retire.title', {name}), h('div', {class: 'what'}, h('h3', {}, t('disconnect.happens')),
    list(['told', 'breaker', 'forgotten', 'back'].map((step) => t(`retire.${step}`)))),
  t('retire.action'), 'danger', async () => {
    await api(`/v1/devices/${encodeURIComponent(device.device_id)}/retire`, {});
    toast(t('retire.done', {name}));
  });
}

/* Those that Microsoft holds, or may come to hold. */
async function concerned(query, after = '') {
  query.set('limit', 500);
  query.set('after', after);
  const {devices, next} = await api(`/v1/devices?${query}`);
  const found = devices.filter((device) => device.azure_device_id && device.azure_state !== 'removed');
  return next ? [...found, ...await concerned(query, next)] : found;
}

/* All that match a query; the breaker counts them, and one that is held or retired already keeps nobody from the others. */
export async function retireAll(query) {
  const devices = await concerned(query);
  const count = devices.length, left = [...devices];
  let refused = 0;
  if (count === 0) return toast(t('retire.nobody'));
  const bar = h('progress', {max: count, value: 0, hidden: true, 'aria-label': t('retire.progress')});
  const typed = h('input', {type: 'text', inputmode: 'numeric', autocomplete: 'off'});
  const {go} = confirm(t('retire.allTitle', {count}), [
    h('div', {class: 'what'}, h('h3', {}, t('disconnect.happens')), list(['toldAll', 'breakerAll', 'forgotten', 'back'].map((step) => t(`retire.${step}`)))),
    h('p', {class: 'faint'}, devices.slice(0, 5).map(nameOf).join(', '), count > 5 ? ' …' : ''),
    h('label', {}, h('span', {}, t('retire.typeCount', {count: String(count)})), typed), bar,
  ], t('retire.action'), 'danger', async () => {
    bar.hidden = false;
    while (left.length > 0) {
      await api(`/v1/devices/${encodeURIComponent(left[0].device_id)}/retire`, {one_of_many: true}).catch((problem) => {
        if (problem.status !== 409) throw problem;
        refused++;
      });
      left.shift();
      bar.value = count - left.length;
    }
    toast(refused ? t('retire.allRefused', {count: count - refused, refused}) : t('retire.allDone', {count}));
  });
  typed.addEventListener('input', () => { go.disabled = typed.value.trim() !== String(count); });
  go.disabled = true;
}

export function revive(device) {
  const name = nameOf(device);
  confirm(t('revive.title', {name}), h('p', {}, t('revive.text')), t('revive.action'), '', async () => {
    await api(`/v1/devices/${encodeURIComponent(device.device_id)}/revive`, {});
    toast(t('revive.done', {name}));
  });
}

/* -------------------------------------------------------------------------------------------------------------- hold */

/* What "datetime-local" holds: the reader's own time, to the minute. */
function localMinute(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

/* How long, or until when: `end()` is the time, undefined while it is none to come; `said()` what the API is told. */
function untilFields() {
  const span = h('select', {}, spans.map(([value, hours]) => h('option', {value, selected: value === '4h'},
    hours < 24 ? t('plot.hours', {count: hours}) : t('hold.days', {count: hours / 24}))), h('option', {value: ''}, t('hold.atTime')));
  const at = h('input', {type: 'datetime-local', min: localMinute(new Date()), value: localMinute(new Date(Date.now() + 86400000))});
  const atLabel = h('label', {}, h('span', {}, t('hold.time')), at);
  return {
    nodes: [h('label', {}, h('span', {}, t('hold.howLong')), span), atLabel],
    inputs: [span, at],
    end() {
      atLabel.hidden = span.value !== '';
      const end = span.value ? new Date(Date.now() + spans.find(([value]) => value === span.value)[1] * 3600000) : new Date(at.value);
      return end > new Date() ? end : undefined;
    },
    said: () => span.value || new Date(at.value).toISOString(),
  };
}

/* `choice` holds the id when there is something to choose from. */
function holdDialog(title, scope, choice, id, effects) {
  const until = untilFields();
  const why = h('input', {type: 'text', maxlength: 400, autocomplete: 'off'});
  const end = h('p', {});
  const {go} = confirm(title, [choice, ...until.nodes,
    h('label', {}, h('span', {}, t('hold.reason')), why),
    h('div', {class: 'what calm'}, h('h3', {}, t('disconnect.happens')), end, list(effects.map((effect) => t(`hold.${effect}`)))),
  ], t('hold.action'), '', async () => {
    await change('PUT', path(scope, id()), {until: until.said(), reason: why.value.trim()});
    toast(t('hold.done', {id: id()}));
  });
  const judge = () => {
    const time = until.end();
    go.disabled = !time || !why.value.trim() || !id();
    replace(end, time ? t('hold.until', {time: dateText(time)}) : t('hold.notToCome'));
  };
  for (const input of [...until.inputs, why]) input.addEventListener('input', judge);
  judge();
}

export function holdDevice(device) {
  holdDialog(t('hold.deviceTitle', {name: nameOf(device)}), 'device', null, () => device.device_id, ['deviceStays', 'neverTold', 'after']);
}

export function holdPolicy(policies) {
  const select = h('select', {}, policies.map(({policy_id: id, name}) => h('option', {value: id}, name ? `${name} (${id})` : id)));
  holdDialog(t('hold.policyTitle'), 'policy', h('label', {}, h('span', {}, t('hold.policy')), select), () => select.value,
    ['policyStays', 'neverTold', 'after']);
}

/* "until ... by ...: why" */
export function holdText(hold) {
  return [t('hold.heldUntil'), ' ', exactly(hold.until), ' ', h('span', {class: 'faint'}, t('activity.by', {actor: hold.actor})), ': ', hold.reason];
}

export function endHold(hold) {
  confirm(t('unhold.title', {what: `${term('hold', hold.scope)} ${hold.id}`}), h('p', {}, t(`unhold.${hold.scope}`)), t('unhold.action'), 'danger', async () => {
    await change('DELETE', path(hold.scope, hold.id));
    toast(t('unhold.done'));
  });
}
