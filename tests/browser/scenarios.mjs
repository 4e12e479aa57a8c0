/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
import assert from 'node:assert/strict';
import {base, checkAccessible, checkFits, complyctl, mdm, open, otherWriter, ready, shoot, shots, signIn, visit} from './stage.mjs';

const pages = [
  ['overview', '/'],
  ['devices', '/devices'],
  ['device', '/devices/A-wall'],
  ['device-error', '/devices/A-stranger'],
  ['plan', '/plan'],
  ['holds', '/holds'],
  ['drift', '/drift'],
  ['activity', '/activity'],
  ['account', '/account'],
];

/* Every page in one look: language, colours, width. */
async function every(name, options) {
  const {page, close} = await open(options);
  await signIn(page);
  for (const [what, path] of pages) {
    await visit(page, path);
    if (what === 'overview') await page.locator('.shares').nth(1).waitFor();
    await checkFits(page, what);
    await shoot(page, `${what}-${name}`);
    await checkAccessible(page, `${what} ${name}`);
  }
  await close();
}

export async function every_page_in_english_and_light() {
  await every('en-light', {});
}

export async function every_page_in_spanish_and_dark() {
  await every('es-dark', {locale: 'es-ES', colorScheme: 'dark'});
}

export async function every_page_on_a_phone() {
  await every('phone', {viewport: {width: 375, height: 720}, deviceScaleFactor: 2, hasTouch: true, isMobile: true});
}

export async function every_page_on_a_phone_in_the_dark() {
  await every('phone-dark', {locale: 'es-MX', colorScheme: 'dark', viewport: {width: 320, height: 640}});
}

/* The page's own figures, once the fleet's reports have been sampled, and if asked a device that waits. */
async function sampledHistory(page, waits) {
  return page.evaluate(async (age) => {
    for (;;) {
      const history = await (await fetch('/history?minutes=60')).json();
      const accepted = history.points.reduce((sum, point) => sum + point[1], 0);
      if (history.points.length > 1 && accepted > 400 && (!age || history.points.at(-1)[5] > 0)) return;
      await new Promise((wake) => { setTimeout(wake, 500); });
    }
  }, waits);
}

/* The figures that a plot's topmost line is drawn at, read against its axis. */
function drawnFigures(figure, key) {
  return figure.evaluate((element, line) => {
    const ticks = [...element.querySelectorAll('.tick[text-anchor=end]')].slice(0, 4);
    const y = (tick) => Number(tick.getAttribute('y')) - 4;
    const top = parseFloat(ticks[3].textContent.replace(/[^\d.]/g, ''));
    const places = element.querySelector(`.line.stroke-${line}`).getAttribute('d').match(/[\d.]+,[\d.]+/g);
    return {unit: ticks[3].textContent, figures: places.map((place) => ((y(ticks[0]) - place.split(',')[1]) / (y(ticks[0]) - y(ticks[3]))) * top)};
  }, key);
}

/* The credential of "branch" is wrong. */
const waiting = {device: {device_id: 'age-1', connection: 'branch', platform: 'ios', evaluated_at: 1790000000,
  azure_device_id: '0000000a-0000-4000-8000-00000000000b', user_principal_name: 'ada@example.com'}};

export async function the_plots_are_drawn_from_what_was_counted() {
  const {page, close} = await open();
  mdm(waiting);
  await signIn(page);
  await sampledHistory(page, true);
  const answered = page.waitForResponse(/\/history/);
  await visit(page, '/');
  const {points, step_seconds: step} = await (await answered).json();
  const [rate, age] = await page.locator('.plot').all();
  await age.locator('.line').waitFor();
  const accepted = (await drawnFigures(rate, 'success')).figures;
  assert.equal(accepted.length, points.length);
  const most = Math.max(...accepted);
  assert.ok(most > 400, String(most));
  points.forEach((point, index) => assert.ok(Math.abs(accepted[index] - (point[1] * 60) / step) < most / 100, `accepted, point ${index}`));
  const waited = await drawnFigures(age, 'queue');
  const unit = /min|m/.test(waited.unit) ? 60 : 1;
  const longest = Math.max(...points.map((point) => point[5]));
  points.forEach((point, index) => assert.ok(Math.abs(waited.figures[index] * unit - point[5]) <= longest / 20, `age, point ${index}: ${waited.figures[index]} ${waited.unit} ${point[5]}`));
  await rate.locator('.readout').getByText(/^accepted \d+$/).waitFor();
  await age.locator('.readout').getByText(/^oldest \d/).waitFor();
  mdm({delete_device: 'age-1'});
  await close();
}

