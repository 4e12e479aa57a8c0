/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The activity log: newest first, filtered, the first page live, older ones on demand. */
import {api, explain, h, live, notice, replace, t, term, termsOf, toast} from './lib.js';
import {asked, filterForm, searchField, select} from './list.js';
import {timeline} from './timeline.js';

const names = ['device', 'kind', 'connection', 'since'];
const spans = ['1h', '24h', '7d', '30d'];

function filters(connections, load) {
  return filterForm(t('activity.filters'), [
    searchField('device', t('activity.device'), t('activity.deviceHint')),
    select('kind', t('activity.kind'), termsOf('kind').map((kind) => [kind, term('kind', kind)])),
    select('since', t('activity.since'), spans.map((span) => [span, t(`activity.since.${span}`)])),
    connections.length > 1 ? select('connection', t('devices.connection'), connections.map((name) => [name, name])) : null], load);
}

/* A page may be empty and yet not the last one: few entries match. */
async function olderThan(next) {
  const wanted = asked(names);
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
      toast(explain(problem), 'bad');
    }
  };
  const load = () => {
    stream?.close();
    replace(older);
    stream = live(`/v1/activity?${asked(names)}`, (answer) => {
      replace(noticesBox);
      replace(first, timeline(answer.activity, true));
      if (older.childElementCount === 0) {
        next = answer.next;
        offerMore();
      }
    }, (problem) => replace(noticesBox, notice(problem.status === 404 ? 'info' : 'bad',
      problem.status === 404 ? t('activity.notYet') : t('error.data'), problem.status === 404 ? '' : explain(problem))));
  };
  const {connections} = await api('/v1/status?devices=no');
  replace(content, filters(connections.map((connection) => connection.name), load),
    h('section', {class: 'card', 'aria-label': t('activity.title')}, first, older, more));
  addEventListener('popstate', load);
  load();
}
