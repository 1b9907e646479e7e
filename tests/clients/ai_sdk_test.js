// The npm packages `ai` and `@ai-sdk/openai-compatible` against hadal serve.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, jsonSchema, streamText } from 'ai';
import { becomesIdle, isPerson, personSchema, startServer } from './server.js';

const prompt = 'Tell me a story about a fox.';
let server, model;
before(async () => {
  server = await startServer();
  model = createOpenAICompatible({
    name: 'hadal', baseURL: `${server.url}/v1`, supportsStructuredOutputs: true,
    includeUsage: true }).chatModel('embedded');
});
after(async () => assert.equal(await server.stop(), 0));

test('text, whole and streamed, is the same', async () => {
  const request = { model, prompt, maxOutputTokens: 20, seed: 1 };
  const whole = await generateText(request);
  assert.equal(whole.finishReason, 'length');
  assert.equal(whole.usage.outputTokens, 20);
  const streamed = streamText(request);
  let text = '';
  for await (const piece of streamed.textStream) text += piece;
  assert.equal(text, whole.text);
  assert.equal((await streamed.usage).outputTokens, 20);
});

test('reasoning comes apart', async () => {
  const reply = await generateText({ model, prompt, maxOutputTokens: 12,
    providerOptions: { hadal: { reasoningEffort: 'high' } } });
  assert.ok(reply.reasoningText.length > 0);
});

test('objects obey their schema', async () => {
  const { object } = await generateObject({ model, prompt, schema: jsonSchema(personSchema),
    maxOutputTokens: 300, temperature: 2 });
  assert.ok(isPerson(object));
});

test('an abort ends the answer', async () => {
  const abort = new AbortController();
  const { fullStream } = streamText({ model, prompt, maxOutputTokens: 3000,
    abortSignal: abort.signal, onError() {} });
  try {
    for await (const part of fullStream) if (part.type === 'text-delta') abort.abort();
  } catch (error) {
    assert.equal(error.name, 'AbortError');
  }
  assert.ok(await becomesIdle(server.url));
});

test('errors say what is wrong', async () => {
  await assert.rejects(generateText({ model, prompt, temperature: 9, maxRetries: 0 }),
    (error) => error.statusCode === 400 && /temperature/.test(error.message));
});