/* Without a pointer: the arrow keys pick a time, and what is read there is said. */
export async function the_plots_are_read_by_keyboard() {
  const {page, close} = await open();
  await signIn(page);
  await sampledHistory(page);
  const answered = page.waitForResponse(/\/history/);
  await visit(page, '/');
  const {points, step_seconds: step} = await (await answered).json();
  const plot = page.getByRole('slider', {name: 'Reports a minute'});
  const readout = page.locator('.plot').first().locator('.readout');
  const said = (index) => new RegExp(`^\\d\\d:\\d\\d, accepted ${Math.round((points[index][1] * 60) / step).toLocaleString('en-GB')}, delayed \\d+, refused \\d+$`);
  await plot.focus();
  await checkAccessible(page, 'plots');
  const busiest = points.findIndex((point) => point[1] === Math.max(...points.map((one) => one[1])));
  for (let index = points.length - 1; index > busiest; index--) await page.keyboard.press('ArrowLeft');
  if (busiest === points.length - 1) await page.keyboard.press('End');
  assert.match(await plot.getAttribute('aria-valuetext'), said(busiest));
  assert.equal(Number(await plot.getAttribute('aria-valuenow')), points[busiest][0]);
  assert.match(await readout.innerText(), /^\d\d:\d\d\s/);
  assert.equal(await page.locator('.plot').first().locator('.cursor').getAttribute('visibility'), 'visible');
  await shoot(page, 'plot-by-keyboard');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowLeft');
  assert.match(await plot.getAttribute('aria-valuetext'), said(0));
  await page.waitForResponse(/\/history/);
  await page.waitForFunction((count) => document.querySelector('.plot .line').getAttribute('d').match(/,/g).length > count, points.length);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Reports a minute', 'drawn anew');
  assert.match(await plot.getAttribute('aria-valuetext'), said(0), 'still the time that was picked');
  await page.keyboard.press('Escape');
  assert.match(await readout.innerText(), /^accepted /);
  await page.keyboard.press('Home');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Age of the queue');
  assert.match(await readout.innerText(), /^accepted /, 'left, it tells of now');
  await close();
}

/* Of the connection "lab", one device of two has been reported; the other's turn comes in hours. */
export async function the_weekly_report_shows_how_far_it_is() {
  for (const [locale, label, text] of [['en-GB', 'Weekly report', '1 of 2'], ['es-ES', 'Informe semanal', '1 de 2']]) {
    const {page, close} = await open({locale});
    await signIn(page);
    const card = page.locator('.card', {has: page.getByRole('heading', {name: 'lab', exact: true})});
    await card.getByText(text, {exact: true}).waitFor();
    const bar = card.getByRole('progressbar', {name: label});
    assert.deepEqual(await bar.evaluate(({value, max}) => [value, max]), [1, 2]);
    await close();
  }
}

export async function links_work_once() {
  const {page, context, close} = await open();
  const {url} = complyctl('page');
  await page.goto(url);
  await ready(page);
  assert.equal(page.url(), `${base}/`);
  const other = await context.browser().newContext();
  const second = await other.newPage();
  const answer = await second.goto(url);
  assert.equal(answer.status(), 403);
  await checkAccessible(second, 'used link');
  await shoot(second, 'used-link');
  assert.equal((await second.goto(base)).status(), 401);
  await shoot(second, 'sign-in');
  await checkAccessible(second, 'sign-in');
  await second.getByRole('link', {name: 'Español'}).click();
  await second.getByRole('heading', {name: 'Iniciar sesión'}).waitFor();
  await close();
}

/* The browser withholds a SameSite=Strict cookie from the redirect of a navigation that another site began. */
export async function a_link_in_another_sites_page_signs_in() {
  const {page, close} = await open();
  const {url} = complyctl('page');
  await page.route('http://elsewhere.example/', (route) => route.fulfill({contentType: 'text/html', body: `<a href="${url}">here</a>`}));
  await page.goto('http://elsewhere.example/');
  await page.getByRole('link', {name: 'here'}).click();
  await ready(page);
  assert.equal(page.url(), `${base}/`);
  await close();
}

export async function signing_out_ends_every_window() {
  const {page, context, close} = await open();
  await signIn(page);
  const second = await context.newPage();
  await visit(second, '/devices');
  second.expected = /401/;
  await page.getByRole('button', {name: 'Sign out'}).click();
  await page.getByRole('heading', {name: 'Sign in'}).waitFor();
  await second.getByRole('dialog').getByText('Your session has ended').waitFor();
  await shoot(second, 'ended');
  await checkAccessible(second, 'ended session');
  assert.equal(await second.locator('#live').textContent(), 'Signed out');
  await close();
}

export async function the_language_is_switched_and_kept() {
  const {page, close} = await open();
  await signIn(page);
  await visit(page, '/devices?state=non_compliant');
  await page.getByRole('link', {name: 'Español'}).click();
  await page.getByRole('heading', {name: 'Dispositivos'}).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'es');
  assert.equal(await page.getByLabel('Estado').inputValue(), 'non_compliant');
  await visit(page, '/account');
  await page.getByRole('heading', {name: 'Cuenta'}).waitFor();
  await visit(page, '/devices/A-wall');
  await page.getByText('El usuario abre Microsoft Authenticator y registra el dispositivo.').waitFor();
  await page.getByText('Código de estado del cliente de Azure').waitFor();
  await close();
}

