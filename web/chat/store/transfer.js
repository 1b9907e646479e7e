// Conversations as a file, and back. A file is foreign: every field is looked at, only known ones
// are taken, and what does not fit is one line of error.
import { newId } from '../logic/ids.js';
import { settingsFrom } from '../logic/settings.js';

const kFormat = 'hadal-chat';
const kVersion = 1;

export function exportText(conversations, now = new Date()) {
  const file = { format: kFormat, version: kVersion, exported: now.toISOString(), conversations };
  return `${JSON.stringify(file, null, 2)}\n`;
}

const isText = (value) => typeof value === 'string';
const isNumber = (value) => Number.isFinite(value);
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

function requireThat(holds, where, what) {
  if (!holds) throw new Error(`${where}: ${what}`);
}

function filesFrom(files, where) {
  requireThat(Array.isArray(files), where, "'files' is not an array");
  return files.map(({ name, text } = {}) => {
    requireThat(isText(name) && isText(text), where, "a file needs 'name' and 'text'");
    return { name, text };
  });
}

function callsFrom(calls, where) {
  requireThat(Array.isArray(calls), where, "'tool_calls' is not an array");
  return calls.map((call) => {
    const { name, arguments: given } = call?.function ?? {};
    requireThat(
      isText(call?.id) && isText(name) && isText(given),
      where,
      "a tool call needs 'id', 'function.name' and 'function.arguments'",
    );
    return { id: call.id, type: 'function', function: { name, arguments: given } };
  });
}

function figuresFrom(object) {
  const isFigure = ([, value]) => isNumber(value) || typeof value === 'boolean';
  return Object.fromEntries(Object.entries(object).filter(isFigure));
}

function nodeFrom(any, known, where) {
  requireThat(isObject(any), where, 'not an object');
  requireThat(isText(any.id) && !known.has(any.id), where, "'id' is missing or used twice");
  requireThat(
    any.parent === null || known.has(any.parent),
    where,
    "'parent' is no earlier message",
  );
  requireThat(
    ['user', 'assistant', 'tool'].includes(any.role),
    where,
    `role '${any.role}' is not user, assistant or tool`,
  );
  requireThat(isText(any.content), where, "'content' is not text");
  const node = {
    id: any.id,
    parent: any.parent,
    role: any.role,
    content: any.content,
    created: isNumber(any.created) ? any.created : 0,
  };
  for (const key of ['reasoning', 'tool_call_id', 'model', 'finish', 'error'])
    if (isText(any[key])) node[key] = any[key];
  if (isNumber(any.thinking_ms)) node.thinking_ms = any.thinking_ms;
  if (any.files !== undefined) node.files = filesFrom(any.files, where);
  if (any.tool_calls !== undefined) node.tool_calls = callsFrom(any.tool_calls, where);
  if (isObject(any.figures)) node.figures = figuresFrom(any.figures);
  if (isObject(any.settings)) node.settings = settingsFrom(any.settings);
  return node;
}

function conversationFrom(any, where) {
  requireThat(isObject(any), where, 'not an object');
  requireThat(Array.isArray(any.nodes), where, "'nodes' is not an array");
  const known = new Set();
  const nodes = any.nodes.map((node, at) => {
    const checked = nodeFrom(node, known, `${where}, message ${at + 1}`);
    known.add(checked.id);
    return checked;
  });
  const chosen = Object.entries(isObject(any.chosen) ? any.chosen : {}).filter(
    ([parent, child]) => (parent === '' || known.has(parent)) && known.has(child),
  );
  return {
    id: isText(any.id) && any.id ? any.id : newId(),
    title: isText(any.title) ? any.title : '',
    created: isNumber(any.created) ? any.created : 0,
    updated: isNumber(any.updated) ? any.updated : 0,
    settings: settingsFrom(any.settings),
    nodes,
    chosen: Object.fromEntries(chosen),
  };
}

// The conversations of a file; throws an Error of one line.
export function importText(text, name) {
  let file;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name}: not JSON (${error.message}); was the file cut short?`);
  }
  requireThat(
    isObject(file) && file.format === kFormat,
    name,
    `not an export of chats ('format' is not '${kFormat}')`,
  );
  requireThat(
    file.version === kVersion,
    name,
    `version ${file.version}; this page reads version ${kVersion}`,
  );
  requireThat(Array.isArray(file.conversations), name, "'conversations' is not an array");
  return file.conversations.map((any, at) => conversationFrom(any, `${name}: chat ${at + 1}`));
}
