// The npm packages `ai` and `@ai-sdk/openai-compatible` against hadal serve.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, jsonSchema, streamObject, streamText, tool } from 'ai';
import {
  becomesIdle, endless, isPerson, isWeather, personSchema, startServer, weatherSchema,
} from './server.js';

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
  const request = { model, prompt, maxOutputTokens: 20, seed: 1,
    providerOptions: { hadal: { min_tokens: 20 } } };
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
    providerOptions: { hadal: { reasoningEffort: 'high', ...await endless(server.url) } } });
  assert.ok(reply.reasoningText.length > 0);
});

test('objects obey their schema', async () => {
  const { object } = await generateObject({ model, prompt, schema: jsonSchema(personSchema),
    maxOutputTokens: 300, temperature: 2 });
  assert.ok(isPerson(object));
});

test('an object as a stream obeys its schema', async () => {
  const { partialObjectStream, object } = streamObject({ model, prompt,
    schema: jsonSchema(personSchema), maxOutputTokens: 300, temperature: 2, seed: 3 });
  let pieces = 0;
  for await (const piece of partialObjectStream) if (piece !== undefined) ++pieces;
  assert.ok(pieces > 1);
  assert.ok(isPerson(await object));
});

test('tools: calls, whole and streamed, are the same, and the conversation goes on', async () => {
  const tools = { weather: tool({ description: 'The weather.',
    inputSchema: jsonSchema(weatherSchema) }) };
  const request = { model, prompt, tools, toolChoice: 'required', maxOutputTokens: 1500,
    temperature: 2, seed: 4 };
  const whole = await generateText(request);
  assert.equal(whole.finishReason, 'tool-calls');
  assert.ok(whole.toolCalls.length > 0);
  for (const call of whole.toolCalls) {
    assert.equal(call.toolName, 'weather');
    assert.ok(isWeather(call.input), JSON.stringify(call.input));
  }
  const inputs = (calls) => calls.map((call) => [call.toolName, call.input]);
  const streamed = streamText(request);
  let pieces = 0;
  for await (const part of streamed.fullStream) if (part.type === 'tool-input-delta') ++pieces;
  assert.ok(pieces > 0);
  assert.deepEqual(inputs(await streamed.toolCalls), inputs(whole.toolCalls));
  const next = await generateText({ model, tools, maxOutputTokens: 5, seed: 1,
    messages: [{ role: 'user', content: prompt }, ...whole.response.messages,
      { role: 'tool', content: whole.toolCalls.map(({ toolCallId, toolName }) => (
        { type: 'tool-result', toolCallId, toolName,
          output: { type: 'text', value: 'sunny' } })) }] });
  assert.ok(next.usage.inputTokens > whole.usage.totalTokens);
});

test('tools: one by name', async () => {
  const { toolCalls } = await generateText({ model, prompt, maxOutputTokens: 400, temperature: 2,
    seed: 1, toolChoice: { type: 'tool', toolName: 'weather' },
    tools: {
      now: tool({ inputSchema: jsonSchema({ type: 'object', properties: {} }) }),
      weather: tool({ inputSchema: jsonSchema(weatherSchema) }),
    } });
  assert.deepEqual(toolCalls.map((call) => call.toolName), ['weather']);
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

test('who is refused for now comes again', async () => {
  const small = await startServer('--parallel', '1', '--queue', '0');
  const there = createOpenAICompatible({
    name: 'hadal', baseURL: `${small.url}/v1`, includeUsage: true }).chatModel('embedded');
  const ask = () => generateText({ model: there, prompt, maxOutputTokens: 100, maxRetries: 20,
    providerOptions: { hadal: { ignore_eos: true } } });
  for (const reply of await Promise.all([ask(), ask(), ask()]))
    assert.equal(reply.usage.outputTokens, 100);
  // And who does not come again hears why.
  const abort = new AbortController();
  const busy = streamText({ model: there, prompt, maxOutputTokens: 3000, onError() {},
    abortSignal: abort.signal, providerOptions: { hadal: { ignore_eos: true } } });
  await busy.textStream[Symbol.asyncIterator]().next();
  await assert.rejects(
    generateText({ model: there, prompt, maxOutputTokens: 4, maxRetries: 0 }),
    (error) => error.statusCode === 429 && error.responseHeaders['retry-after'] !== undefined);
  abort.abort();
  assert.ok(await becomesIdle(small.url));
  await small.stop();
});
