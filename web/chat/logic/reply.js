// An answer as it arrives: chunks of a stream, added up.
//
//   reply  {chat, model, pieces, content, reasoning, tool_calls, finish, usage, timings, progress,
//           sent, first, thinking, thought, ended}
//   chat      the request's id at the server, for "answer now"
//   pieces    chunks that held something of the answer
//   progress  {done, total, cached, ms} of the prompt's tokens, until the first token
//   times     in ms as Date.now(): sent, first token, thinking began, thinking ended, all ended

export function newReply(now = Date.now()) {
  return {
    chat: null,
    model: null,
    pieces: 0,
    content: '',
    reasoning: '',
    tool_calls: [],
    finish: null,
    usage: null,
    timings: null,
    progress: null,
    sent: now,
    first: null,
    thinking: null,
    thought: null,
    ended: null,
  };
}

// Calls come in pieces under their index: id and name once, arguments as text.
function addToolCalls(calls, pieces) {
  const all = calls.slice();
  for (const { index = 0, id, function: called = {} } of pieces) {
    const old = all[index] ?? { id: '', type: 'function', function: { name: '', arguments: '' } };
    all[index] = {
      ...old,
      id: id ?? old.id,
      function: {
        name: old.function.name + (called.name ?? ''),
        arguments: old.function.arguments + (called.arguments ?? ''),
      },
    };
  }
  return all;
}

function progressOf({ processed = 0, total = 0, cache = 0, time_ms: ms = 0 }) {
  return { done: processed, total, cached: cache, ms };
}

function addDelta(reply, delta, now) {
  const reasoning = delta.reasoning_content ?? delta.reasoning ?? '';
  if (reasoning) {
    reply.reasoning += reasoning;
    reply.thinking ??= now;
  }
  if (delta.content) reply.content += delta.content;
  if (delta.tool_calls?.length) reply.tool_calls = addToolCalls(reply.tool_calls, delta.tool_calls);
  const answers = delta.content || delta.tool_calls?.length;
  if (reasoning || answers) {
    reply.first ??= now;
    ++reply.pieces;
  }
  if (answers && reply.thinking !== null) reply.thought ??= now;
}

// The reply with one chunk more.
export function withChunk(old, chunk, now = Date.now()) {
  const reply = { ...old };
  reply.chat ??= chunk.id ?? null;
  reply.model ??= chunk.model ?? null;
  if (chunk.usage) reply.usage = chunk.usage;
  if (chunk.timings) reply.timings = chunk.timings;
  if (chunk.prompt_progress) reply.progress = progressOf(chunk.prompt_progress);
  const choice = chunk.choices?.[0];
  if (choice?.delta) addDelta(reply, choice.delta, now);
  if (choice?.finish_reason) reply.finish = choice.finish_reason;
  return reply;
}

export function ended(reply, now = Date.now()) {
  const thought = reply.thinking === null ? null : (reply.thought ?? now);
  return { ...reply, thought, ended: now };
}

// ms until the prompt is read, at the speed so far; null while that is not known. Cached tokens
// took no time.
export function prefillLeft({ done, total, cached, ms }) {
  const read = done - cached;
  if (read <= 0 || ms <= 0 || total <= done) return null;
  return (ms / read) * (total - done);
}

// The figures of an answer, for its foot and the status bar; null where nobody knows. Until the
// server has counted, a piece of a stream counts as a token: `about` says so.
export function figuresOf(reply, now = Date.now()) {
  const { usage, timings, progress, pieces, sent, first, ended: end } = reply;
  const counted = usage?.completion_tokens ?? timings?.predicted_n ?? null;
  const tokens = counted ?? pieces;
  const took = first === null ? 0 : (end ?? now) - first;
  const measured = tokens > 1 && took > 0 ? (1000 * (tokens - 1)) / took : null;
  const read = timings ? (timings.prompt_n ?? 0) + (timings.cache_n ?? 0) : null;
  const { cached_tokens: cached } = usage?.prompt_tokens_details ?? {};
  return {
    prompt: usage?.prompt_tokens ?? read ?? progress?.total ?? null,
    cached: cached ?? timings?.cache_n ?? progress?.cached ?? null,
    tokens,
    about: counted === null,
    reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? null,
    perSecond: timings?.predicted_per_second ?? measured,
    promptPerSecond: timings?.prompt_per_second ?? null,
    firstMs: first === null ? null : first - sent,
    ms: end === null ? null : end - sent,
  };
}

// What is kept of a reply as a message.
export function messageFrom(reply) {
  const calls = reply.tool_calls.filter(Boolean);
  return {
    content: reply.content,
    ...(reply.reasoning && { reasoning: reply.reasoning, thinking_ms: thinkingMs(reply) }),
    ...(calls.length > 0 && { tool_calls: calls }),
    model: reply.model,
    finish: reply.finish,
    figures: figuresOf(reply),
  };
}

export function thinkingMs({ thinking, thought }, now = Date.now()) {
  return thinking === null ? null : (thought ?? now) - thinking;
}
