// The page in Chromium, over a server with scripted answers: used as a reader uses it, by keys and
// clicks. HADAL_PAGE: the folder of the built page. HADAL_SCREENSHOTS=DIR keeps the pictures.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatBytes } from '../plan/format.js';
import { Browser, kKeys } from '../testing/webdriver.js';
import { plan, planText } from '../plan/program.js';
import { MockServer } from './testing/mock_server.js';
import { sampleStatus } from './testing/status.js';

const folder = mkdtempSync(join(tmpdir(), 'hadal-chat-'));
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const kModels = ['v3.2', 'gqa8', 'v4-flash', 'embedded'];
let server, browser;

// What the server gives to its planner: the data of the program's own page.
function planData() {
  const file = join(folder, 'plan.html');
  planText('compare', ...kModels, '--context', '1K..1M', '--html', file);
  const [, data] = /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(
    readFileSync(file, 'utf8'),
  );
  return { ...JSON.parse(data), served: 'embedded' };
}

before(async () => {
  server = await MockServer.start({
    files: process.env.HADAL_PAGE,
    status: sampleStatus(),
    plan: planData(),
  });
  browser = await Browser.start();
  await browser.open(server.url);
  await browser.until("return document.querySelector('.welcome h1')?.textContent === 'mock-model'");
});

