/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* node run.mjs --list | SCENARIO: exit code 0 when it went well. */
const name = process.argv[2];

if (name === '--list') {
  const {readFileSync} = await import('node:fs');
  const text = readFileSync(new URL('scenarios.mjs', import.meta.url), 'utf8');
  console.log([...text.matchAll(/^export async function (\w+)\(/gm)].map((match) => match[1]).join('\n'));
} else {
  const scenarios = await import('./scenarios.mjs');
  await scenarios[name]();
}
