// The server's interface. Addresses are relative to the page: it works behind a path of a proxy.
import { eventData } from './sse.js';

// An answer that is no success, or none at all (status 0), in one line.
export class ApiError extends Error {
  constructor(message, { status = 0, code = null } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

async function errorOf(response) {
  const text = await response.text().catch(() => '');
  let error = null;
  try {
    error = JSON.parse(text).error;
  } catch {
    // a proxy's page; the status says enough
  }
  const message = error?.message ?? `the server answered ${response.status} ${response.statusText}`;
  return new ApiError(message, { status: response.status, code: error?.code });
}

export class Api {
  // key: () => string, asked before each request.
  constructor({ base = '.', key = () => '' } = {}) {
    this.base = base;
    this.key = key;
  }

  async send(path, { body, signal } = {}) {
    const headers = {};
    const key = this.key();
    if (key) headers.Authorization = `Bearer ${key}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let response;
    try {
      response = await fetch(`${this.base}/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
      });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError('the server cannot be reached');
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async models() {
    return (await (await this.send('v1/models')).json()).data ?? [];
  }

  async status(signal) {
    return (await this.send('hadal/status', { signal })).json();
  }

  // Models as lists of terms, for the planner and the machine's comparison.
  async plan() {
    return (await this.send('hadal/plan')).json();
  }

  // Yields the chunks of an answer. An event that holds an error ends it with that error; so does
  // a stream that breaks off before its last event.
  async *chat(body, signal) {
    const response = await this.send('v1/chat/completions', { body, signal });
    for await (const data of this.events(response)) {
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(chunk.error.message, { code: chunk.error.code });
      yield chunk;
    }
    throw new ApiError('the server broke off the answer');
  }

  async *events(response) {
    try {
      yield* eventData(response.body);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError('the connection was lost');
    }
  }

  // "Answer now": the reasoning of a running request ends here.
  async endReasoning(chat) {
    await this.send('v1/chat/completions/control', { body: { id: chat, action: 'reasoning_end' } });
  }
}
