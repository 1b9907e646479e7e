import '../testing/browser_globals.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addNode,
  changeNode,
  fork,
  newConversation,
  pathTo,
  removeNode,
  shownPath,
  siblings,
  stepSibling,
  titleOf,
} from './branches.js';

const texts = (conversation) => shownPath(conversation).map(({ content }) => content);

// a question, an answer, a question, and two answers to it, the second shown
function example() {
  let conversation = newConversation({}, 1);
  const ids = {};
  const add = (name, parent, role) => {
    const added = addNode(conversation, ids[parent] ?? null, { role, content: name }, 2);
    conversation = added.conversation;
    ids[name] = added.node.id;
  };
  add('q1', null, 'user');
  add('a1', 'q1', 'assistant');
  add('q2', 'a1', 'user');
  add('a2', 'q2', 'assistant');
  add('a2 again', 'q2', 'assistant');
  return { conversation, ids };
}

test('the newest branch is shown, and the others can be', () => {
  const { conversation, ids } = example();
  assert.deepEqual(texts(conversation), ['q1', 'a1', 'q2', 'a2 again']);
  assert.equal(siblings(conversation, ids.a2).length, 2);
  const before = stepSibling(conversation, ids['a2 again'], -1);
  assert.deepEqual(texts(before), ['q1', 'a1', 'q2', 'a2']);
  assert.equal(stepSibling(before, ids.a2, -1), before, 'there is none before the first');
  assert.deepEqual(texts(stepSibling(before, ids.a2, 1)), texts(conversation));
  assert.deepEqual(texts(conversation), ['q1', 'a1', 'q2', 'a2 again'], 'the first is as it was');
});

test('a changed first message is another root with a path of its own', () => {
  const { conversation } = example();
  const edited = addNode(conversation, null, { role: 'user', content: 'q1 better' });
  assert.deepEqual(texts(edited.conversation), ['q1 better']);
  const back = stepSibling(edited.conversation, edited.node.id, -1);
  assert.deepEqual(texts(back), ['q1', 'a1', 'q2', 'a2 again']);
});

test('deleting takes everything below along and shows what is left', () => {
  const { conversation, ids } = example();
  assert.deepEqual(texts(removeNode(conversation, ids['a2 again'])), ['q1', 'a1', 'q2', 'a2']);
  const less = removeNode(conversation, ids.a1);
  assert.deepEqual(texts(less), ['q1']);
  assert.equal(less.nodes.length, 1);
  assert.deepEqual(less.chosen, { '': ids.q1 });
});

test('a fork is a chat of its own', () => {
  const { conversation, ids } = example();
  const copy = fork(conversation, ids.q2, 9);
  assert.deepEqual(texts(copy), ['q1', 'a1', 'q2']);
  assert.notEqual(copy.id, conversation.id);
  const old = new Set(conversation.nodes.map(({ id }) => id));
  assert.ok(copy.nodes.every(({ id, parent }) => !old.has(id) && !old.has(parent)));
  assert.deepEqual(pathTo(copy, copy.nodes.at(-1).id), copy.nodes);
});

test('a change is seen in the path', () => {
  const { conversation, ids } = example();
  const changed = changeNode(conversation, ids.a1, { content: 'a1 more' }, 7);
  assert.deepEqual(texts(changed), ['q1', 'a1 more', 'q2', 'a2 again']);
  assert.equal(changed.updated, 7);
});

test('the title is the first line of the first question', () => {
  assert.equal(example().conversation.title, 'q1');
  assert.equal(titleOf({ role: 'user', content: '  one\ntwo' }), 'one');
  assert.equal(titleOf({ role: 'user', content: '', files: [{ name: 'a.txt' }] }), 'a.txt');
  assert.equal(titleOf({ role: 'user', content: 'x'.repeat(100) }).length, 60);
});