export async function no_text_is_missing() {
  for (const locale of ['en-GB', 'es-ES']) {
    const {page, close} = await open({locale});
    await signIn(page);
    for (const [what, path] of pages) {
      await visit(page, path);
      const text = await page.locator('body').innerText();
      assert.doesNotMatch(text, /\b(overview|devices|device|account|activity|connection|plot|plan|holds?|unhold|drift|retire|revive|priority|held|phase|cause|field|shell|live|error|state|status|kind|result)\.[a-z]\w+/, what);
      assert.doesNotMatch(text, /\{\w+\}|undefined|NaN|\[object/, what);
    }
    await close();
  }
}

export async function changes_appear_by_themselves() {
  const {page, close} = await open();
  mdm({policy: {policy_id: 'live', name: 'Live policy', enabled: 1, actions: ['block_email']}});
  const [{device_id: id}] = complyctl('device', 'list', '--state', 'compliant', '--search', 'iPhone');
  await signIn(page);
  await visit(page, `/devices/${id}`);
  await page.locator('.summary').getByText('Compliant', {exact: true}).waitFor();
  await page.evaluate(() => { window.notReloaded = true; });
  mdm({device: {device_id: id, violations: ['live']}});
  await page.locator('.summary').getByText('Not compliant', {exact: true}).waitFor();
  await page.getByText('Live policy').waitFor();
  await page.getByText('The strictest action among its violations is block_email').waitFor();
  await shoot(page, 'device-violation');
  assert.equal(await page.evaluate(() => window.notReloaded), true);
  mdm({device: {device_id: id, violations: []}});
  await page.locator('.summary').getByText('Compliant', {exact: true}).waitFor();
  await close();
}

/* The fields and the entries of the timeline, as they are read: label and value, and the words of each head without its time. */
const azureFields = (page) => page.locator('.azure .field').evaluateAll((fields) =>
  fields.map((field) => [field.querySelector('dt').textContent, field.querySelector('dd').firstChild.textContent]));
const entryHeads = (page) => page.locator('.timeline .entry .head').evaluateAll((heads) =>
  heads.map((head) => [...head.children].filter((child) => !child.querySelector('time')).map((child) => child.textContent).join(' | ')));

export async function device_details_show_the_four_fields_and_the_timeline() {
  const {device_id: id, azure_device_id: azureId} = settled('iPhone');
  const labels = {
    'en-GB': ['Azure Device Identifier', 'Azure Device Compliance Status', 'Azure Client Status Code', 'Azure Device Compliance Report Time'],
    'es-ES': ['Identificador de dispositivo de Azure', 'Estado de cumplimiento del dispositivo de Azure',
      'Código de estado del cliente de Azure', 'Hora del informe de cumplimiento del dispositivo de Azure'],
  };
  const told = {
    'en-GB': ['Success', ['Verdict | Compliant | success', 'Report | Compliant | accepted', 'Operator | asked'], /^by .*uid/],
    'es-ES': ['Correcto', ['Resultado | Conforme | correcto', 'Informe | Conforme | aceptado', 'Operador | pedido'], /^por .*uid/],
  };
  for (const locale of ['en-GB', 'es-ES']) {
    const [success, entries, by] = told[locale];
    const {page, close} = await open({locale});
    await signIn(page);
    await visit(page, `/devices/${id}`);
    await page.locator('.timeline .entry').first().waitFor();
    const before = (await entryHeads(page)).length;
    complyctl('device', 'report', id);
    await page.waitForFunction((count) => document.querySelectorAll('.timeline .entry').length === count, before + 3);
    assert.deepEqual((await entryHeads(page)).slice(0, 3), entries);
    assert.match(await page.locator('.timeline .entry').nth(2).locator('p').innerText(), by);
    await page.locator('.azure .field').nth(1).getByText(success, {exact: true}).waitFor();
    const {azure_report_time: time, azure_client_status: code} = complyctl('device', 'show', id);
    const fields = await azureFields(page);
    assert.deepEqual(fields.map(([label]) => label), labels[locale]);
    assert.deepEqual(fields.slice(0, 3).map(([, value]) => value), [azureId, success, code]);
    assert.match(fields[3][1], /\d\d?:\d{2}:\d{2}/);
    assert.equal(await page.locator('.azure time').getAttribute('datetime'), time);
    await visit(page, '/devices/A-wall');
    assert.deepEqual((await azureFields(page)).map(([, value]) => value), ['–', '–', 'Workplace_Join_Required', '–']);
    await close();
  }
}

/* Waits until there are entries and all of them say this. */
async function onlyEntries(page, selector, text) {
  await page.waitForFunction(([where, wanted]) => {
    const entries = [...document.querySelectorAll('.timeline .entry')];
    return entries.length > 0 && entries.every((entry) => [...entry.querySelectorAll(where)].some((one) => one.textContent === wanted));
  }, [selector, text]);
}

export async function activity_is_filtered_continued_and_live() {
  const {device_id: id} = settled('iPad');
  const {page, close} = await open();
  await signIn(page);
  await visit(page, '/activity');
  await page.evaluate(() => { window.notReloaded = true; });
  const entries = page.locator('.timeline .entry');
  assert.equal(await entries.count(), 50);
  await page.getByRole('button', {name: 'Show older'}).click();
  await entries.nth(99).waitFor();
  await page.getByRole('button', {name: 'Show older'}).click();
  await entries.nth(149).waitFor();
  const times = await page.locator('.timeline .entry .head time').evaluateAll((all) => all.map((time) => time.dateTime));
  assert.equal(times.length, 150);
  assert.deepEqual(times, [...times].sort().reverse(), 'newest first, over all pages');
  const links = await page.locator('.timeline .entry a').evaluateAll((all) => all.map((link) => link.dataset.key));
  assert.equal(new Set(links).size, links.length, 'no entry comes twice');

  complyctl('device', 'report', id);
  await page.locator('.timeline .entry').first().getByText('Verdict').waitFor();
  await entries.filter({hasText: 'Operator'}).first().getByRole('link', {name: id}).waitFor();
  assert.equal(await page.evaluate(() => window.notReloaded), true);

  await page.getByLabel('Kind').selectOption('operator');
  await onlyEntries(page, '.name', 'Operator');
  assert.match(page.url(), /kind=operator/);
  await page.getByLabel('Kind').selectOption('');
  await page.getByRole('searchbox', {name: 'Device'}).fill(id);
  await page.keyboard.press('Enter');
  await onlyEntries(page, 'a', id);
  assert.ok(await entries.count() >= 3);
  await page.locator('select[name=connection]').selectOption('lab');
  await page.getByText('Nothing has happened that matches.').waitFor();
  await page.getByRole('searchbox', {name: 'Device'}).fill('');
  await page.keyboard.press('Enter');
  await onlyEntries(page, '.head > .faint', 'lab');
  await page.reload();
  await ready(page);
  await onlyEntries(page, '.head > .faint', 'lab');
  assert.equal(await page.locator('select[name=connection]').inputValue(), 'lab');
  await page.goBack();
  await page.getByText('Nothing has happened that matches.').waitFor();
  assert.equal(await page.getByRole('searchbox', {name: 'Device'}).inputValue(), id);
  await shoot(page, 'activity-none');
  await checkAccessible(page, 'activity without an entry');
  await close();
}

export async function devices_are_found_filtered_and_paged() {
  const {page, close} = await open();
  await signIn(page);
  await visit(page, '/devices');
  const rows = page.locator('tbody tr');
  assert.equal(await rows.count(), 50);
  const first = await rows.first().innerText();
  await page.getByRole('button', {name: 'Next'}).click();
  await page.waitForFunction((text) => document.querySelector('tbody tr')?.innerText !== text, first);
  assert.match(page.url(), /after=/);
  await page.getByRole('button', {name: 'Back'}).click();
  await page.waitForFunction((text) => document.querySelector('tbody tr')?.innerText === text, first);
  await page.getByRole('searchbox').fill('lent mac');
  await page.getByRole('link', {name: 'Lent MacBook'}).waitFor();
  await page.getByText('1 device', {exact: true}).waitFor();
  await page.getByLabel('State').selectOption('removed');
  await page.getByText('No device matches.').waitFor();
  await page.goBack();
  await page.getByRole('link', {name: 'Lent MacBook'}).click();
  await page.getByRole('heading', {name: 'Lent MacBook'}).waitFor();
  await close();
}

/* What the store holds is text, never markup, and any id can be addressed. */
export async function ids_and_names_are_only_text() {
  const {page, close} = await open();
  await signIn(page);
  await visit(page, '/devices?search=onerror');
  await page.getByRole('link', {name: '<img src=x onerror=alert(1)>'}).click();
  await page.getByRole('heading', {name: '<img src=x onerror=alert(1)>'}).waitFor();
  await page.getByText('A <b>&"q"/ü').waitFor();
  await page.getByRole('heading', {name: 'is not a GUID'}).waitFor();
  await page.goto(`${base}/?lang=%22%3E%3Cscript%3Ealert(1)%3C/script%3E`);
  await ready(page);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await close();
}

export async function an_unknown_device_says_so() {
  const {page, close} = await open();
  await signIn(page);
  await page.goto(`${base}/devices/nobody`);
  await page.getByText('There is no device nobody').waitFor();
  await checkAccessible(page, 'unknown device');
  page.expected = /404/;
  assert.equal((await page.goto(`${base}/nowhere`)).status(), 404);
  await page.getByRole('heading', {name: 'There is no such page'}).waitFor();
  await checkAccessible(page, 'unknown page');
  await close();
}

export async function a_report_is_asked_for_by_keyboard_alone() {
  const {page, close} = await open();
  await signIn(page);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
  await shoot(page, 'skip-link');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Devices');
  await page.keyboard.press('Enter');
  await ready(page);
  await page.getByRole('searchbox').focus();
  await page.keyboard.type('Lent MacBook');
  await page.getByText('1 device', {exact: true}).waitFor();
  await page.getByRole('link', {name: 'Lent MacBook'}).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', {name: 'Report now'}).waitFor();
  await page.getByRole('button', {name: 'Report now'}).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  await shootDialog(page, 'report-en');
  await page.keyboard.press('Escape');
  await dialog.waitFor({state: 'detached'});
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Report now');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Report now');
  await page.keyboard.press('Enter');
  await page.getByText('Queued: it is sent in its turn.').waitFor();
  await close();
}

