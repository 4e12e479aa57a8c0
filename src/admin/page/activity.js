/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The activity log: newest first, filtered, the first page live, older ones on demand. */
import {api, h, live, notice, replace, t, term, termsOf, toast} from './lib.js';
import {timeline} from './timeline.js';

const LIMIT = 50;
const names = ['device', 'kind', 'connection', 'since'];
const spans = ['1h', '24h', '7d', '30d'];

function query() {
  const asked = new URLSearchParams(location.search);
  const wanted = new URLSearchParams({limit: LIMIT});
  for (const name of names) {
    if (asked.get(name)) wanted.set(name, asked.get(name));
  }
  return wanted;
}

function select(name, label, options) {
  const chosen = query().get(name) ?? '';
  return h('label', {}, h('span', {}, label), h('select', {name}, h('option', {value: ''}, t('devices.all')),
    options.map(([value, text]) => h('option', {value, selected: value === chosen}, text))));
}

function filters(connections, change) {
  const form = h('form', {role: 'search', class: 'filters card', 'aria-label': t('activity.filters')},
    h('label', {class: 'wide'}, h('span', {}, t('activity.device')),
      h('input', {type: 'search', name: 'device', value: query().get('device') ?? '', placeholder: t('activity.deviceHint'), autocomplete: 'off',
        spellcheck: 'false'})),
    select('kind', t('activity.kind'), termsOf('kind').map((kind) => [kind, term('kind', kind)])),
    select('since', t('activity.since'), spans.map((span) => [span, t(`activity.since.${span}`)])),
    connections.length > 1 ? select('connection', t('devices.connection'), connections.map((name) => [name, name])) : null,
    h('button', {class: 'hidden'}, t('devices.search')));
  const apply = (event) => {
    event.preventDefault();
    const fresh = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value) fresh.set(name, value);
    }
    change(fresh);
  };
  form.addEventListener('submit', apply);
  form.addEventListener('change', apply);
  return form;
}

/* A page may be empty and yet not the last one: few entries match. */
async function olderThan(next) {
  const wanted = query();
  wanted.set('after', next);
  const answer = await api(`/v1/activity?${wanted}`);
  return answer.activity.length === 0 && answer.next ? olderThan(answer.next) : answer;
}

export async function show(content, noticesBox) {
  const first = h('div', {}), older = h('div', {}), more = h('div', {class: 'pager'});
  let stream, next = '';
  const offerMore = () => replace(more, next ? h('button', {type: 'button', class: 'button', 'data-key': 'more', onclick: showMore}, t('activity.more')) : null);
  const showMore = async () => {
    try {
      const answer = await olderThan(next);
      if (answer.activity.length > 0) older.append(timeline(answer.activity, true));
      next = answer.next;
      offerMore();
    } catch (problem) {
      toast(problem.message, 'bad');
    }
  };
  const load = () => {
    stream?.close();
    replace(older);
    stream = live(`/v1/activity?${query()}`, (answer) => {
      replace(noticesBox);
      replace(first, timeline(answer.activity, true));
      if (older.childElementCount === 0) {
        next = answer.next;
        offerMore();
      }
    }, (problem) => replace(noticesBox, notice(problem.status === 404 ? 'info' : 'bad',
      problem.status === 404 ? t('activity.notYet') : t('error.data'), problem.status === 404 ? '' : problem.message)));
  };
  const {connections} = await api('/v1/status?devices=no');
  replace(content, filters(connections.map((connection) => connection.name), (fresh) => {
    history.pushState({}, '', `?${fresh}`);
    load();
  }), h('section', {class: 'card', 'aria-label': t('activity.title')}, first, older, more));
  addEventListener('popstate', () => {
    for (const field of content.querySelectorAll('form [name]')) field.value = query().get(field.name) ?? '';
    load();
  });
  load();
}
