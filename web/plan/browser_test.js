// A generated page in Chromium: its controls are moved as a reader moves them, what it then shows
// is compared with the program's JSON. HADAL_SCREENSHOTS=DIR keeps the pictures.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { formatBytes, formatFlops } from './format.js';
import { plan, planText } from './program.js';
import { Browser, kKeys } from '../testing/webdriver.js';

const kModels = ['v3.2', 'v4-pro', 'v4-flash', 'gqa8'];
let browser, folder, file;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hadal-page-'));
  file = join(folder, 'plan.html');
  planText('compare', ...kModels, '--context', '4K..1M', '--html', file);
  browser = await Browser.start();
  await browser.open(pathToFileURL(file).href);
});

after(async () => {
  await browser?.stop();
  rmSync(folder, { recursive: true, force: true });
});

// What the first table shows: {model: {key: digits}}.
function figures() {
  return browser.run(`
    const shown = {};
    for (const cell of document.querySelectorAll('#figures td'))
      (shown[cell.dataset.model] ??= {})[cell.dataset.key] = cell.dataset.value;
    return shown;`);
}

const value = (id) => browser.run('return document.getElementById(arguments[0]).value', id);
const text = (selector) =>
    browser.run('return document.querySelector(arguments[0]).textContent', selector);

// Compares everything that the page shows with the program, for the state that its controls are in.
async function assertAgrees() {
  const tokens = (await text('#context-text')).replace(/\D/g, '');
  const sequences = BigInt((await text('#sequences-text')).replace(/\D/g, ''));
  const [kv, flops] = [await value('kv'), await value('flops')];
  const report = plan('compare', ...kModels, '--context', tokens, '--kv', kv, '--flops', flops);
  const shown = await figures();
  const legends = await browser.run(`
    return [...document.querySelectorAll('.uplot')].map((chart) =>
      [...chart.querySelectorAll('.u-value')].map((cell) => cell.textContent));`);
  assert.deepEqual(Object.keys(shown).sort(), [...kModels].sort());
  for (const [at, point] of report.points.entries()) {
    const got = shown[point.model];
    const state = BigInt(point.state_bytes);
    const weights = BigInt(report.models[at].weight_bytes);
    assert.equal(got.kv_bytes, String(point.kv_bytes));
    assert.equal(got.read_bytes, String(point.read_bytes));
    assert.equal(got.state_bytes, String(state));
    assert.equal(got.weight_bytes, String(weights));
    assert.equal(got.all_state_bytes, String(sequences * state));
    assert.equal(got.memory_bytes, String(weights + sequences * state));
    assert.equal(Number(got.gflops), point.gflops);
    assert.equal(legends[0][at + 1], formatBytes(point.kv_bytes, false));
    assert.equal(legends[1][at + 1], formatFlops(point.gflops * 1e9));
    const pieces = await browser.run(
      `const bar = document.querySelectorAll('.bar')[arguments[0]];
       return [...bar.children].map((piece) => piece.dataset.value);`,
      at,
    );
    assert.equal(pieces.reduce((sum, piece) => sum + BigInt(piece), 0n),
        weights + sequences * state);
  }
  return { tokens, sequences };
}

async function picture(name) {
  const png = await browser.screenshot();
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
  if (process.env.HADAL_SCREENSHOTS) writeFileSync(join(process.env.HADAL_SCREENSHOTS, name), png);
}

test('as opened: the longest context, one sequence', async () => {
  const { tokens, sequences } = await assertAgrees();
  assert.equal(tokens, '1048576');
  assert.equal(sequences, 1n);
  await picture('opened.png');
});

test('the sliders move with the keyboard', async () => {
  await browser.type('#context', kKeys.left.repeat(20));
  await browser.type('#sequences', kKeys.end);
  const { tokens, sequences } = await assertAgrees();
  assert.equal(tokens, String(Math.round(4096 * 2 ** (108 / 16))));
  assert.equal(sequences, 65536n);
  await browser.type('#context', kKeys.home);
  await browser.type('#sequences', kKeys.home);
  assert.deepEqual(await assertAgrees(), { tokens: '4096', sequences: 1n });
});

test('the fields take any number, and refuse what is none', async () => {
  await browser.type('#context-field', `${kKeys.clear}1000000${kKeys.enter}`);
  await browser.type('#sequences-field', `${kKeys.clear}48${kKeys.enter}`);
  assert.deepEqual(await assertAgrees(), { tokens: '1000000', sequences: 48n });
  await picture('many.png');
  await browser.type('#context-field', `${kKeys.clear}many${kKeys.enter}`);
  assert.match(await text('#context-text'), /^1,000,000 /);
  assert.equal(
      await browser.run("return document.querySelector('#context-field').validity.valid"),
      false);
});

test('other forms of entries and precision weights', async () => {
  await browser.type('#kv', 'bf16-main');
  await browser.type('#flops', 'raw');
  assert.deepEqual([await value('kv'), await value('flops')], ['bf16-main', 'raw']);
  await assertAgrees();
});

test('the pointer over a chart shows the values there', async () => {
  const legend = () => browser.run(
    "return [...document.querySelectorAll('#kv-chart .u-value')].map((cell) => cell.textContent)");
  const chosen = await legend();
  await browser.hover('#kv-chart .u-over', 0, 0);
  const under = await legend();
  assert.notDeepEqual(under, chosen);
  const report = plan('compare', ...kModels,
      '--context', under[0].replaceAll(',', ''), '--kv', 'bf16-main');
  assert.deepEqual(under.slice(1),
      report.points.map((point) => formatBytes(point.kv_bytes, false)));
  await picture('hover.png');
});

test('nothing went wrong, nothing was fetched', async () => {
  assert.deepEqual(await browser.logs('browser'), []);
  const requests = (await browser.logs('performance'))
    .map(({ message }) => JSON.parse(message).message)
    .filter(({ method }) => method === 'Network.requestWillBeSent')
    .filter(({ params }) => params.documentURL.startsWith('file:')) // not Chromium's own pages
    .map(({ params }) => params.request.url);
  assert.deepEqual(requests, [pathToFileURL(file).href]);
});

test('a page of one model, in binary units', async () => {
  const one = join(folder, 'one.html');
  planText('show', 'embedded', '--context', '128', '--gib', '--html', one);
  await browser.open(pathToFileURL(one).href);
  assert.match(await text('#context-text'), /^128 tokens/);
  const [point] = plan('compare', 'embedded', '--context', '128').points;
  assert.equal((await figures()).embedded.state_bytes, String(point.state_bytes));
  assert.match(await text('#figures td[data-key=state_bytes]'), /iB$/);
  await picture('one.png');
  assert.deepEqual(await browser.logs('browser'), []);
});
