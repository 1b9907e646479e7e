// Chats over the mock server and a database in memory, without a page.
import './testing/browser_globals.js';
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { shownPath } from './logic/branches.js';
import { kDefaultSettings } from './logic/settings.js';
import { Api } from './net/api.js';
import { Session } from './session.js';
import { Database } from './store/database.js';
import { MockServer } from './testing/mock_server.js';

let server, database, session;
const open = async () => {
  const opened = new Session({ database, api: new Api({ base: server.url }) });
  await opened.load({ ...kDefaultSettings });
  return opened;
};
before(async () => {
  server = await MockServer.start();
});
after(() => server.stop());
let count = 0;
beforeEach(async () => {
  sessionStorage.clear();
  database?.close();
  database = await Database.open(`test ${++count}`);
  session = await open();
});

const until = async (holds, what) => {
  for (let tries = 0; tries < 200; ++tries) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.fail(`did not happen: ${what}`);
};
const answered = (of = session) => until(() => of.runs.value.size === 0, 'the end of the answers');
const texts = (of = session) => shownPath(of.conversation.value).map(({ content }) => content);
const last = () => shownPath(session.conversation.value).at(-1);

test('a conversation, and a page that is opened later', async () => {
  session.send('one');
  await answered();
  session.send('two');
  await answered();
  const all = ['one', 'You wrote: one', 'two', 'You wrote: two'];
  assert.deepEqual(texts(), all);
  assert.deepEqual(
    server.requests.at(-1).messages.map(({ content }) => content),
    all.slice(0, 3),
  );
  await session.kept;
  const later = await open();
  assert.deepEqual(texts(later), all);
  assert.equal(later.summaries.value[0].title, 'one');
});

test('edit and regenerate are branches', async () => {
  session.send('one');
  await answered();
  const [question, answer] = shownPath(session.conversation.value);
  session.regenerate(answer.id);
  await answered();
  session.edit(question.id, 'better');
  await answered();
  assert.deepEqual(texts(), ['better', 'You wrote: better']);
  assert.equal(session.conversation.value.nodes.length, 5);
  session.step(shownPath(session.conversation.value)[0].id, -1);
  assert.deepEqual(texts(), ['one', 'You wrote: one']);
  session.edit(last().id, 'corrected');
  assert.deepEqual(texts(), ['one', 'corrected']);
});

test('a stop keeps what has arrived', async () => {
  session.send('endless');
  await until(() => session.run.value.reply.value.content.includes('word5'), 'some words');
  session.stop();
  await answered();
  assert.equal(last().finish, 'stopped');
  assert.match(last().content, /^word0 word1 /);
});

test('the reasoning is ended by its request, and the answer begins', async () => {
  session.send('ponder');
  await until(() => session.run.value.reply.value.reasoning.includes('thought3'), 'thoughts');
  await session.answerNow();
  await answered();
  assert.equal(last().content, 'Answered at once.');
  assert.deepEqual(Object.keys(server.controls.at(-1)), ['id', 'action']);
});

test('an error is kept with the message and with what came before it', async () => {
  session.send('breaks');
  await answered();
  assert.equal(last().content, 'This answer ');
  assert.equal(last().error, 'the engine ran out of memory');
});

test('a result of a tool goes back with the call', async () => {
  session.changeSettings({ tools: '[{"type":"function","function":{"name":"get_weather"}}]' });
  session.send('weather');
  await answered();
  session.sendResults(last().id, [{ id: 'call_1', content: 'rain' }]);
  await answered();
  assert.equal(last().content, 'The tool said: rain');
  const { messages, tools } = server.requests.at(-1);
  assert.equal(tools[0].function.name, 'get_weather');
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user', 'assistant', 'tool'],
  );
  assert.equal(
    messages[1].tool_calls[0].function.arguments,
    '{"city": "Hangzhou", "unit": "celsius"}',
  );
  assert.equal(messages[1].reasoning_content, 'The weather needs the tool.');
});

test('an answer goes on in a chat that is left, and two at once do not mix', async () => {
  session.send('endless');
  const first = session.shownId.value;
  session.startNew();
  session.send('other');
  await until(() => session.run.value === null, 'the short answer');
  assert.deepEqual(texts(), ['other', 'You wrote: other']);
  await session.show(first);
  await until(() => session.run.value.reply.value.content.includes('word9'), 'the long one grows');
  session.stop();
  await answered();
  assert.match(last().content, /^word0 /);
});

test('delete, rename, fork, import over what is there', async () => {
  session.send('one');
  await answered();
  const id = session.shownId.value;
  session.forkAt(last().id);
  assert.notEqual(session.shownId.value, id);
  await session.rename(id, 'renamed');
  await session.kept;
  assert.equal(session.summaries.value.length, 2);
  assert.equal((await database.conversation(id)).title, 'renamed');
  await session.remove(session.shownId.value);
  assert.deepEqual(
    (await database.summaries()).map(({ title }) => title),
    ['renamed'],
  );
  const stored = await database.conversation(id);
  await session.add([{ ...stored, title: 'imported' }]);
  assert.deepEqual(
    (await database.summaries()).map(({ title }) => title),
    ['imported'],
  );
  assert.equal(session.conversation.value.title, 'imported');
});
