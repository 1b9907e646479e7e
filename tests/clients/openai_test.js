// The npm package `openai` against hadal serve.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import {
  becomesIdle, endless, fox, isPerson, isWeather, personSchema, startServer, weatherSchema,
} from './server.js';

let server, client, on;
before(async () => {
  server = await startServer();
  on = await endless(server.url);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
after(async () => assert.equal(await server.stop(), 0));

test('models', async () => {
  const models = await client.models.list();
  assert.equal(models.data[0].id, 'embedded');
  assert.equal((await client.models.retrieve('embedded')).object, 'model');
  assert.equal((await client.models.retrieve('embedded[1m]')).id, 'embedded');
});

test('a chat, whole and streamed, is the same text', async () => {
  // So long a prompt is kept: from 16 tokens on.
  const messages = [{ role: 'system', content: 'You tell stories of animals.' }, ...fox];
  const request = { model: 'embedded', messages, max_tokens: 24, seed: 1, ...on };
  const whole = await client.chat.completions.create(request);
  assert.equal(whole.choices[0].finish_reason, 'length');
  assert.equal(whole.usage.completion_tokens, 24);
  const stream = await client.chat.completions.create(
    { ...request, stream: true, stream_options: { include_usage: true } });
  let text = '', usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.total_tokens, whole.usage.total_tokens);
  assert.equal(usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens - 1);
});

test('the stream helper puts the message together', async () => {
  const runner = client.chat.completions.stream(
    { model: 'embedded', messages: fox, max_tokens: 8, seed: 1, n: 2, ...on });
  const completion = await runner.finalChatCompletion();
  assert.equal(completion.choices.length, 2);
  assert.ok(completion.choices[1].message.content.length > 0);
});

test('reasoning comes apart', async () => {
  const reply = await client.chat.completions.create({
    model: 'embedded', messages: fox, max_tokens: 16, seed: 1, reasoning_effort: 'high',
    thinking_budget: 6, ...on });
  assert.ok(reply.choices[0].message.reasoning_content.length > 0);
  assert.equal(reply.usage.completion_tokens_details.reasoning_tokens, 6);
});

test('logprobs', async () => {
  const reply = await client.chat.completions.create({
    model: 'embedded', messages: fox, max_tokens: 4, logprobs: true, top_logprobs: 3, ...on });
  const { content } = reply.choices[0].logprobs;
  assert.equal(content.length, 4);
  assert.equal(content[0].top_logprobs.length, 3);
});

test('JSON that a schema asks for', async () => {
  for (const seed of [1, 2, 3]) {
    const reply = await client.chat.completions.create({
      model: 'embedded', messages: fox, max_tokens: 300, seed, temperature: 2,
      response_format: { type: 'json_schema',
        json_schema: { name: 'person', strict: true, schema: personSchema } } });
    assert.equal(reply.choices[0].finish_reason, 'stop');
    assert.ok(isPerson(JSON.parse(reply.choices[0].message.content)));
  }
});

const weather = { type: 'function',
  function: { name: 'weather', description: 'The weather.', parameters: weatherSchema } };
const calling = { model: 'embedded', messages: fox, max_tokens: 1500, temperature: 2, seed: 4,
  tools: [weather], tool_choice: 'required' };

test('tools: calls, whole and streamed, are the same, and the conversation goes on', async () => {
  const whole = await client.chat.completions.create(calling);
  const { message, finish_reason } = whole.choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.content, null);
  assert.ok(message.tool_calls.length > 0);
  for (const call of message.tool_calls) {
    assert.equal(call.function.name, 'weather');
    assert.ok(isWeather(JSON.parse(call.function.arguments)), call.function.arguments);
  }
  const streamed = await client.chat.completions.stream(calling).finalChatCompletion();
  assert.equal(streamed.choices[0].finish_reason, 'tool_calls');
  const functions = (calls) => calls.map((call) => [call.function.name, call.function.arguments]);
  assert.deepEqual(
    functions(streamed.choices[0].message.tool_calls), functions(message.tool_calls));
  const next = await client.chat.completions.create({
    model: 'embedded', tools: [weather], max_tokens: 5, seed: 1, ignore_eos: true,
    messages: [...fox, message, ...message.tool_calls.map((call) => (
      { role: 'tool', tool_call_id: call.id, content: 'sunny' }))] });
  assert.equal(next.usage.completion_tokens, 5);
  assert.ok(next.usage.prompt_tokens > whole.usage.total_tokens);
});

test('tools: one by name, none, and one that is not there', async () => {
  const named = await client.chat.completions.create({ ...calling, parallel_tool_calls: false,
    tools: [{ type: 'function', function: { name: 'now', parameters: {} } }, weather],
    tool_choice: { type: 'function', function: { name: 'weather' } } });
  assert.equal(named.choices[0].message.tool_calls.length, 1);
  assert.equal(named.choices[0].message.tool_calls[0].function.name, 'weather');
  const none = await client.chat.completions.create(
    { ...calling, tool_choice: 'none', max_tokens: 8 });
  assert.equal(none.choices[0].message.tool_calls, undefined);
  await assert.rejects(client.chat.completions.create(
    { ...calling, tool_choice: { type: 'function', function: { name: 'other' } } }),
  (error) => error instanceof OpenAI.BadRequestError && error.param === 'tool_choice');
});

