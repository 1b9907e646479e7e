import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MockServer } from '../testing/mock_server.js';
import { Api } from './api.js';
import { eventData } from './sse.js';

let server, api;
before(async () => {
  server = await MockServer.start();
  api = new Api({ base: server.url });
});
after(() => server.stop());

const ask = (content, signal) => api.chat({ messages: [{ role: 'user', content }] }, signal);

async function textOf(chunks) {
  let text = '';
  for await (const chunk of chunks) text += chunk.choices[0]?.delta?.content ?? '';
  return text;
}

// A body that comes in pieces of `size` bytes.
function bodyOf(text, size) {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size)
        controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
}

test('events, wherever the bytes are cut', async () => {
  const text = ': keep-alive\n\ndata: {"a":"größe"}\n\ndata: 1\r\n\r\ndata: [DONE]\n\n';
  for (let size = 1; size < text.length; ++size) {
    const events = [];
    for await (const data of eventData(bodyOf(text, size))) events.push(data);
    assert.deepEqual(events, ['{"a":"größe"}', '1', '[DONE]'], `pieces of ${size}`);
  }
});

test('an answer', async () => {
  assert.equal(await textOf(ask('hello')), 'You wrote: hello');
  assert.equal((await api.models())[0].id, 'mock-model');
});

test('a refusal, an error on the way and a cut are errors that say why', async () => {
  await assert.rejects(textOf(ask('refuse')), {
    name: 'ApiError',
    status: 400,
    message: 'temperature: found 9, expected 0 to 2',
  });
  await assert.rejects(textOf(ask('breaks')), { message: 'the engine ran out of memory' });
  await assert.rejects(textOf(ask('drops')), { message: 'the connection was lost' });
  await assert.rejects(new Api({ base: 'http://127.0.0.1:1' }).models(), {
    status: 0,
    message: 'the server cannot be reached',
  });
});

test('a stop reaches the server', async () => {
  const abort = new AbortController();
  await assert.rejects(
    async () => {
      for await (const chunk of ask('endless', abort.signal))
        if (chunk.choices[0]?.delta?.content?.includes('word5')) abort.abort();
    },
    { name: 'AbortError' },
  );
  const run = [...server.running.values()].at(-1);
  for (let tries = 0; tries < 50 && !run.gone; ++tries)
    await new Promise((done) => setTimeout(done, 20));
  assert.ok(run.gone);
});

test('the key goes with each request', async () => {
  const locked = await MockServer.start({ key: 'secret' });
  try {
    await assert.rejects(new Api({ base: locked.url }).models(), { status: 401 });
    assert.equal((await new Api({ base: locked.url, key: () => 'secret' }).models()).length, 1);
  } finally {
    await locked.stop();
  }
});
