/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What the scenarios share: a browser, signing in, an accessibility check, screenshots, and what the MDM or an operator does. */
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import assert from 'node:assert/strict';
import {chromium} from 'playwright-core';

const {base, shots, store, ctl, sim} = JSON.parse(process.env.COMPLYD_PAGE ?? '{}');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export {base, shots};

export function complyctl(...words) {
  const said = execFileSync(ctl[0], [...ctl.slice(1), ...words], {encoding: 'utf8', env: {...process.env, ASAN_OPTIONS: 'detect_leaks=0'}});
  return JSON.parse(said || 'null');
}

/* What the MDM writes: lines of an import. */
export function mdm(...entries) {
  execFileSync(ctl[0], ['--json', 'import', '--store', store, '-'],
    {input: entries.map((entry) => JSON.stringify(entry)).join('\n'), encoding: 'utf8'});
}

/* Another program writes what Microsoft believes of a device, which complyd told an hour ago. */
export function otherWriter(azureId, values) {
  execFileSync('sqlite3', ['-cmd', '.timeout 10000', store,
    `UPDATE report SET accepted_at_ms = accepted_at_ms - 3600000, attempted_at_ms = attempted_at_ms - 3600000 WHERE azure_device_id = '${azureId}'`]);
  execFileSync('curl', ['-sf', '--cacert', sim.ca, '-X', 'PATCH', '-H', 'Content-Type: application/json', '-d', JSON.stringify(values),
    `${sim.url}/sim/devices/${azureId}`]);
}

/* A browser with one context; every fault that it reports, and every request that leaves the page's own address, fails the scenario. */
export async function open(options = {}) {
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu']});
  const context = await browser.newContext({locale: 'en-GB', viewport: {width: 1280, height: 900}, reducedMotion: 'reduce', ...options});
  const faults = [];
  context.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('http://elsewhere.example/')) faults.push(`leaves the page: ${request.url()}`);
  });
  context.on('page', (page) => {
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !page.expected?.test(message.text())) faults.push(`console: ${message.text()}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  return {browser, context, page, async close() {
    await browser.close();
    assert.deepEqual(faults, []);
  }};
}

export async function signIn(page) {
  await page.goto(complyctl('page').url);
  await ready(page);
}

/* The live data is connected and shown. */
export async function ready(page) {
  await page.locator('body[data-shown] #live[data-state=on]').waitFor();
}

export async function visit(page, path) {
  await page.goto(base + path);
  await ready(page);
}

/* Every rule of WCAG 2.2 A and AA and the best practices that axe knows. */
export async function checkAccessible(page, what) {
  await page.evaluate(axe);
  const {violations, passes} = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}));
  assert.ok(passes.some((rule) => rule.id === 'color-contrast'), `${what}: the checker has not looked at contrast`);
  assert.deepEqual(violations.map((violation) =>
    `${what}: ${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`), []);
}

/* Nothing is wider than the window. */
export async function checkFits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${what} is ${over} pixels too wide`);
}

/* The whole page, of a long list its beginning. */
export async function shoot(page, name) {
  const {width, height} = await page.evaluate(() => ({width: innerWidth, height: Math.min(document.documentElement.scrollHeight, 1800)}));
  await page.screenshot({path: `${shots}/${name}.png`, fullPage: true, clip: {x: 0, y: 0, width, height}});
}