test('JSON that a schema asks for, as a stream', async () => {
  const completion = await client.chat.completions.stream({
    model: 'embedded', messages: fox, max_tokens: 300, seed: 5, temperature: 2,
    response_format: { type: 'json_schema',
      json_schema: { name: 'person', strict: true, schema: personSchema } },
  }).finalChatCompletion();
  assert.ok(isPerson(JSON.parse(completion.choices[0].message.content)));
});

test('an abort ends the answer', async () => {
  const abort = new AbortController();
  const stream = await client.chat.completions.create(
    { model: 'embedded', messages: fox, max_tokens: 3000, stream: true, ignore_eos: true },
    { signal: abort.signal });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) abort.abort();
  }
  assert.ok(await becomesIdle(server.url));
});

test('errors have the classes that the package knows', async () => {
  const ask = (more) =>
    client.chat.completions.create({ model: 'embedded', messages: fox, ...more });
  await assert.rejects(ask({ model: 'gpt' }), (error) =>
    error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
  await assert.rejects(ask({ temperature: 3 }), (error) =>
    error instanceof OpenAI.BadRequestError && error.param === 'temperature');
  await assert.rejects(ask({ max_tokens: 100000 }), (error) =>
    error.code === 'context_length_exceeded');
  await assert.rejects(client.embeddings.create({ model: 'embedded', input: 'a' }),
    (error) => error.status === 501);
});

test('a wrong key', async () => {
  const guarded = await startServer('--api-key', 'right');
  const with_key = (apiKey) =>
    new OpenAI({ baseURL: `${guarded.url}/v1`, apiKey, maxRetries: 0 }).models.list();
  await assert.rejects(with_key('wrong'), OpenAI.AuthenticationError);
  assert.equal((await with_key('right')).data.length, 1);
  await guarded.stop();
});

test('who is refused for now comes again', async () => {
  const small = await startServer('--parallel', '1', '--queue', '0');
  const patient = new OpenAI({ baseURL: `${small.url}/v1`, apiKey: 'none', maxRetries: 20 });
  const ask = () => patient.chat.completions.create(
    { model: 'embedded', messages: fox, max_tokens: 100, ignore_eos: true });
  const replies = await Promise.all([ask(), ask(), ask()]);
  for (const reply of replies) assert.equal(reply.usage.completion_tokens, 100);
  await small.stop();
});

test('legacy completions', async () => {
  const reply = await client.completions.create(
    { model: 'embedded', prompt: 'Once upon a time', max_tokens: 8, seed: 1, echo: true });
  assert.ok(reply.choices[0].text.startsWith('Once upon a time'));
});

test('responses, whole and streamed', async () => {
  const request = { model: 'embedded', input: 'Tell me a story about a fox.', max_output_tokens: 12,
    temperature: 0, ...on };
  const whole = await client.responses.create(request);
  assert.equal(whole.status, 'incomplete');
  assert.ok(whole.output_text.length > 0);
  const streamed = await client.responses.stream(request).finalResponse();
  assert.equal(streamed.output_text, whole.output_text);
  const next = await client.responses.create(
    { ...request, input: 'Go on.', previous_response_id: whole.id });
  assert.ok(next.usage.input_tokens > whole.usage.input_tokens);
});

test('responses: calls, whole and streamed, are the same', async () => {
  const request = { model: 'embedded', input: 'Tell me.', max_output_tokens: 400, temperature: 2,
    seed: 4, tool_choice: 'required', parallel_tool_calls: false,
    tools: [{ type: 'function', name: 'weather', parameters: weatherSchema, strict: true }] };
  const whole = await client.responses.create(request);
  assert.equal(whole.status, 'completed');
  assert.deepEqual(whole.output.map((item) => item.type), ['function_call']);
  const [call] = whole.output;
  assert.ok(isWeather(JSON.parse(call.arguments)), call.arguments);
  const streamed = await client.responses.stream(request).finalResponse();
  assert.deepEqual(streamed.output.map((item) => [item.type, item.name, item.arguments]),
    [['function_call', call.name, call.arguments]]);
  const next = await client.responses.create({ model: 'embedded', max_output_tokens: 4, seed: 1,
    previous_response_id: whole.id, tools: request.tools, ignore_eos: true,
    input: [{ type: 'function_call_output', call_id: call.call_id, output: 'sunny' }] });
  assert.equal(next.usage.output_tokens, 4);
  assert.ok(next.usage.input_tokens > whole.usage.total_tokens);
});

test('responses: JSON that a schema asks for', async () => {
  const reply = await client.responses.create({
    model: 'embedded', input: 'A person.', max_output_tokens: 300,
    text: { format: { type: 'json_schema', name: 'person', schema: personSchema } } });
  assert.ok(isPerson(JSON.parse(reply.output_text)));
});
