// The npm package `@anthropic-ai/sdk` against hadal serve.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import {
  becomesIdle, endless, fox, isPerson, isWeather, personSchema, startServer, weatherSchema,
} from './server.js';

let server, client, on;
before(async () => {
  server = await startServer();
  on = await endless(server.url);
  client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});
after(async () => assert.equal(await server.stop(), 0));

test('a message, whole and streamed, is the same text', async () => {
  const request = { model: 'embedded', messages: fox, max_tokens: 24, temperature: 0, ...on };
  const whole = await client.messages.create(request);
  assert.equal(whole.stop_reason, 'max_tokens');
  assert.equal(whole.usage.output_tokens, 24);
  const streamed = await client.messages.stream(request).finalMessage();
  assert.equal(streamed.content[0].text, whole.content[0].text);
  assert.equal(streamed.usage.output_tokens, 24);
});

test('models, and ids of requests', async () => {
  const models = await client.models.list();
  assert.deepEqual(models.data.map(({ type, id }) => [type, id]), [['model', 'embedded']]);
  assert.equal(models.has_more, false);
  const model = await client.models.retrieve('embedded[1m]');
  assert.ok(new Date(model.created_at) <= new Date(), model.created_at);
  const message = await client.messages.create({ model: 'embedded', messages: fox, max_tokens: 1 });
  assert.match(message._request_id, /./);
  await assert.rejects(client.models.retrieve('gpt'), (error) => {
    assert.match(error.requestID, /./);
    return error.status === 404 && error.type === 'not_found_error';
  });
});

test('thinking has a block of its own', async () => {
  const message = await client.messages.stream({
    model: 'embedded', messages: fox, max_tokens: 1040,
    thinking: { type: 'enabled', budget_tokens: 1024 }, stop_sequences: ['.'], ...on,
  }).finalMessage();
  assert.equal(message.content[0].type, 'thinking');
});

test('stop sequences are named', async () => {
  const request = { model: 'embedded', messages: fox, max_tokens: 30, temperature: 0, ...on };
  const whole = (await client.messages.create(request)).content[0].text;
  const stop = [...whole].slice(5, 8).join('');
  assert.equal([...stop].length, 3);
  const message = await client.messages.create({ ...request, stop_sequences: ['\u0001', stop] });
  assert.equal(message.stop_reason, 'stop_sequence');
  assert.equal(message.stop_sequence, stop);
  assert.equal(message.content[0]?.text ?? '', whole.slice(0, whole.indexOf(stop)));
});

test('tokens are counted', async () => {
  const { input_tokens } = await client.messages.countTokens({ model: 'embedded', messages: fox });
  const message = await client.messages.create({ model: 'embedded', messages: fox, max_tokens: 1 });
  const { usage } = message;
  assert.equal(input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
});

const calling = { model: 'embedded', messages: fox, max_tokens: 400, temperature: 1, seed: 4,
  tools: [{ name: 'weather', description: 'The weather.', input_schema: weatherSchema }],
  tool_choice: { type: 'any', disable_parallel_tool_use: true } };

test('tools: calls, whole and streamed, are the same, and the conversation goes on', async () => {
  const whole = await client.messages.create(calling);
  assert.equal(whole.stop_reason, 'tool_use');
  for (const block of whole.content) {
    assert.equal(block.type, 'tool_use');
    assert.equal(block.name, 'weather');
    assert.ok(isWeather(block.input), JSON.stringify(block.input));
  }
  const streamed = await client.messages.stream(calling).finalMessage();
  assert.equal(streamed.stop_reason, 'tool_use');
  const inputs = (message) => message.content.map((block) => [block.name, block.input]);
  assert.deepEqual(inputs(streamed), inputs(whole));
  const next = await client.messages.create({ model: 'embedded', tools: calling.tools, seed: 1,
    max_tokens: 5, ignore_eos: true,
    messages: [...fox, { role: 'assistant', content: whole.content },
      { role: 'user', content: whole.content.map((block) => (
        { type: 'tool_result', tool_use_id: block.id, content: 'sunny' })) }] });
  assert.equal(next.usage.output_tokens, 5);
});

test('tools: a call that is cut is the same, whole and streamed', async () => {
  for (const max_tokens of [20, 30, 40, 50]) {
    const request = { ...calling, max_tokens };
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    const blocks = (message) => message.content.map(({ type, name, input, text }) =>
      ({ type, name, input, text }));
    assert.deepEqual(blocks(streamed), blocks(whole), `${max_tokens} tokens`);
  }
});

test('tools: one by name', async () => {
  const message = await client.messages.create({ ...calling,
    tools: [{ name: 'now', input_schema: { type: 'object', properties: {} } }, ...calling.tools],
    tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true } });
  assert.deepEqual(message.content.map((block) => block.name), ['weather']);
});

test('JSON that a schema asks for, whole and streamed', async () => {
  const request = { model: 'embedded', messages: fox, max_tokens: 300, temperature: 1, seed: 2,
    output_config: { format: { type: 'json_schema', schema: personSchema } } };
  const whole = await client.messages.create(request);
  assert.equal(whole.stop_reason, 'end_turn');
  assert.ok(isPerson(JSON.parse(whole.content[0].text)), whole.content[0].text);
  const streamed = await client.messages.stream(request).finalMessage();
  assert.equal(streamed.content[0].text, whole.content[0].text);
});

test('results of tools are read', async () => {
  const message = await client.messages.create({
    model: 'embedded', max_tokens: 4,
    tools: [{ name: 'weather',
      input_schema: { type: 'object', properties: { place: { type: 'string' } } } }],
    messages: [...fox,
      { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather',
        input: { place: 'Oslo' } }] },
      { role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'rain' }] }] });
  assert.equal(message.type, 'message');
});

test('an abort ends the answer', async () => {
  const stream = client.messages.stream(
    { model: 'embedded', messages: fox, max_tokens: 3000, ignore_eos: true });
  await new Promise((resolve) => stream.once('text', resolve));
  stream.abort();
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  assert.ok(await becomesIdle(server.url));
});

test('errors have the classes that the package knows', async () => {
  await assert.rejects(
    client.messages.create({ model: 'claude', messages: fox, max_tokens: 1 }),
    Anthropic.NotFoundError);
  await assert.rejects(
    client.messages.create({ model: 'embedded', messages: fox, max_tokens: 1, temperature: 5 }),
    Anthropic.BadRequestError);
  const guarded = await startServer('--api-key', 'right');
  const ask = (apiKey) => new Anthropic({ baseURL: guarded.url, apiKey, maxRetries: 0 })
    .messages.create({ model: 'embedded', messages: fox, max_tokens: 1 });
  await assert.rejects(ask('wrong'), Anthropic.AuthenticationError);
  assert.equal((await ask('right')).role, 'assistant');
  await guarded.stop();
});

test('who is refused for now comes again', async () => {
  const small = await startServer('--parallel', '1', '--queue', '0');
  const patient = new Anthropic({ baseURL: small.url, apiKey: 'none', maxRetries: 20 });
  const ask = () => patient.messages.create(
    { model: 'embedded', messages: fox, max_tokens: 100, ignore_eos: true });
  for (const message of await Promise.all([ask(), ask(), ask()]))
    assert.equal(message.usage.output_tokens, 100);
  await small.stop();
});
