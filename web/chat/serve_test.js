// The page over `hadal serve` itself, with the embedded model: that both speak the same language.
// What the model says does not matter here.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, kKeys } from '../testing/webdriver.js';

const folder = mkdtempSync(join(tmpdir(), 'hadal-serve-'));
let server, browser, url;

// The address that the server says it listens at.
function addressOf(process) {
  return new Promise((resolve, reject) => {
    let text = '';
    process.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /listening at (\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    process.on('exit', (code) => reject(new Error(`hadal serve ended with ${code}: ${text}`)));
  });
}

before(async () => {
  server = spawn(
    process.env.HADAL_PROGRAM,
    ['serve', '--port', '0', '--ctx', '4096', '--chunk', '32', '--cache-dir', folder],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  url = await addressOf(server);
  browser = await Browser.start();
  await browser.open(url);
});

after(async () => {
  await browser?.stop();
  server?.removeAllListeners('exit');
  server?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const count = (selector) =>
  browser.run('return document.querySelectorAll(arguments[0]).length', selector);
const textOf = (selector) =>
  browser.run('return document.querySelector(arguments[0])?.textContent', selector);
const answered = () => browser.until("return document.querySelector('#send') !== null");

test('the page comes with its policy, and again only if it has changed', async () => {
  const page = await fetch(url);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-security-policy'), /^default-src 'self'/);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  const again = await fetch(url, { headers: { 'If-None-Match': page.headers.get('etag') } });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${url}/nothing.js`)).status, 404);
});

test('the model is named, and its context', async () => {
  const { data } = await (await fetch(`${url}/v1/models`)).json();
  await browser.until(
    "return document.querySelector('.welcome h1')?.textContent === arguments[0]",
    data[0].id,
  );
  assert.match(await textOf('.status'), /^0 of 4,096 tokens/);
});

// Of the settings' dialog, by its label.
async function setField(label, value) {
  const id = await browser.run(
    `return [...document.querySelectorAll('.dialog label')]
       .find((each) => each.textContent === arguments[0]).htmlFor`,
    label,
  );
  await browser.type(`#${id}`, `${kKeys.clear}${value}${kKeys.tab}`);
}

test('an answer, with its figures, and the same again with the same seed', async () => {
  await browser.click('[aria-label="Settings of this chat"]');
  await setField('Longest answer', '40');
  await setField('Seed', '7');
  await browser.click('.dialog-foot .button:nth-of-type(2)'); // for new chats
  await browser.click('#new-chat');
  await browser.click('.effort [value=none]');
  await browser.type('#composer', `Once upon a time${kKeys.enter}`);
  await browser.until("return document.querySelector('.figures') !== null");
  assert.equal(await count('.remark.error'), 0, await textOf('.remark.error'));
  const answer = await textOf('.message.assistant .markdown');
  assert.ok(answer.length > 0);
  assert.match(await textOf('.figures'), /^\d+ tokens · [\d.]+ tokens\/s · prompt \d+/);
  assert.match(await textOf('.status'), /^[1-9]\d* of 4,096 tokens/);
  await browser.click('.message.assistant [aria-label="Regenerate"]');
  await browser.until("return document.querySelector('.branch-place')?.textContent === '2 / 2'");
  await answered();
  assert.equal(await textOf('.message.assistant .markdown'), answer);
});

// What the page's next request for an answer says besides, on its way.
const addToNext = (fields) =>
  browser.run(
    `const plain = window.fetch, fields = arguments[0];
     window.fetch = (to, how) => {
       if (!String(to).endsWith('/chat/completions')) return plain(to, how);
       window.fetch = plain;
       return plain(to, { ...how, body: JSON.stringify({ ...JSON.parse(how.body), ...fields }) });
     };`,
    fields,
  );

const running = async () => (await (await fetch(`${url}/hadal/status`)).json()).requests.running;

test('a stop in the page ends the work of the server', async () => {
  await browser.click('#new-chat');
  await browser.click('[aria-label="Settings of this chat"]');
  await setField('Longest answer', '4000');
  await browser.click('.dialog-foot .primary');
  await browser.click('.effort [value=high]');
  await addToNext({ ignore_eos: true }); // it is to be under way when it is stopped
  await browser.type('#composer', `Tell me a story about a fox.${kKeys.enter}`);
  await browser.until("return document.querySelector('.reasoning, .markdown') !== null");
  assert.equal(await running(), 1);
  await browser.click('#stop');
  await answered();
  assert.equal(await textOf('.remark'), 'Stopped.');
  for (let tries = 0; tries < 100 && (await running()) > 0; ++tries)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await running(), 0);
});

const shown = () =>
  browser.run(`
  return [...document.querySelectorAll('.message')].map((message) =>
    message.querySelector('.user-text, .markdown')?.textContent.trim() ?? '');`);

async function setTokens(most) {
  await browser.click('[aria-label="Settings of this chat"]');
  await setField('Longest answer', most);
  await browser.click('.dialog-foot .primary');
  await browser.click('.effort [value=none]');
}

async function ask(text) {
  await browser.type('#composer', `${text}${kKeys.enter}`);
  await browser.until("return document.querySelector('#composer').value === ''");
  await answered();
}

test('a reload shows the chat again, and ends an answer that was under way', async () => {
  await browser.click('#new-chat');
  await setTokens('20');
  await ask('Once upon a time');
  const before = await shown();
  assert.equal(before.length, 2);
  assert.ok(before[1].length > 0);
  await browser.reload();
  await browser.until("return document.querySelector('.message.assistant .markdown') !== null");
  assert.deepEqual(await shown(), before);
  await setTokens('4000');
  await addToNext({ ignore_eos: true });
  await browser.type('#composer', `And then?${kKeys.enter}`);
  await browser.until("return document.querySelectorAll('.message').length === 4");
  await new Promise((resolve) => setTimeout(resolve, 1300)); // it is kept once a second
  await browser.reload();
  await browser.until("return document.querySelectorAll('.message').length === 4");
  assert.deepEqual((await shown()).slice(0, 2), before);
  for (let tries = 0; tries < 100 && (await running()) > 0; ++tries)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await running(), 0);
});

test('an edit is a branch, and the first one is still there', async () => {
  await browser.click('#new-chat');
  await setTokens('20');
  await ask('Once upon a time');
  const first = await shown();
  await browser.click('.message.user [aria-label="Edit"]');
  await browser.type('.editor textarea', `${kKeys.clear}The king said`);
  await browser.click('.editor .primary');
  await browser.until(
    "return document.querySelector('.message.user .user-text')?.textContent === 'The king said'",
  );
  await answered();
  const second = await shown();
  assert.ok(second[1].length > 0);
  assert.equal(await textOf('.branch-place'), '2 / 2');
  await browser.click('.message.user [aria-label="Previous branch"]');
  assert.deepEqual(await shown(), first);
});

// Whether the model would call anything by itself does not matter.
test('a call of a tool is a card, and its result goes back to the server', async () => {
  await browser.click('#new-chat');
  await setTokens('120');
  await browser.click('[aria-label="Settings of this chat"]');
  const parameters = {
    type: 'object',
    properties: { city: { enum: ['Paris', 'Rome'] } },
    required: ['city'],
    additionalProperties: false,
  };
  const id = await browser.run(
    `return [...document.querySelectorAll('.dialog label')]
       .find((each) => each.textContent === 'Tools').htmlFor`,
  );
  await browser.run(
    `const area = document.getElementById(arguments[0]);
     area.value = arguments[1];
     area.dispatchEvent(new Event('input', { bubbles: true }));
     area.dispatchEvent(new Event('change', { bubbles: true }));`,
    id,
    JSON.stringify([{ type: 'function', function: { name: 'get_weather', parameters } }]),
  );
  await browser.click('.dialog-foot .primary');
  await addToNext({ tool_choice: 'required', parallel_tool_calls: false });
  await ask('How is the weather?');
  assert.equal(await count('.remark.error'), 0, await textOf('.remark.error'));
  assert.equal(await textOf('.tool-name'), 'get_weather');
  assert.match(await textOf('.tool-text'), /"city": "(Paris|Rome)"/);
  await browser.type('.tool-answer textarea', '22 degrees, rain');
  await browser.click('.tool-calls > .button');
  await browser.until("return document.querySelectorAll('.message.assistant').length === 2");
  await answered();
  assert.equal(await textOf('.tool-result'), '22 degrees, rain');
  assert.equal(await count('.remark.error'), 0, await textOf('.remark.error'));
});

// Long texts are put in, not typed.
async function sendLong(text) {
  await browser.click('#new-chat');
  await browser.until("return document.querySelector('.message') === null");
  await browser.run(
    `const area = document.querySelector('#composer');
     area.value = arguments[0];
     area.dispatchEvent(new Event('input', { bubbles: true }));`,
    text,
  );
  await browser.until("return document.querySelector('#send')?.disabled === false");
  await browser.type('#composer', kKeys.enter);
}

test('how much of a prompt is read is shown', async () => {
  await sendLong('the dog went home '.repeat(500));
  const text = await browser.until(
    `const text = document.querySelector('.prefill-text')?.textContent;
     return text?.includes('left') ? text : null;`,
  );
  assert.match(
    text,
    /^Reading the prompt: [\d,]+ of [\d,]+ tokens(, [\d,]+ from the cache)? – [\d.]+ s left$/,
  );
  await browser.click('#stop');
  await answered();
});

test('a refusal says what the server says', async () => {
  await sendLong('word '.repeat(5000));
  await browser.until("return document.querySelector('.remark.error') !== null");
  assert.match(await textOf('.remark.error'), /maximum context length/);
});

test('the machine and the planner have their figures', async () => {
  await browser.click('.tabs a[href="#machine"]');
  await browser.until("return document.querySelectorAll('.tile').length === 6");
  await browser.until("return document.querySelectorAll('.bar-row').length === 5");
  assert.equal(await count('.speed-chart canvas'), 3);
  assert.ok((await count('.parts tbody tr')) > 5);
  // Bodies and answers have a row of their own, and are many times what the program takes.
  const [requests, program] = await browser.run(`
    const row = (name) => [...document.querySelectorAll('.parts tbody tr')].find(
      (each) => each.querySelector('th').textContent === name);
    return ['set aside for requests', 'program'].map(
      (name) => Number(row(name).querySelector('td').title.replace(/[^0-9]/g, '')));`);
  assert.ok(requests > program, `${requests} and ${program} bytes`);
  await browser.until(
    `return /^cache on disk: states of texts[1-9]/.test(
       document.querySelector('.on-disk')?.textContent)`,
  );
  await browser.click('.tabs a[href="#planner"]');
  await browser.until(
    "return document.querySelectorAll('#figures td[data-key=kv_bytes]').length === 5",
  );
});

test('nothing was refused by the policy, and nothing failed', async () => {
  const errors = (await browser.logs('browser')).filter(
    ({ message }) => !/status of 400/.test(message),
  );
  assert.deepEqual(errors, []);
});
