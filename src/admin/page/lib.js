/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What every page uses: the catalogue of texts, elements, calls of the API, live data, formats, notices, dialogs. */

export const language = document.documentElement.lang;
const csrf = document.querySelector('meta[name=csrf]').content;

/* ------------------------------------------------------------------------------------------------------------- texts */

let words = {};
const plural = new Intl.PluralRules(language);

export async function loadWords() {
  words = await (await fetch(`/static/words.${language}.json`)).json();
}

/* The catalogue's text, with {name} replaced; with `count`, of its plural form where there are forms. */
export function t(key, values = {}) {
  const form = 'count' in values ? words[`${key}.${plural.select(values.count)}`] ?? words[`${key}.other`] : undefined;
  const text = form ?? words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) =>
    name in values ? (typeof values[name] === 'number' ? number(values[name]) : values[name]) : whole);
}

/* A word of the contract in the reader's language; the word itself when the catalogue has none. */
export function term(group, word) {
  return words[`${group}.${word}`] ?? word;
}

/* The words of a group that have a text. */
export function termsOf(group) {
  return Object.keys(words).filter((key) => key.startsWith(`${group}.`)).map((key) => key.slice(group.length + 1));
}

/* ---------------------------------------------------------------------------------------------------------- elements */

/* h('a', {href: '/', class: 'x', onclick: f}, 'text', node, [more]): text is never markup. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/* Puts new content in place of the old one; what has the focus keeps it if it is there again (same data-key). */
export function replace(element, ...children) {
  const active = document.activeElement;
  const key = element.contains(active) ? active.dataset.key : undefined;
  element.replaceChildren(...children.flat(9).filter((child) => child));
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({preventScroll: true});
}

export function pill(kind, text) {
  return h('span', {class: `pill ${kind}`}, text);
}

/* What complyd and Microsoft say in English, whatever the page's language: a screen reader has to know. */
export function said(text) {
  return text ? [h('span', {lang: 'en'}, text)] : '';
}

/* ----------------------------------------------------------------------------------------------------------- formats */

/* The page's language as it is written where the reader lives: en-GB, es-MX. */
const locale = navigator.languages.find((one) => one.split('-')[0] === language) ?? language;
const dates = new Intl.DateTimeFormat(locale, {dateStyle: 'medium', timeStyle: 'medium'});
const clock = new Intl.DateTimeFormat(locale, {hour: '2-digit', minute: '2-digit'});
const relative = new Intl.RelativeTimeFormat(language, {numeric: 'auto'});

export function number(value) {
  return new Intl.NumberFormat(locale).format(value);
}

export function percent(share) {
  return new Intl.NumberFormat(locale, {style: 'percent', maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0}).format(share);
}

export function clockTime(date) {
  return clock.format(date);
}

const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

/* "3 minutes ago", "in 6 days" */
export function ago(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  const [unit, size] = units.find((entry) => Math.abs(seconds) >= entry[1]) ?? units[3];
  return relative.format(Math.trunc(seconds / size), unit);
}

export function dateText(date) {
  return dates.format(date);
}

/* A time as the reader says it, with the exact one at hand; `none` when blank. */
export function when(text, none = '–') {
  return text ? h('time', {datetime: text, title: dates.format(new Date(text))}, ago(text)) : none;
}

export function exactly(text) {
  return h('time', {datetime: text, title: ago(text)}, dates.format(new Date(text)));
}

/* "12s", "3min" */
export function duration(seconds) {
  const [unit, size] = units.find((entry) => seconds >= entry[1]) ?? units[3];
  return new Intl.NumberFormat(locale, {style: 'unit', unit, unitDisplay: 'narrow', maximumFractionDigits: 1}).format(seconds / size);
}

/* Times said in relation to now grow old by themselves. */
setInterval(() => {
  for (const element of document.querySelectorAll('time[title]')) {
    const age = ago(element.dateTime);
    if (!/\d{2}:/.test(element.textContent) && element.textContent !== age) element.textContent = age;
  }
}, 5000);

/* --------------------------------------------------------------------------------------------------------------- API */

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/* What went wrong: a sentence by the kind of problem, then complyd's own words. What the page itself found out is said by its message. */
export function explain(problem) {
  if (problem.status === 0) return [problem.message];
  if (!problem.status) return said(problem.message);
  return [words[`problem.${problem.status}`] ?? t('problem.other'), ': ', ...said(problem.message)];
}

/* GET, or with `body` POST. Resolves to the answer; rejects with a Problem that says what can be shown. */
export function api(path, body) {
  return body === undefined ? call(path, {}) : change('POST', path, body);
}

/* Another method; `body` may be left out. */
export function change(method, path, body) {
  return call(path, {method, headers: {'X-CSRF-Token': csrf, 'Content-Type': 'application/json'}, body: body && JSON.stringify(body)});
}

