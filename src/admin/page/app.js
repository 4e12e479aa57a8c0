/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Begins the page that the server's shell names. */
import {explain, h, loadWords, notice, t} from './lib.js';

const page = document.body.dataset.page;

function markNavigation() {
  const name = page === 'device' ? 'devices' : page;
  document.querySelector(`[data-nav="${name}"]`)?.setAttribute('aria-current', name === page ? 'page' : 'true');
  document.getElementById('up').hidden = name === page;
}

/* The switch of language keeps what the page is asked for. */
function keepQuery() {
  const link = document.getElementById('language');
  const query = new URLSearchParams(location.search);
  query.set('lang', link.hreflang);
  link.href = `?${query}`;
}

async function begin() {
  await loadWords();
  markNavigation();
  keepQuery();
  const {show} = await import(`./${page}.js`);
  await show(document.getElementById('content'), document.getElementById('notices'));
}

begin().catch((problem) => {
  document.getElementById('content').replaceChildren(notice('bad', t('error.page'), explain(problem),
    h('a', {class: 'button', href: location.href}, t('error.again'))));
});
