// A conversation is a tree of messages, of which the page shows one path. Editing or regenerating
// a message adds a sibling; nothing is overwritten.
//
//   conversation  {id, title, created, updated, settings, nodes, chosen}
//   nodes         in the order of their creation: {id, parent, role, content, created, ...};
//                 parent: id of another node, or null
//   chosen        {parent id, or '' for the first message: id of the child that is shown};
//                 without an entry the newest child is shown
//
// All functions leave their argument as it is and return a new conversation.
import { newId } from './ids.js';

const indices = new WeakMap(); // nodes -> {byId, children}

function indexOf(conversation) {
  let index = indices.get(conversation.nodes);
  if (index) return index;
  index = { byId: new Map(), children: new Map() };
  for (const node of conversation.nodes) {
    index.byId.set(node.id, node);
    const key = node.parent ?? '';
    if (!index.children.has(key)) index.children.set(key, []);
    index.children.get(key).push(node);
  }
  indices.set(conversation.nodes, index);
  return index;
}

export function newConversation(settings, now = Date.now()) {
  return { id: newId(), title: '', created: now, updated: now, settings, nodes: [], chosen: {} };
}

export function nodeOf(conversation, id) {
  return indexOf(conversation).byId.get(id);
}

export function siblings(conversation, id) {
  return indexOf(conversation).children.get(nodeOf(conversation, id).parent ?? '');
}

function shownChild(conversation, parent) {
  const children = indexOf(conversation).children.get(parent ?? '');
  if (!children) return undefined;
  return children.find(({ id }) => id === conversation.chosen[parent ?? '']) ?? children.at(-1);
}

// The messages that are shown, first to last.
export function shownPath(conversation) {
  const path = [];
  for (let node = shownChild(conversation, null); node; node = shownChild(conversation, node.id))
    path.push(node);
  return path;
}

// The messages that lead to a node, itself among them.
export function pathTo(conversation, id) {
  const path = [];
  for (let node = nodeOf(conversation, id); node; node = nodeOf(conversation, node.parent))
    path.unshift(node);
  return path;
}

// A message below `parent`, which is shown from now on. Returns {conversation, node}.
export function addNode(conversation, parent, message, now = Date.now()) {
  const node = { id: newId(), parent, created: now, content: '', ...message };
  return {
    node,
    conversation: {
      ...conversation,
      title: conversation.title || titleOf(message),
      updated: now,
      nodes: [...conversation.nodes, node],
      chosen: { ...conversation.chosen, [parent ?? '']: node.id },
    },
  };
}

export function changeNode(conversation, id, changes, now = Date.now()) {
  const nodes = conversation.nodes.map((node) => (node.id === id ? { ...node, ...changes } : node));
  return { ...conversation, nodes, updated: now };
}

// Shows the sibling `step` places after a node, if there is one.
export function stepSibling(conversation, id, step) {
  const all = siblings(conversation, id);
  const next = all[all.findIndex((node) => node.id === id) + step];
  if (!next) return conversation;
  return { ...conversation, chosen: { ...conversation.chosen, [next.parent ?? '']: next.id } };
}

// Takes a message away with everything below it.
export function removeNode(conversation, id, now = Date.now()) {
  const gone = new Set([id]);
  for (const node of conversation.nodes) if (gone.has(node.parent)) gone.add(node.id);
  const kept = (value) => !gone.has(value);
  return {
    ...conversation,
    updated: now,
    nodes: conversation.nodes.filter((node) => kept(node.id)),
    chosen: Object.fromEntries(
      Object.entries(conversation.chosen).filter((pair) => pair.every(kept)),
    ),
  };
}

// A conversation of its own that starts with the messages up to a node.
export function fork(conversation, id, now = Date.now()) {
  const copy = newConversation(conversation.settings, now);
  const renamed = new Map();
  const nodes = pathTo(conversation, id).map((node) => {
    renamed.set(node.id, newId());
    return { ...node, id: renamed.get(node.id), parent: renamed.get(node.parent) ?? null };
  });
  return { ...copy, title: conversation.title, nodes };
}

const kTitleLength = 60;

export function titleOf({ role, content, files }) {
  if (role !== 'user') return '';
  const line = content.trim().split('\n')[0] || files?.[0]?.name || '';
  return line.length <= kTitleLength ? line : `${line.slice(0, kTitleLength - 1).trimEnd()}…`;
}
