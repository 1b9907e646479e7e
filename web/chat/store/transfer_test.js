import '../testing/browser_globals.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addNode, newConversation, shownPath, stepSibling } from '../logic/branches.js';
import { kDefaultSettings } from '../logic/settings.js';
import { exportText, importText } from './transfer.js';

function example() {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };
  let conversation = newConversation({ ...kDefaultSettings, temperature: 0.5 }, 5);
  const add = (parent, message) => {
    const added = addNode(conversation, parent, message, 6);
    conversation = added.conversation;
    return added.node.id;
  };
  const question = add(null, { role: 'user', content: 'q', files: [{ name: 'a', text: 'b' }] });
  const first = add(question, {
    role: 'assistant',
    content: 'a',
    reasoning: 'r',
    thinking_ms: 3,
    model: 'm',
    finish: 'stop',
    figures: { tokens: 3, about: true },
    settings: { ...kDefaultSettings, effort: 'low' },
  });
  add(question, { role: 'assistant', content: '', tool_calls: [call], finish: 'tool_calls' });
  return stepSibling(conversation, conversation.nodes.at(-1).id, -1) ?? first;
}

test('what goes out comes back the same: texts, branches, times, parameters', () => {
  const conversation = example();
  assert.deepEqual(importText(exportText([conversation]), 'x.json'), [conversation]);
  assert.equal(shownPath(conversation).at(-1).content, 'a');
});

test('every cut of a file is one line of error', () => {
  const text = exportText([example()]).trimEnd();
  for (let size = 0; size < text.length; ++size)
    assert.throws(
      () => importText(text.slice(0, size), 'x.json'),
      ({ message }) => message.startsWith('x.json: not JSON') && !message.includes('\n'),
      `the first ${size}`,
    );
});

test('foreign files and wrong fields are named', () => {
  const file = () => JSON.parse(exportText([example()]));
  const refused = (change, message) => {
    const changed = file();
    change(changed, changed.conversations[0]);
    assert.throws(() => importText(JSON.stringify(changed), 'x.json'), { message });
  };
  assert.throws(() => importText('[]', 'x.json'), /not an export of chats/);
  assert.throws(() => importText('null', 'x.json'), /not an export of chats/);
  refused((all) => (all.version = 2), 'x.json: version 2; this page reads version 1');
  refused((all) => (all.conversations = 1), "x.json: 'conversations' is not an array");
  refused((all) => (all.conversations = [7]), 'x.json: chat 1: not an object');
  refused((_, chat) => (chat.nodes = {}), "x.json: chat 1: 'nodes' is not an array");
  refused(
    (_, chat) => (chat.nodes[1].role = 'root'),
    "x.json: chat 1, message 2: role 'root' is not user, assistant or tool",
  );
  refused(
    (_, chat) => (chat.nodes[0].content = 1),
    "x.json: chat 1, message 1: 'content' is not text",
  );
  refused(
    (_, chat) => (chat.nodes[0].parent = chat.nodes[1].id),
    "x.json: chat 1, message 1: 'parent' is no earlier message",
  );
  refused(
    (_, chat) => (chat.nodes[1].id = chat.nodes[0].id),
    "x.json: chat 1, message 2: 'id' is missing or used twice",
  );
  refused(
    (_, chat) => (chat.nodes[0].files = [{}]),
    "x.json: chat 1, message 1: a file needs 'name' and 'text'",
  );
  refused(
    (_, chat) => (chat.nodes[2].tool_calls[0].function = null),
    "x.json: chat 1, message 3: a tool call needs 'id', 'function.name' and 'function.arguments'",
  );
});

test('unknown fields stay outside', () => {
  const changed = JSON.parse(exportText([example()]));
  changed.conversations[0].nodes[0].html = '<b>';
  changed.conversations[0].chosen.nowhere = 'nothing';
  const [conversation] = importText(JSON.stringify(changed), 'x.json');
  assert.ok(!('html' in conversation.nodes[0]));
  assert.ok(!('nowhere' in conversation.chosen));
});
