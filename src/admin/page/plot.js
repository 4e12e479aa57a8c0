/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Plots, drawn as SVG by hand: a bar of shares with its legend, and figures over time. */
import {h, number, percent, svg, clockTime, t} from './lib.js';

/* parts: [{key, label, value, href}]. One bar, and a legend that says the figures. */
export function shares(title, parts) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  let x = 0;
  const bars = parts.filter((part) => part.value > 0).map((part) => {
    /* What is there is seen, however small its share. */
    const width = Math.max((part.value / total) * 1000, 4);
    const bar = svg('rect', {x, y: 0, width, height: 20, class: `fill-${part.key}`}, svg('title', {}, `${part.label}: ${number(part.value)}`));
    x += width;
    return bar;
  });
  return h('figure', {class: 'shares'},
    svg('svg', {viewBox: `0 0 ${Math.max(x, 1)} 20`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title}, bars),
    h('ul', {class: 'legend'}, parts.map((part) => h('li', {},
      h('a', {href: part.href, 'data-key': `share-${part.key}`},
        h('span', {class: `swatch back-${part.key}`}),
        h('span', {class: 'name'}, part.label),
        h('span', {class: 'figure'}, number(part.value)),
        h('span', {class: 'faint'}, total ? percent(part.value / total) : '–'))))));
}

const width = 720;
const height = 200;
const edge = {left: 52, right: 8, top: 10, bottom: 24};

/* A round figure not below `value` that three lines divide well. */
function roundUp(value) {
  const step = 10 ** Math.floor(Math.log10(Math.max(value, 3) / 3));
  return [1, 2, 5, 10].map((factor) => factor * step * 3).find((candidate) => candidate >= value);
}

function axis(scale, top, format) {
  return [0, 1, 2, 3].map((line) => {
    const y = scale.y((top * line) / 3);
    return [
      svg('line', {x1: edge.left, x2: width - edge.right, y1: y, y2: y, class: 'grid'}),
      svg('text', {x: edge.left - 8, y: y + 4, class: 'tick', 'text-anchor': 'end'}, format((top * line) / 3)),
    ];
  });
}

function hours(scale, from, to) {
  return [0, 1, 2, 3, 4].map((line) => {
    const at = from + ((to - from) * line) / 4;
    return svg('text', {x: scale.x(at), y: height - 6, class: 'tick', 'text-anchor': line === 0 ? 'start' : line === 4 ? 'end' : 'middle'},
      clockTime(new Date(at * 1000)));
  });
}

/* series: [{key, label, value(point)}], stacked on one another; points: [{at, ...}], oldest first. */
export function overTime(title, points, from, to, series, format) {
  const sums = points.map((point) => series.reduce((sum, one) => sum + one.value(point), 0));
  const top = roundUp(Math.max(0, ...sums));
  const scale = {
    x: (at) => edge.left + ((at - from) / (to - from)) * (width - edge.left - edge.right),
    y: (value) => height - edge.bottom - (value / top) * (height - edge.top - edge.bottom),
  };
  const base = points.map(() => 0);
  const areas = series.map((one) => {
    const lower = [...base];
    points.forEach((point, index) => { base[index] += one.value(point); });
    const forth = points.map((point, index) => `${scale.x(point.at).toFixed(1)},${scale.y(base[index]).toFixed(1)}`);
    const back = points.map((point, index) => `${scale.x(point.at).toFixed(1)},${scale.y(lower[index]).toFixed(1)}`).reverse();
    return points.length < 2 ? [] : [
      svg('path', {d: `M${forth.join('L')}L${back.join('L')}Z`, class: `area fill-${one.key}`}),
      svg('path', {d: `M${forth.join('L')}`, class: `line stroke-${one.key}`}),
    ];
  });
  const figure = h('figure', {class: 'plot'},
    h('figcaption', {},
      h('span', {class: 'name'}, title),
      h('span', {class: 'readout'})),
    svg('svg', {viewBox: `0 0 ${width} ${height}`, 'data-key': `plot-${series[0].key}`, ...role(title, points, from, to)},
      axis(scale, top, format), hours(scale, from, to), areas.reverse(),
      svg('line', {class: 'cursor', y1: edge.top, y2: height - edge.bottom, visibility: 'hidden'})));
  if (points.length < 2) figure.append(h('p', {class: 'plot-empty faint'}, t('plot.empty')));
  follow(figure, scale, points, series, format);
  return figure;
}

/* A screen reader is told of a time on the axis, and with it the figures. */
function role(title, points, from, to) {
  if (points.length < 2) return {role: 'img', 'aria-label': `${title}. ${t('plot.empty')}`};
  return {role: 'slider', tabindex: 0, 'aria-label': title, 'aria-valuemin': from, 'aria-valuemax': to};
}

function readout(series, point, format) {
  return series.map((one) => h('span', {},
    h('span', {class: `swatch back-${one.key}`}), `${one.label} `, h('b', {}, point ? format(one.value(point)) : '–')));
}

/* The times that the keyboard has picked, by plot: they outlive a drawing. */
const picked = new Map();

/* From the index of the point that is read to the one that is read next; undefined = now. */
const keys = {
  ArrowLeft: (index) => index - 1,
  ArrowDown: (index) => index - 1,
  ArrowRight: (index) => index + 1,
  ArrowUp: (index) => index + 1,
  PageDown: (index) => index - 10,
  PageUp: (index) => index + 10,
  Home: () => 0,
  End: (index, last) => last,
  Escape: () => undefined,
};

/* The pointer or the keyboard picks a time; without them the figures are those of now. */
function follow(figure, scale, points, series, format) {
  const drawing = figure.querySelector('svg');
  const cursor = figure.querySelector('.cursor');
  const out = figure.querySelector('.readout');
  const plot = drawing.dataset.key;
  const show = (chosen) => {
    const point = chosen ?? points.at(-1);
    const x = chosen ? scale.x(point.at) : 0;
    const time = chosen ? [h('span', {class: 'faint'}, clockTime(new Date(point.at * 1000)))] : [];
    cursor.setAttribute('x1', x);
    cursor.setAttribute('x2', x);
    cursor.setAttribute('visibility', chosen ? 'visible' : 'hidden');
    out.replaceChildren(...time, ...readout(series, point, format));
    if (points.length < 2) return;
    drawing.setAttribute('aria-valuenow', point.at);
    drawing.setAttribute('aria-valuetext',
      [clockTime(new Date(point.at * 1000)), ...series.map((one) => `${one.label} ${format(one.value(point))}`)].join(', '));
  };
  const kept = () => points.find((point) => point.at === picked.get(plot));
  show(kept());
  drawing.addEventListener('pointermove', (event) => {
    const box = drawing.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const nearest = points.reduce((best, point) =>
      (!best || Math.abs(scale.x(point.at) - x) < Math.abs(scale.x(best.at) - x) ? point : best), null);
    if (nearest) show(nearest);
  });
  drawing.addEventListener('pointerleave', () => show(kept()));
  drawing.addEventListener('keydown', (event) => {
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey || points.length < 2) return;
    const point = kept();
    const last = points.length - 1;
    const next = keys[event.key](point ? points.indexOf(point) : last, last);
    event.preventDefault();
    picked.set(plot, points[Math.min(Math.max(next, 0), last)]?.at);
    show(kept());
  });
  /* Not when it is left because it is drawn anew, which gives the focus to the new drawing. */
  drawing.addEventListener('blur', () => queueMicrotask(() => {
    if (!drawing.isConnected) return;
    picked.delete(plot);
    show();
  }));
}