export async function disconnecting_names_what_will_happen() {
  for (const [name, options] of looks) {
    const {page, close} = await open(options);
    await signIn(page);
    await visit(page, '/account');
    await page.getByRole('button', {name: /Disconnect …|Desconectar …/}).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/not managed and not compliant|no administrado y no conforme/).waitFor();
    const go = dialog.getByRole('button', {name: /^Disconnect$|^Desconectar$/});
    assert.ok(await go.isDisabled());
    await shootDialog(page, `disconnect-${name}`);
    await dialog.getByRole('textbox').fill('default');
    assert.ok(await go.isDisabled());
    await dialog.getByRole('checkbox').first().check();
    assert.ok(await go.isEnabled());
    await dialog.getByRole('textbox').fill('defaul');
    assert.ok(await go.isDisabled());
    const only = dialog.getByLabel(/Only this server|Solo este servidor/);
    const force = dialog.getByLabel(/Go on although|Seguir aunque/);
    await only.check();
    await dialog.getByText(/stops reporting|deja de comunicar/).waitFor();
    assert.ok(await force.isHidden());
    await only.uncheck();
    await force.check();
    await dialog.getByText(/but not for devices that it refuses|pero no los de dispositivos que rechaza/).waitFor();
    await dialog.getByRole('button', {name: /Cancel|Cancelar/}).click();
    await dialog.waitFor({state: 'detached'});
    await close();
  }
}

