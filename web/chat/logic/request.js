// The body of a request for the next answer of a conversation.
import { textWithFiles } from './files.js';
import { kNumbers, parseTools } from './settings.js';

function messageOf(node) {
  if (node.role === 'user')
    return { role: 'user', content: textWithFiles(node.content, node.files) };
  if (node.role === 'tool')
    return { role: 'tool', tool_call_id: node.tool_call_id, content: node.content };
  const message = { role: 'assistant', content: node.content };
  if (node.reasoning) message.reasoning_content = node.reasoning;
  if (node.tool_calls?.length) message.tool_calls = node.tool_calls;
  return message;
}

// The settings as fields of a request, without those that are left to the server.
export function parametersOf(settings) {
  const parameters = settings.effort === 'auto' ? {} : { reasoning_effort: settings.effort };
  for (const { key } of kNumbers) if (settings[key] !== null) parameters[key] = settings[key];
  const tools = parseTools(settings.tools).value;
  if (tools) parameters.tools = tools;
  return parameters;
}

// `path`: the messages up to the one to be answered.
export function requestBody(path, settings, model) {
  const system = settings.system.trim();
  return {
    model,
    messages: [...(system ? [{ role: 'system', content: system }] : []), ...path.map(messageOf)],
    ...parametersOf(settings),
    stream: true,
    stream_options: { include_usage: true },
    return_progress: true,
  };
}