after(async () => {
  await browser?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const shown = () =>
  browser.run(`
  return [...document.querySelectorAll('.message')].map((message) =>
    message.querySelector('.user-text, .markdown')?.textContent.trim() ?? '');`);
const count = (selector) =>
  browser.run('return document.querySelectorAll(arguments[0]).length', selector);
const textOf = (selector) =>
  browser.run('return document.querySelector(arguments[0])?.textContent', selector);
const send = (text) => browser.type('#composer', `${text}${kKeys.enter}`);
const answered = () => browser.until("return document.querySelector('#send') !== null");
const untilText = (selector, text) =>
  browser.until(
    'return document.querySelector(arguments[0])?.textContent.includes(arguments[1])',
    selector,
    text,
  );
// The button of an action of the last message of a kind.
const act = (role, label) =>
  browser.run(
    `
  const all = document.querySelectorAll('.message.' + arguments[0]);
  all[all.length - 1].querySelector('[aria-label="' + arguments[1] + '"]').click();`,
    role,
    label,
  );
const newChat = () => browser.click('#new-chat');

async function ask(text) {
  await send(text);
  await browser.until("return document.querySelector('#composer').value === ''");
  await answered();
}

async function picture(name) {
  if (!process.env.HADAL_SCREENSHOTS) return;
  writeFileSync(join(process.env.HADAL_SCREENSHOTS, `${name}.png`), await browser.screenshot());
}

// axe-core's findings on the page as it is; nothing serious may be among them.
async function assertAccessible(what) {
  await browser.run(`if (!window.axe) { ${axe} }`);
  const violations = await browser.post('/execute/async', {
    args: [],
    script: `
    const done = arguments[arguments.length - 1];
    axe.run().then(({ violations }) => done(violations.map(({ id, impact, nodes }) =>
      ({ id, impact, at: nodes.map(({ html }) => html.slice(0, 150)) }))));`,
  });
  const grave = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  assert.deepEqual(grave, [], what);
}

// Nothing is wider than the window.
async function assertFits() {
  assert.ok(await browser.run('return document.documentElement.scrollWidth <= innerWidth'));
}

test('a conversation with markdown, mathematics, code and reasoning', async () => {
  await ask('showcase');
  await ask('and again');
  assert.deepEqual(
    (await shown()).filter((_, at) => at !== 1),
    ['showcase', 'and again', 'You wrote: and again'],
  );
  assert.equal(await count('.math .katex'), 3);
  assert.equal(await count('.math-raw'), 0);
  assert.ok((await count('.code .hljs-keyword')) > 0);
  assert.equal(await count('td[align=right]'), 4);
  assert.equal(await count('.markdown input:disabled'), 2);
  assert.equal(await count('.markdown input:checked'), 1);
  assert.match(await textOf('.markdown'), /It costs \$5 or \$6 a run\./);
  assert.match(await textOf('.fold'), /^Thought for \d+\.\d s$/);
  assert.equal(await count('.reasoning-text'), 0, 'the reasoning is folded');
  await browser.click('.fold');
  assert.match(await textOf('.reasoning-text'), /^First the question itself/);
  assert.match(await textOf('.figures'), /43\.2 tokens\/s · prompt 640, 512 cached/);
  assert.match(await textOf('.status'), /641 of 16,384 tokens, 15,743 left/);
  assert.deepEqual(
    server.requests.at(-1).messages.map(({ role }) => role),
    ['user', 'assistant', 'user'],
  );
});

test('code is copied as it was written', async () => {
  await browser.run(`navigator.clipboard.writeText = async (text) => { window.copied = text; };
    document.querySelector('.code-copy').click();`);
  assert.match(
    await browser.until('return window.copied'),
    /^def attention[^]*return softmax\(scores, axis=-1\) @ v$/,
  );
  await untilText('.code-copy', 'Copied');
});

test('what an answer holds does nothing to the page', async () => {
  await newChat();
  await ask('hostile');
  assert.equal(await browser.run('return window.owned ?? null'), null);
  const found = await browser.run(`
    const answer = document.querySelector('.message.assistant .markdown');
    return {
      elements: answer.querySelectorAll(
        'img, script, style, iframe, .composer, [style*="fixed"]').length,
      handlers: [...answer.querySelectorAll('*')].filter((element) =>
        [...element.attributes].some(({ name }) => name.startsWith('on'))).length,
      links: [...answer.querySelectorAll('a[href]')].map((link) => link.href),
      text: answer.textContent,
    };`);
  assert.equal(found.elements, 0);
  assert.equal(found.handlers, 0);
  assert.deepEqual(found.links, ['https://evil.example/pixel.png?secret']);
  assert.match(found.text, /<script>window\.owned = 2<\/script>/);
  assert.match(found.text, /after\s*$/);
});

test('the prompt is read with a measure and a time', async () => {
  await newChat();
  await send('prefill');
  await untilText('.prefill-text', 'left');
  const text = await textOf('.prefill-text');
  assert.match(
    text,
    /^Reading the prompt: [\d,]+ of 8,512 tokens, 512 from the cache – [\d.]+ s left$/,
  );
  assert.ok(await browser.run("return document.querySelector('.prefill progress').value > 0"));
  await picture('prefill');
  await browser.click('#stop');
  await answered();
});

test('a stop keeps what has come', async () => {
  await newChat();
  await send('endless');
  await untilText('.message.assistant .markdown', 'word9');
  await browser.click('#stop');
  await answered();
  assert.match(await textOf('.message.assistant .markdown'), /^word0 word1 /);
  assert.equal(await textOf('.remark'), 'Stopped.');
  assert.match(await textOf('.figures'), /^about \d+ tokens · [\d.]+ tokens\/s · /);
  await browser.until("return document.activeElement.id === 'composer' || true");
  await send('endless');
  await browser.until("return document.querySelector('#stop') !== null");
  await browser.type('#composer', kKeys.escape);
  await answered();
});

test('a reload shows the chat again, also one that was being answered', async () => {
  await newChat();
  await ask('remember this');
  const before = await shown();
  await browser.reload();
  await untilText('.message.assistant .markdown', 'You wrote');
  assert.deepEqual(await shown(), before);
  await send('endless');
  await new Promise((resolve) => setTimeout(resolve, 1300));
  await browser.reload();
  await untilText('.remark', 'Interrupted');
  assert.match((await shown()).at(-1), /^word0 /);
});

test('an edit is a branch, and the first one is still there', async () => {
  await newChat();
  await ask('first');
  await act('user', 'Edit');
  await browser.type('.editor textarea', `${kKeys.clear}second`);
  await browser.click('.editor .primary');
  await untilText('.message.assistant .markdown', 'You wrote: second');
  await answered();
  assert.equal(await textOf('.branch-place'), '2 / 2');
  await act('user', 'Previous branch');
  assert.deepEqual(await shown(), ['first', 'You wrote: first']);
  await act('assistant', 'Regenerate');
  await answered();
  assert.equal(await count('.branch-place'), 2);
});

test('the reasoning is ended by its button', async () => {
  await newChat();
  await send('ponder');
  await browser.until("return document.querySelector('.reasoning .button') !== null");
  await browser.click('.reasoning .fold');
  await picture('thinking');
  await browser.click('.reasoning .button');
  await answered();
  assert.equal((await textOf('.message.assistant > .markdown')).trim(), 'Answered at once.');
  assert.equal(server.controls.at(-1).action, 'reasoning_end');
});

test('a call of a tool is a card that takes its result', async () => {
  await newChat();
  await ask('weather in Hangzhou');
  assert.equal(await textOf('.tool-name'), 'get_weather');
  assert.match(await textOf('.tool-text'), /"city": "Hangzhou"/);
  await browser.type('.tool-answer textarea', '22 degrees, rain');
  await picture('tool');
  await browser.click('.tool-calls > .button');
  await untilText('.message:last-child .markdown', 'The tool said: 22 degrees, rain');
  await answered();
  assert.equal(await textOf('.tool-result'), '22 degrees, rain');
});

test('errors are said where they happen', async () => {
  await newChat();
  await ask('refuse');
  assert.equal(await textOf('.remark.error'), 'temperature: found 9, expected 0 to 2');
  await newChat();
  await ask('breaks');
  assert.equal(await textOf('.remark.error'), 'the engine ran out of memory');
  assert.equal((await textOf('.message.assistant .markdown')).trim(), 'This answer');
});

test('files go along as text, and what is none is refused', async () => {
  await newChat();
  const notes = join(folder, 'notes.txt');
  const noise = join(folder, 'noise.bin');
  writeFileSync(notes, 'line one\nline two\n');
  writeFileSync(noise, Buffer.from([0xff, 0xfe, 0x00]));
  await browser.type('#files', notes);
  await untilText('.composer .chip', 'notes.txt');
  await browser.type('#files', noise);
  await untilText('.notice.error', 'noise.bin: not text in UTF-8');
  await browser.click('.notice button');
  await ask('what is in it?');
  assert.equal(
    server.requests.at(-1).messages[0].content,
    'File: notes.txt\n```\nline one\nline two\n```\n\nwhat is in it?',
  );
});

test('settings of a chat go into its requests', async () => {
  await newChat();
  await browser.click('.effort [value=none]');
  await browser.click('[aria-label="Settings of this chat"]');
  const field = (name) =>
    browser.run(
      `
    return [...document.querySelectorAll('.dialog label')]
      .find((label) => label.textContent === arguments[0]).htmlFor`,
      name,
    );
  await browser.type(`#${await field('System prompt')}`, `Be brief.${kKeys.tab}`);
  await browser.type(`#${await field('Temperature')}`, `7${kKeys.tab}`);
  await untilText('.field-error', 'Temperature: a number from 0 to 2');
  await browser.type(`#${await field('Temperature')}`, `${kKeys.clear}0.5${kKeys.tab}`);
  await assertAccessible('settings');
  await picture('settings');
  await browser.run("window.prompt = () => 'Brief'");
  await browser.click('[aria-label="Keep this system prompt"]');
  await browser.click('.dialog-foot .primary');
  await ask('hello');
  const { messages, temperature, reasoning_effort: effort } = server.requests.at(-1);
  assert.deepEqual(messages[0], { role: 'system', content: 'Be brief.' });
  assert.deepEqual({ temperature, effort }, { temperature: 0.5, effort: 'none' });
  await newChat();
  await browser.click('[aria-label="Settings of this chat"]');
  await untilText('.presets select', 'Brief');
  await browser.type('.presets select', 'Brief');
  await browser.click('.dialog-foot .primary');
  await ask('hello again');
  assert.equal(server.requests.at(-1).messages[0].content, 'Be brief.');
});

test('chats go out into a file and come back from it', async () => {
  const entries = await count('.entry');
  const text = await browser.post('/execute/async', {
    args: [],
    script: `
    const done = arguments[arguments.length - 1];
    const create = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      URL.createObjectURL = create;
      blob.text().then(done);
      return create.call(URL, blob);
    };
    document.querySelector('.transfer .button').click();`,
  });
  assert.equal(JSON.parse(text).conversations.length, entries);
  const file = join(folder, 'chats.json');
  writeFileSync(file, text);
  await browser.run('window.confirm = () => true');
  for (let left = entries; left > 0; --left) {
    await browser.run("document.querySelector('.entry [aria-label^=Delete]').click()");
    await browser.until("return document.querySelectorAll('.entry').length < arguments[0]", left);
  }
  await browser.type('#import', file);
  await untilText('.notice', `${entries} chats imported`);
  assert.equal(await count('.entry'), entries);
  writeFileSync(file, text.slice(0, text.length / 2));
  await browser.type('#import', file);
  await untilText('.notice.error', 'chats.json: not JSON');
  await browser.click('.notice button');
  assert.equal(await count('.entry'), entries);
});

test('the machine: figures, memory, and the same context elsewhere', async () => {
  await browser.click('.tabs a[href="#machine"]');
  await untilText('.machine h1', 'mock-model');
  assert.deepEqual(
    await browser.run(`
    return [...document.querySelectorAll('.tile-value')].map((tile) => tile.textContent)`),
    [
      '33.6tokens/s',
      '667tokens/s',
      '2of 8',
      '1in the queue',
      '285.0 MB60.0 MB held now',
      '22.0 MBof 90.0 MB',
    ],
  );
  assert.equal(await count('.speed-chart canvas'), 3);
  assert.equal(await count('.parts .request-id'), 2);
  assert.equal(await textOf('.parts tfoot td'), '285.0 MB');
  assert.deepEqual(
    await browser.run(`
    return [...document.querySelectorAll('.on-disk')].map((row) => row.textContent)`),
    [
      'cache on disk: states of texts46.4 MB4.6% of limit',
      'cache on disk: calls of tools1.25 MB',
    ],
  );
  await untilText('.same-context + .bars', 'V3.2');
  await browser.type('#same-context', kKeys.end);
  const bars = await browser.run(`
    return [...document.querySelectorAll('.same-context + .bars .bar-row')].map((row) =>
      [...row.querySelectorAll('.bar-name, .bar-total')].map((cell) => cell.textContent))`);
  const { points } = plan('compare', 'embedded', 'v3.2', 'gqa8', 'v4-flash', '--context', '1M');
  assert.deepEqual(
    bars.map(([, bytes]) => bytes),
    points.map((point) => formatBytes(point.kv_bytes, false)),
  );
  await assertAccessible('the machine');
  await picture('machine');
});

test('the planner agrees with the program', async () => {
  await browser.click('.tabs a[href="#planner"]');
  await untilText('#context-text', '1,048,576');
  await browser.type('#context-field', `${kKeys.clear}64K${kKeys.enter}`);
  const { points } = plan('compare', ...kModels, '--context', '64K');
  for (const { model, kv_bytes: bytes } of points)
    assert.equal(
      await browser.run(
        `
      const cell = '#figures td[data-key=kv_bytes][data-model="' + arguments[0] + '"]';
      return document.querySelector(cell).dataset.value;`,
        model,
      ),
      String(bytes),
    );
  await assertAccessible('the planner');
  await picture('planner');
  await browser.click('.tabs a[href="#chat"]');
});

test('both themes and a phone are accessible', async () => {
  await newChat();
  await ask('showcase');
  await browser.click('.fold');
  for (const theme of ['light', 'dark']) {
    await browser.click('[aria-label="Preferences"]');
    await browser.type('#theme', theme);
    await assertAccessible(`preferences, ${theme}`);
    await browser.click('[aria-label="Close"]');
    assert.equal(await browser.run('return document.documentElement.dataset.theme'), theme);
    await assertAccessible(`a chat, ${theme}`);
    await assertFits();
    await picture(`chat-${theme}`);
  }
  await browser.setSize(390, 844, true);
  await assertAccessible('a phone');
  await assertFits();
  await picture('phone-dark');
  for (const tab of ['machine', 'planner']) {
    await browser.click(`.tabs a[href="#${tab}"]`);
    await untilText('main', tab === 'machine' ? 'mock-model' : 'At this context');
    assert.equal(await count('main'), 1);
    await browser.run("document.querySelector('.skip').click()");
    assert.ok(await browser.run("return document.activeElement.matches('.view')"));
    await assertFits();
    await assertAccessible(`the ${tab} on a phone`);
    await picture(`phone-${tab}`);
  }
  await browser.click('.tabs a[href="#chat"]');
  await browser.click('[aria-label="Chats"]');
  await browser.until(
    "return getComputedStyle(document.querySelector('.sidebar')).visibility === 'visible'",
  );
  await browser.until(
    "return document.querySelector('.sidebar').getBoundingClientRect().left === 0",
  );
  await picture('phone-chats');
  await assertAccessible('the chats on a phone');
  await browser.click('.entry-open');
  await browser.setSize(1280, 900);
});

test('nothing went wrong, and no other server was asked for anything', async () => {
  const errors = (await browser.logs('browser')).filter(
    ({ message }) => !/status of 400/.test(message),
  ); // the refusal above
  assert.deepEqual(errors, []);
  const others = (await browser.logs('performance'))
    .map(({ message }) => JSON.parse(message).message)
    .filter(({ method }) => method === 'Network.requestWillBeSent')
    .filter(({ params }) => params.documentURL.startsWith(server.url)) // not Chromium's own pages
    .map(({ params }) => params.request.url)
    .filter((url) => !url.startsWith(server.url) && !/^(?:data|blob):/.test(url));
  assert.deepEqual(others, []);
});
