import '../testing/browser_globals.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTextFile, textWithFiles } from './files.js';
import { requestBody } from './request.js';
import { kDefaultSettings, kNumbers, parseNumber, parseTools, settingsFrom } from './settings.js';

test('a request holds the messages and what the user has set, nothing else', () => {
  const path = [
    { role: 'user', content: 'weather?', files: [], id: 'x', created: 1 },
    {
      role: 'assistant',
      content: '',
      reasoning: 'a tool',
      tool_calls: [{ id: 'c' }],
      finish: 'tool_calls',
    },
    { role: 'tool', tool_call_id: 'c', content: 'rain' },
  ];
  const settings = { ...kDefaultSettings, effort: 'max', temperature: 0, system: ' Be brief. ' };
  assert.deepEqual(requestBody(path, settings, 'm'), {
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'weather?' },
      { role: 'assistant', content: '', reasoning_content: 'a tool', tool_calls: [{ id: 'c' }] },
      { role: 'tool', tool_call_id: 'c', content: 'rain' },
    ],
    reasoning_effort: 'max',
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    return_progress: true,
  });
});

test('what is left to the server is not sent', () => {
  const body = requestBody([], kDefaultSettings, 'm');
  assert.deepEqual(Object.keys(body).sort(), [
    'messages',
    'model',
    'return_progress',
    'stream',
    'stream_options',
  ]);
});

test('files go before the text, in fences that they cannot close', () => {
  assert.equal(textWithFiles('hi'), 'hi');
  assert.equal(
    textWithFiles('what?', [{ name: 'a.md', text: 'x\n````\ny\n' }]),
    'File: a.md\n`````\nx\n````\ny\n`````\n\nwhat?',
  );
  assert.equal(textWithFiles('', [{ name: 'b', text: '1' }]), 'File: b\n```\n1\n```');
});

test('files that are no text are refused in one line', async () => {
  assert.deepEqual(await readTextFile(new File(['größe'], 'a.txt')), {
    name: 'a.txt',
    text: 'größe',
  });
  const bad = (parts) => readTextFile(new File(parts, 'b.bin'));
  await assert.rejects(bad([new Uint8Array([0x89, 0xff])]), {
    message: 'b.bin: not text in UTF-8',
  });
  await assert.rejects(bad(['a\0b']), /^Error: b\.bin: holds zero bytes/);
  await assert.rejects(bad([new Uint8Array(4 * 1024 * 1024 + 1)]), /more than 4194304$/);
});

test('numbers of fields', () => {
  const of = (key, text) =>
    parseNumber(
      kNumbers.find((number) => number.key === key),
      text,
    );
  assert.deepEqual(of('temperature', ' '), { value: null });
  assert.deepEqual(of('temperature', '0.7'), { value: 0.7 });
  assert.deepEqual(of('temperature', '3'), { error: 'Temperature: a number from 0 to 2' });
  assert.deepEqual(of('top_k', '1.5'), { error: 'Top k: a whole number from 0 to 1000' });
  assert.deepEqual(of('seed', 'x'), { error: 'Seed: a whole number from 0 to 4294967295' });
});

test('tools as the user writes them', () => {
  assert.deepEqual(parseTools(''), { value: null });
  assert.deepEqual(parseTools('[]'), { value: null });
  assert.match(parseTools('[').error, /^Tools: not JSON/);
  assert.match(parseTools('{}').error, /an array/);
  assert.equal(parseTools('[{"type":"function"}]').error, 'Tools: entry 1 has no function.name');
  const tools = [{ type: 'function', function: { name: 'f' } }];
  assert.deepEqual(parseTools(JSON.stringify(tools)), { value: tools });
});

test('settings from elsewhere keep what is right', () => {
  assert.deepEqual(settingsFrom(null), kDefaultSettings);
  assert.deepEqual(
    settingsFrom({ effort: 'low', temperature: 0.5, top_p: 7, system: 3, extra: 1 }),
    { ...kDefaultSettings, effort: 'low', temperature: 0.5 },
  );
});