/* One device that nobody else touches, told as compliant. */
function settled(search) {
  const [device] = complyctl('device', 'list', '--state', 'compliant', '--search', search);
  assert.ok(device, search);
  return device;
}

const looks = [['en', {}], ['es', {locale: 'es-ES', colorScheme: 'dark', viewport: {width: 375, height: 720}}]];

/* In both colours, wide and on a phone; then it is as it was. */
async function shootDialog(page, name) {
  await page.getByRole('dialog').waitFor();
  const before = {size: page.viewportSize(), dark: await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches)};
  for (const [where, viewport] of [['wide', {width: 1280, height: 900}], ['phone', {width: 375, height: 720}]]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({colorScheme});
      await page.screenshot({path: `${shots}/dialog-${name}-${where}-${colorScheme}.png`});
      await checkFits(page, name);
      if (where === 'phone') await checkAccessible(page, `${name} ${colorScheme}`);
    }
  }
  await page.setViewportSize(before.size);
  await page.emulateMedia({colorScheme: before.dark ? 'dark' : 'light'});
}

export async function a_device_is_retired_and_revived() {
  const device = settled('MacBook');
  for (const [name, options] of looks) {
    const {page, close} = await open(options);
    await signIn(page);
    await visit(page, `/devices/${device.device_id}`);
    await page.evaluate(() => { window.notReloaded = true; });
    await page.getByRole('button', {name: /^Retire …$|^Retirar …$/}).click();
    await page.getByRole('dialog').getByText(/not managed and not compliant|no está administrado ni es conforme/).waitFor();
    await shootDialog(page, `retire-${name}`);
    await page.keyboard.press('Escape');
    assert.notEqual(complyctl('device', 'show', device.device_id).azure_state, 'removed');
    await page.getByRole('button', {name: /^Retire …$|^Retirar …$/}).press('Enter');
    await page.getByRole('dialog').getByRole('button', {name: /^Retire$|^Retirar$/}).press('Enter');
    await page.locator('.summary').getByText(/^Removed$|^Retirado$/).waitFor();
    await page.getByText(/An operator retired the device, so|Un operador retiró el dispositivo, así/).waitFor();
    await page.getByRole('button', {name: /^Revive …$|^Recuperar …$/}).click();
    await shootDialog(page, `revive-${name}`);
    await page.getByRole('dialog').getByRole('button', {name: /^Revive$|^Recuperar$/}).click();
    await page.locator('.summary').getByText(/^Compliant$|^Conforme$/).waitFor();
    await page.getByRole('button', {name: /^Retire …$|^Retirar …$/}).waitFor();
    assert.equal(await page.evaluate(() => window.notReloaded), true);
    await close();
  }
}

export async function all_that_match_are_retired() {
  const {page, close} = await open();
  await signIn(page);
  await visit(page, '/devices');
  assert.equal(await page.getByRole('button', {name: 'Retire all that match …'}).count(), 0, 'not the whole fleet');
  await page.getByRole('searchbox').fill('OptiPlex');
  await page.getByRole('button', {name: 'Retire all that match …'}).waitFor();
  const devices = complyctl('device', 'list', '--search', 'OptiPlex').filter((device) => device.azure_device_id && device.azure_state !== 'removed');
  complyctl('hold', devices[0].device_id, '--until', '1h', '--reason', 'stays');
  await page.getByRole('button', {name: 'Retire all that match …'}).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The breaker counts them').waitFor();
  const go = dialog.getByRole('button', {name: 'Retire', exact: true});
  await dialog.getByRole('textbox').fill(String(devices.length + 1));
  assert.ok(await go.isDisabled());
  const colour = () => go.evaluate((button) => getComputedStyle(button).backgroundColor);
  const off = await colour();
  await dialog.getByRole('textbox').fill(String(devices.length));
  assert.notEqual(await colour(), off, 'what cannot be pressed looks so');
  await shootDialog(page, 'retire-all-en');
  page.expected = /409/; // the one that is held
  await dialog.getByRole('textbox').press('Enter');
  await page.getByText(`${devices.length - 1} devices are being retired; 1 held or retired already.`).waitFor();
  await page.getByLabel('State').selectOption('removed');
  await page.getByText(`${devices.length - 1} devices`, {exact: true}).waitFor();
  complyctl('unhold', devices[0].device_id);
  for (const device of devices.slice(1)) complyctl('device', 'revive', device.device_id);
  await close();
}

