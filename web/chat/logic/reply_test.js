import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ended,
  figuresOf,
  messageFrom,
  newReply,
  prefillLeft,
  thinkingMs,
  withChunk,
} from './reply.js';

const delta = (fields, finish_reason = null) => ({
  id: 'chatcmpl-1',
  model: 'm',
  choices: [{ index: 0, delta: fields, finish_reason }],
});

// Chunks at 1100, 1200, ... ms of a request sent at 1000.
const arrived = (...chunks) =>
  chunks.reduce((reply, chunk, at) => withChunk(reply, chunk, 1100 + 100 * at), newReply(1000));

test('reasoning, then content: the thinking has its own time', () => {
  const reply = ended(
    arrived(
      delta({ role: 'assistant' }),
      delta({ reasoning_content: 'so ' }),
      delta({ reasoning_content: 'what' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo' }),
      delta({}, 'stop'),
    ),
    2000,
  );
  assert.equal(reply.chat, 'chatcmpl-1');
  assert.equal(reply.first, 1200);
  assert.equal(thinkingMs(reply), 200);
  const message = messageFrom(reply);
  assert.equal(message.reasoning, 'so what');
  assert.equal(message.content, 'Hello');
  assert.equal(message.thinking_ms, 200);
  assert.equal(message.finish, 'stop');
  assert.ok(!('tool_calls' in message));
});

test('the thinking goes on until something else comes, or the end', () => {
  const reply = arrived(delta({ reasoning: 'hm' }));
  assert.equal(thinkingMs(reply, 5000), 3900);
  assert.equal(thinkingMs(ended(reply, 4100), 9000), 3000);
  assert.equal(thinkingMs(newReply(), 5000), null);
});

test('pieces of two calls at once', () => {
  const call = (index, fields) => delta({ tool_calls: [{ index, ...fields }] });
  const { tool_calls: calls } = messageFrom(
    arrived(
      call(0, { id: 'c0', type: 'function', function: { name: 'sum', arguments: '' } }),
      call(1, { id: 'c1', type: 'function', function: { name: 'now', arguments: '{}' } }),
      call(0, { function: { arguments: '{"a":' } }),
      call(0, { function: { arguments: ' 1}' } }),
    ),
  );
  assert.deepEqual(calls, [
    { id: 'c0', type: 'function', function: { name: 'sum', arguments: '{"a": 1}' } },
    { id: 'c1', type: 'function', function: { name: 'now', arguments: '{}' } },
  ]);
});

test('how long the rest of the prompt will take: cached tokens took no time', () => {
  const { progress } = arrived({
    choices: [],
    prompt_progress: { total: 1000, cache: 200, processed: 600, time_ms: 2000 },
  });
  assert.deepEqual(progress, { done: 600, total: 1000, cached: 200, ms: 2000 });
  assert.equal(prefillLeft(progress), 2000);
  assert.equal(prefillLeft({ ...progress, done: 200 }), null);
  assert.equal(prefillLeft({ ...progress, ms: 0 }), null);
});

test('figures: as the server says, else as they were seen here', () => {
  const usage = {
    prompt_tokens: 50,
    completion_tokens: 11,
    prompt_tokens_details: { cached_tokens: 40 },
    completion_tokens_details: { reasoning_tokens: 3 },
  };
  const seen = ended(arrived(delta({ content: 'a' }), { choices: [], usage }), 2100);
  assert.deepEqual(figuresOf(seen), {
    prompt: 50,
    cached: 40,
    tokens: 11,
    about: false,
    reasoning: 3,
    perSecond: 10,
    promptPerSecond: null,
    firstMs: 100,
    ms: 1100,
  });
  const timed = withChunk(seen, { choices: [], timings: { predicted_per_second: 77 } });
  assert.equal(figuresOf(timed).perSecond, 77);
});

test('while an answer arrives its pieces are counted, and its speed is the one so far', () => {
  const reply = arrived(
    delta({ role: 'assistant' }),
    delta({ reasoning_content: 'a' }),
    delta({ content: 'b' }),
    delta({ content: 'c' }),
  );
  const { tokens, about, perSecond, ms } = figuresOf(reply, 1600);
  assert.deepEqual(
    { tokens, about, perSecond, ms },
    { tokens: 3, about: true, perSecond: 5, ms: null },
  );
  assert.equal(figuresOf(newReply()).perSecond, null);
});
