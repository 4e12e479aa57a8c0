/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* How things stand: what needs somebody's attention, figures, plots, connections. */
import {background, duration, h, live, notice, number, percent, replace, said, t, term, when} from './lib.js';
import {overTime, shares} from './plot.js';
import {connectionCard, connectionNotices} from './connection.js';

const stateWords = ['compliant', 'non_compliant', 'removed', 'none'];
const statusWords = ['success', 'in_progress', 'error', 'none'];

function notices(status) {
  const list = [];
  if (!status.store.healthy) list.push(notice('bad', t('overview.storeTrouble'), said(status.store.error), status.store.cure));
  if (!status.reporting.enabled) list.push(notice('warn', t('overview.reportingOff'), t('overview.reportingOffCure')));
  if (status.holds) {
    list.push(notice('info', t('overview.holds', {count: status.holds}), h('p', {}, h('a', {href: '/holds'}, t('overview.holdsLink')))));
  }
  if (status.figures_error) list.push(notice('warn', t('overview.noFigures'), said(status.figures_error)));
  if (status.connections.length === 0) list.push(notice('warn', t('overview.noConnection'), t('overview.noConnectionCure')));
  for (const connection of status.connections) list.push(...connectionNotices(connection));
  return list;
}

function tile(label, value, detail, kind = '') {
  return h('div', {class: `tile ${kind}`}, h('dt', {}, label), h('dd', {}, h('b', {}, value), h('span', {class: 'faint'}, detail)));
}

function tiles(status, devices, rate) {
  const told = devices ? devices.total - devices.by_state.none : 0;
  const queue = status.queue;
  return h('dl', {class: 'tiles'},
    tile(t('overview.devices'), devices ? number(devices.total) : '…',
      devices ? t('overview.parked', {count: devices.parked}) : ''),
    tile(t('overview.compliantShare'), devices && told ? percent(devices.by_state.compliant / told) : '–',
      devices ? t('overview.nonCompliant', {count: devices.by_state.non_compliant}) : '',
      devices?.by_state.non_compliant ? 'warn' : ''),
    tile(t('overview.queue'), queue ? number(queue.total) : '–',
      queue?.oldest ? [t('overview.oldest'), ' ', when(queue.oldest)] : t('overview.queueEmpty')),
    tile(t('overview.awaiting'), status.awaiting_verdict === null ? '–' : number(status.awaiting_verdict), t('overview.awaitingDetail')),
    tile(t('overview.rate'), rate === null ? '–' : number(rate), t('overview.rateDetail')));
}

function part(words, group, figures, parameter) {
  return words.map((word) => ({
    key: word === 'none' ? `${group}-none` : word,
    label: term(group, word),
    value: figures[word],
    href: word === 'none' ? '/devices' : `/devices?${parameter}=${word}`,
  }));
}

function sharesPanels(devices) {
  return [
    h('section', {class: 'card'}, h('h2', {}, t('overview.byState')),
      shares(t('overview.byState'), part(stateWords, 'state', devices.by_state, 'state'))),
    h('section', {class: 'card'}, h('h2', {}, t('overview.byStatus')),
      shares(t('overview.byStatus'), part(statusWords, 'status', devices.by_status, 'status')))];
}

/* [at, accepted, refused, delayed, queued, oldest]: reports as a rate a minute. */
function points(history) {
  const minutes = history.step_seconds / 60;
  return history.points.map(([at, accepted, refused, delayed, queued, oldest]) =>
    ({at, accepted: accepted / minutes, refused: refused / minutes, delayed: delayed / minutes, queued, oldest}));
}

function plots(history) {
  const list = points(history);
  const to = Math.max(list.at(-1)?.at ?? 0, Math.floor(Date.now() / 1000));
  const from = to - history.minutes * 60;
  const whole = (value) => number(Math.round(value));
  return [
    overTime(t('plot.reports'), list, from, to, [
      {key: 'success', label: t('plot.accepted'), value: (point) => point.accepted},
      {key: 'delayed', label: t('plot.delayed'), value: (point) => point.delayed},
      {key: 'error', label: t('plot.refused'), value: (point) => point.refused},
    ], whole),
    overTime(t('plot.queueAge'), list, from, to, [
      {key: 'queue', label: t('plot.oldest'), value: (point) => point.oldest},
    ], duration),
  ];
}

function rangePicker(choose) {
  return h('fieldset', {class: 'segments'}, h('legend', {class: 'hidden'}, t('plot.range')),
    [60, 360, 1440].map((minutes, index) => h('label', {},
      h('input', {type: 'radio', name: 'range', value: minutes, checked: index === 0, onchange: () => choose(minutes)}),
      h('span', {}, t('plot.hours', {count: minutes / 60})))));
}

/* Calls fetch() when asked, but never more than a tenth of the time: counting a million devices is work. */
function sparing(fetch) {
  let busy = false, wanted = false;
  const run = async () => {
    busy = true;
    wanted = false;
    const began = performance.now();
    await fetch().catch(() => {});
    setTimeout(() => {
      busy = false;
      if (wanted) run();
    }, 2000 + 10 * (performance.now() - began));
  };
  return () => {
    wanted = true;
    if (!busy) run();
  };
}

export async function show(content, noticesBox) {
  const figures = h('div', {}), panels = h('div', {class: 'columns'}), drawings = h('div', {class: 'plots'});
  const connections = h('div', {class: 'cards'});
  let status, devices = null, rate = null, minutes = 60;
  const draw = () => {
    replace(noticesBox, notices(status));
    replace(figures, tiles(status, devices, rate));
    replace(connections, status.connections.map(connectionCard));
  };
  const count = sparing(async () => {
    devices = (await background('/v1/status')).devices ?? devices;
    draw();
    if (devices) replace(panels, sharesPanels(devices));
  });
  const plot = async () => {
    const history = await background(`/history?minutes=${minutes}`);
    rate = Math.round(points(history).at(-1)?.accepted ?? 0);
    replace(drawings, plots(history));
    if (status) draw();
  };
  const choose = (chosen) => {
    minutes = chosen;
    plot().catch(() => {});
  };

  replace(content, figures, panels,
    h('section', {class: 'card'}, h('div', {class: 'head'}, h('h2', {}, t('plot.title')), rangePicker(choose)), drawings),
    h('section', {}, h('h2', {}, t('overview.connections')), connections));
  live('/v1/status?devices=no', (fresh) => {
    status = fresh;
    draw();
    count();
  });
  choose(60);
  setInterval(() => document.hidden || choose(minutes), 20000);
}