export async function a_device_is_held_and_let_go() {
  const device = settled('iPad');
  for (const [name, options] of looks) {
    const {page, close} = await open(options);
    await signIn(page);
    await visit(page, `/devices/${device.device_id}`);
    await page.getByRole('button', {name: /^Hold …$|^Retener …$/}).click();
    const dialog = page.getByRole('dialog');
    const go = dialog.getByRole('button', {name: /^Hold$|^Retener$/});
    assert.ok(await go.isDisabled(), 'without a reason');
    await dialog.getByLabel(/Reason|Motivo/).fill('CEO <b>travels</b>');
    assert.ok(await go.isEnabled());
    await dialog.getByLabel(/How long|Durante cuánto/).selectOption('');
    await dialog.getByLabel(/^Until$|^Hasta$/).fill('2001-01-01T10:00');
    await dialog.getByText(/must be one to come|tiene que estar por venir/).waitFor();
    assert.ok(await go.isDisabled(), 'a time that has gone by');
    await dialog.getByLabel(/^Until$|^Hasta$/).fill('2031-05-06T10:30');
    await shootDialog(page, `hold-${name}`);
    await go.press('Enter');
    await page.getByRole('heading', {name: /operator keeps the device|operador mantiene el dispositivo/}).waitFor();
    await page.locator('#notices').getByText('CEO <b>travels</b>').waitFor();
    assert.equal(await page.getByRole('button', {name: /^Retire …$|^Retirar …$/}).count(), 0, 'the hold has to end first');
    await shoot(page, `device-held-${name}`);
    await checkAccessible(page, 'held device');
    await visit(page, '/holds');
    await page.getByRole('link', {name: device.device_id}).waitFor();
    await shoot(page, `holds-one-${name}`);
    await checkFits(page, 'holds');
    await checkAccessible(page, 'holds');
    await page.getByRole('button', {name: new RegExp(`(hold of Device|retención de Dispositivo) ${device.device_id}`)}).click();
    await shootDialog(page, `unhold-${name}`);
    await page.getByRole('dialog').getByRole('button', {name: /End now|Terminar ya/}).click();
    await page.getByRole('link', {name: device.device_id}).waitFor({state: 'detached'});
    await close();
  }
}

/* What is drawn anew behind a dialog has the focus again when it closes. */
export async function the_keyboard_finds_its_place_behind_a_dialog() {
  const device = settled('iPhone 15 Pro');
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  const {page, close} = await open();
  await signIn(page);
  await visit(page, `/devices/${device.device_id}`);
  await page.getByRole('button', {name: 'Hold …'}).press('Enter');
  await page.getByRole('dialog').waitFor();
  mdm({device: {device_id: device.device_id, name: 'Renamed meanwhile'}});
  await page.locator('#title').getByText('Renamed meanwhile').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({state: 'detached'});
  assert.equal(await focused(), 'Hold …');
  mdm({device: {device_id: device.device_id, name: device.name}});
  await close();
}

export async function a_policy_is_held() {
  const {page, close} = await open();
  mdm({policy: {policy_id: 'held', name: 'Rollout', enabled: 1, actions: ['quarantine']}});
  await signIn(page);
  await visit(page, '/holds');
  await page.getByRole('button', {name: 'Hold a policy …'}).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Policy').selectOption('held');
  await dialog.getByLabel('How long').selectOption('12h');
  await dialog.getByLabel(/Reason/).fill('went wrong');
  await shootDialog(page, 'hold-policy-en');
  await dialog.getByRole('button', {name: 'Hold', exact: true}).click();
  await page.getByText('went wrong').waitFor();
  const device = settled('Galaxy');
  mdm({device: {device_id: device.device_id, violations: ['held']}});
  await visit(page, `/devices/${device.device_id}`);
  await page.getByText('An operator keeps it as Microsoft was told, compliant').waitFor();
  await page.getByRole('link', {name: 'Policy held'}).click();
  await page.getByRole('button', {name: 'End now: hold of Policy held'}).click();
  await page.getByRole('dialog').getByRole('button', {name: 'End now'}).click();
  await page.getByText('went wrong').waitFor({state: 'detached'});
  mdm({device: {device_id: device.device_id, violations: []}});
  await close();
}

export async function differences_are_found_and_repaired() {
  const device = settled('Surface');
  for (const [name, options] of looks) {
    const {page, close} = await open(options);
    await signIn(page);
    await visit(page, '/drift?connection=default');
    await page.evaluate(() => { window.notReloaded = true; });
    otherWriter(device.azure_device_id, {isCompliant: false});
    const card = page.getByRole('region', {name: 'default'});
    await card.getByRole('button', {name: /Compare now|Comparar ahora/}).click();
    await shootDialog(page, `drift-compare-${name}`);
    await page.getByRole('dialog').getByRole('button', {name: /Compare now|Comparar ahora/}).press('Enter');
    await page.getByRole('link', {name: device.name}).waitFor();
    await shoot(page, `drift-found-${name}`);
    await checkFits(page, 'drift');
    await checkAccessible(page, 'drift');
    await card.getByRole('button', {name: /Report these again|Comunicar estos de nuevo/}).click();
    await shootDialog(page, `drift-repair-${name}`);
    await page.getByRole('dialog').getByRole('button', {name: /Report these again|Comunicar estos de nuevo/}).click();
    await page.getByRole('link', {name: device.name}).waitFor({state: 'detached'});
    assert.equal(await page.evaluate(() => window.notReloaded), true);
    await close();
  }
}