/* A GET that nobody asked for: it does not keep the session from ending when its user has gone. */
export function background(path) {
  return call(path, {headers: {'X-Background': 'yes'}});
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(0, t('error.unreachable'));
  }
  if (response.status === 401) sessionEnded();
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer.detail ?? response.statusText);
  return answer;
}

let ended = false;

function sessionEnded() {
  if (ended) return;
  ended = true;
  setLive('off');
  const dialog = openDialog(t('ended.title'), [
    h('p', {}, t('ended.text')),
    h('p', {class: 'command'}, h('code', {}, 'sudo complyctl page')),
  ], [h('a', {class: 'button', href: location.href}, t('ended.action'))]);
  dialog.addEventListener('cancel', (event) => event.preventDefault());
}

/* -------------------------------------------------------------------------------------------------------------- live */

const streams = new Set();

function setLive(state) {
  const element = document.getElementById('live');
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = t(`live.${state}`);
}

function showState() {
  const all = [...streams];
  setLive(ended ? 'off' : all.every((stream) => stream.open) ? 'on' : 'trouble');
}

class Stream {
  constructor(path, show, fail) {
    Object.assign(this, {path, show, fail, open: false, tries: 0});
    streams.add(this);
    this.start();
  }

  start() {
    if (this.source || ended || this.closed || document.hidden) return;
    this.source = new EventSource(`/events?watch=${encodeURIComponent(this.path)}`);
    this.source.addEventListener('open', () => {
      this.open = true;
      this.tries = 0;
      showState();
    });
    this.source.addEventListener('data', async (event) => {
      await this.show(JSON.parse(event.data));
      document.body.dataset.shown = 'yes';
    });
    this.source.addEventListener('problem', (event) => {
      const problem = JSON.parse(event.data);
      this.fail?.(new Problem(problem.status, problem.detail));
    });
    this.source.addEventListener('signed-out', sessionEnded);
    this.source.addEventListener('error', () => this.retry());
  }

  /* The server is restarting, the session is over, or too many pages are open: an API call finds out which. */
  async retry() {
    this.pause();
    showState();
    await background('/v1/version').catch(() => {});
    setTimeout(() => this.start(), Math.min(1000 * 2 ** this.tries++, 15000));
  }

  pause() {
    this.source?.close();
    this.source = undefined;
    this.open = false;
  }

  close() {
    this.closed = true;
    this.pause();
    streams.delete(this);
  }
}

/* Calls show() with the answer of a GET, and again whenever it has changed, until close(). A page that nobody sees is not kept up to
 * date: a browser has six connections for one address. */
export function live(path, show, fail) {
  return new Stream(path, show, fail);
}

document.addEventListener('visibilitychange', () => {
  for (const stream of streams) {
    if (document.hidden) stream.pause();
    else stream.start();
  }
});

/* A page that the browser keeps for "back" holds no connections; it goes on when it is shown again. */
addEventListener('pagehide', () => streams.forEach((stream) => stream.pause()));
addEventListener('pageshow', () => streams.forEach((stream) => stream.start()));

/* ------------------------------------------------------------------------------------------------- notices and dialogs */

export function toast(text, kind = 'good') {
  const element = h('p', {class: `toast ${kind}`}, text);
  document.getElementById('toasts').append(element);
  setTimeout(() => element.remove(), 8000);
}

/* What is wrong with its cure. */
export function notice(kind, title, ...details) {
  return h('section', {class: `notice ${kind}`},
    h('h2', {}, title), details.filter((text) => text).map((text) => (text.nodeType ? text : h('p', {}, text))));
}

/* A modal dialog; Escape and the first of the buttons close it. Then the focus is where it was, also when the button there was drawn anew. */
export function openDialog(title, content, buttons) {
  const key = document.activeElement?.dataset.key;
  const dialog = h('dialog', {'aria-labelledby': 'dialog-title'},
    h('form', {method: 'dialog'},
      h('h2', {id: 'dialog-title'}, title), content, h('div', {class: 'buttons'}, buttons)));
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (document.activeElement !== document.body) return;
    const opener = key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (opener || document.getElementById('main')).focus({preventScroll: true});
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/* Asks before something is done; act() runs while the dialog is open, and what goes wrong is said in it. */
export function confirm(title, content, label, kind, act) {
  const fault = h('p', {class: 'fault', role: 'alert'});
  const go = h('button', {type: 'submit', class: `button ${kind}`, value: 'go'}, label);
  const dialog = openDialog(title, [content, fault],
    [h('button', {type: 'button', class: 'button quiet', onclick: () => dialog.close()}, t('dialog.cancel')), go]);
  dialog.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      await act();
      dialog.close();
    } catch (problem) {
      replace(fault, explain(problem));
      fault.scrollIntoView({block: 'nearest'});
      go.disabled = false;
    }
  });
  return {dialog, go};
}