/* The credential of "branch" is wrong: what it would send waits. */
export async function the_plan_shows_what_waits() {
  const {page, close} = await open();
  mdm({device: {device_id: 'plan-1', connection: 'branch', name: 'Branch phone', platform: 'ios', evaluated_at: 1790000000,
    azure_device_id: '0000000a-0000-4000-8000-00000000000a', user_principal_name: 'ada@example.com'}});
  await signIn(page);
  await visit(page, '/plan');
  await page.getByRole('link', {name: 'plan-1'}).waitFor();
  await shoot(page, 'plan-waits');
  await checkAccessible(page, 'plan');
  mdm({delete_device: 'plan-1'});
  await page.getByRole('link', {name: 'plan-1'}).waitFor({state: 'detached'});
  await close();
}

export async function an_account_is_connected_and_disconnected() {
  const {page, close} = await open();
  await signIn(page);
  await visit(page, '/account');
  await page.evaluate(() => { window.notReloaded = true; });
  const card = page.getByRole('region', {name: 'lab'});
  await card.getByRole('button', {name: 'Connect', exact: true}).click();
  await page.getByRole('dialog').getByText('the tenant is provisioned').waitFor();
  await shootDialog(page, 'connect-en');
  await page.getByRole('dialog').getByRole('button', {name: 'Connect'}).click();
  await card.getByText('connected', {exact: true}).waitFor();
  await card.getByText('Assign the policy for macOS').waitFor();
  await shoot(page, 'account-connected');
  await checkAccessible(page, 'connected account');
  await card.getByRole('button', {name: 'Disconnect …'}).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('2 devices are managed at Microsoft').waitFor();
  await dialog.getByRole('checkbox').first().check();
  await dialog.getByRole('textbox').fill('lab');
  await dialog.getByRole('button', {name: 'Disconnect', exact: true}).press('Enter');
  await card.getByText('disconnected', {exact: true}).waitFor();
  await card.getByText('Deprovision the tenant').waitFor();
  assert.equal(await card.getByRole('button', {name: 'Disconnect …'}).count(), 0);
  await shoot(page, 'account-disconnected');
  assert.equal(complyctl('device', 'show', 'lab-mac').azure_state, 'removed');
  await card.getByRole('button', {name: 'Connect'}).click();
  await page.getByRole('dialog').getByRole('button', {name: 'Connect'}).click();
  await card.getByText('connected', {exact: true}).waitFor();
  await page.getByRole('link', {name: 'Español'}).click();
  await card.getByText('todavía no hay dispositivos de esta plataforma').first().waitFor();
  await card.getByRole('button', {name: 'Comprobar y conectar de nuevo'}).click();
  await page.getByRole('dialog').getByText('se da de alta el inquilino').waitFor();
  await shootDialog(page, 'connect-es');
  await page.keyboard.press('Escape');
  await page.getByRole('link', {name: 'English'}).click();
  await ready(page);
  await visit(page, '/devices/lab-mac');
  await page.locator('.summary').getByText('Compliant', {exact: true}).waitFor();
  await close();
}

/* Who signs in anew has another session: what older windows show is not theirs any more, until they are loaded again. */
export async function a_stale_page_is_told_and_goes_on() {
  const {page, context, close} = await open();
  await signIn(page);
  await visit(page, '/devices/A-stranger');
  await signIn(await context.newPage());
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Your session has ended').waitFor();
  await page.keyboard.press('Escape');
  assert.ok(await dialog.isVisible());
  await dialog.getByRole('link', {name: 'Continue'}).click();
  await ready(page);
  assert.equal(page.url(), `${base}/devices/A-stranger`);
  await close();
}

export async function everything_is_reported_again() {
  const resync = () => complyctl('status').connections.find(({name}) => name === 'lab').resync;
  for (const [name, options] of looks) {
    const {page, close} = await open(options);
    await signIn(page);
    await visit(page, '/account');
    const before = resync().finished;
    const button = page.getByRole('region', {name: 'lab'}).getByRole('button', {name: /Report everything again|Comunicar todo de nuevo/});
    await button.click();
    await page.getByRole('dialog').getByText(/changed or not|haya cambiado o no/).waitFor();
    await shootDialog(page, `resync-${name}`);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({state: 'detached'});
    assert.equal(resync().started, '', 'nothing was asked for');
    assert.equal(resync().finished, before);
    await button.press('Enter');
    await page.getByRole('dialog').getByRole('button', {name: /Report everything again|Comunicar todo de nuevo/}).press('Enter');
    await page.getByText(/^Begun\. Its progress|^Iniciado\. El progreso/).waitFor();
    while (resync().finished === before) await page.waitForTimeout(200);
    await close();
  }
}

/* Meanwhile somebody has held the device. */
export async function a_refusal_is_said_in_the_readers_language() {
  const {device_id: id} = settled('Galaxy');
  for (const [locale, sentence] of [['en-GB', 'As things stand, that cannot be done:'], ['es-ES', 'Tal como están las cosas, eso no se puede hacer:']]) {
    const {page, close} = await open({locale, viewport: {width: 375, height: 720}});
    await signIn(page);
    await visit(page, `/devices/${id}`);
    await page.getByRole('button', {name: /^Retire …$|^Retirar …$/}).click();
    complyctl('hold', id, '--until', '1h', '--reason', 'stays');
    page.expected = /409/;
    await page.getByRole('dialog').getByRole('button', {name: /^Retire$|^Retirar$/}).click();
    const fault = page.getByRole('dialog').getByRole('alert');
    await fault.getByText(sentence).waitFor();
    assert.match(await fault.locator('[lang=en]').innerText(), /held/);
    const [text, buttons] = [await fault.boundingBox(), await page.getByRole('dialog').locator('.buttons').boundingBox()];
    assert.ok(text.y + text.height <= buttons.y, 'in sight');
    await shootDialog(page, `refused-${locale.slice(0, 2)}`);
    await page.keyboard.press('Escape');
    complyctl('unhold', id);
    await page.locator('.timeline [lang=en]').getByText(/hold/).first().waitFor();
    await close();
  }
}

/* The token of "branch" is refused, in Microsoft's words. */
export async function what_is_english_is_marked_as_such() {
  const {page, close} = await open({locale: 'es-ES'});
  await signIn(page);
  await page.locator('#notices [lang=en]').getByText(/AADSTS\d+/).waitFor();
  await page.route(/events\?watch=%2Fv1%2Fstatus/, async (route) => {
    const answer = await (await page.request.get(`${base}/v1/status?devices=no`)).json();
    answer.store = {...answer.store, healthy: false, error: 'the disk is full', cure: 'Haga sitio.'};
    answer.figures_error = 'the reader is gone';
    await route.fulfill({contentType: 'text/event-stream', body: `event: data\ndata: ${JSON.stringify(answer)}\n\n`});
  });
  await page.goto(base);
  for (const text of ['the disk is full', 'the reader is gone']) await page.locator('#notices [lang=en]').getByText(text, {exact: true}).waitFor();
  await close();
}

/* Those that other scenarios open in English only. */
export async function the_other_dialogs_in_spanish() {
  const {page, close} = await open({locale: 'es-ES'});
  await signIn(page);
  for (const [name, path, button] of [['report', '/devices/lab-pc', 'Comunicar ahora'], ['hold-policy', '/holds', 'Retener una directiva …'],
    ['retire-all', '/devices?search=OptiPlex', 'Retirar todos los que coinciden …']]) {
    await visit(page, path);
    await page.getByRole('button', {name: button}).click();
    await shootDialog(page, `${name}-es`);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({state: 'detached'});
  }
  await close();
}

/* What the breaker holds is discarded in one language, and after the next time released in the other. The last one: for its time a third of
 * the fleet is at stake. */
export async function the_breaker_opens_and_is_settled() {
  const devices = complyctl('device', 'list', '--state', 'compliant').filter((device) => device.connection === 'default').slice(0, 230);
  for (const [name, options] of looks) {
    const {page, close} = await open(options);
    await signIn(page);
    mdm({policy: {policy_id: 'wrong', name: 'A wrong policy', enabled: 1, actions: ['quarantine']}},
      ...devices.map((device) => ({device: {device_id: device.device_id, violations: ['wrong']}})));
    await page.getByText(/The breaker of default holds \d+ reports|El disyuntor de default retiene \d+ informes/).waitFor();
    await page.getByText('A wrong policy').waitFor();
    await shoot(page, `breaker-${name}`);
    await checkAccessible(page, 'breaker');
    for (const [verb, label, text] of [['release', /^Release$|^Liberar$/, /A|a/], ['discard', /^Discard$|^Descartar$/, /keep the state that Microsoft knows|conservan el estado/]]) {
      await page.getByRole('button', {name: label}).click();
      await page.getByRole('dialog').getByText(text).first().waitFor();
      await shootDialog(page, `breaker-${verb}-${name}`);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({state: 'detached'});
    }
    const chosen = name === 'en' ? /^Discard$/ : /^Liberar$/;
    await page.getByRole('button', {name: chosen}).press('Enter');
    await page.getByRole('dialog').getByRole('button', {name: chosen}).press('Enter');
    await page.getByText(name === 'en' ? /^Discarded: Microsoft/ : /^Liberad/).waitFor();
    await page.getByText(/The breaker of default holds|El disyuntor de default/).waitFor({state: 'detached'});
    const state = name === 'en' ? 'compliant' : 'non_compliant';
    while (complyctl('device', 'show', devices[0].device_id).azure_state !== state) await page.waitForTimeout(200);
    mdm(...devices.map((device) => ({device: {device_id: device.device_id, violations: []}})));
    await close();
  }
}
