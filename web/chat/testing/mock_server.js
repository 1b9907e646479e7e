// A server for tests of the page: its files, with the policy of src/page/page.h, and answers that
// are scripted, so that a test decides what happens when. Loopback, any free port.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { kReplies } from './replies.js';

const kTypes = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.woff2': 'font/woff2',
};

// As the program sends it: read where it is written.
function policy() {
  const header = readFileSync(new URL('../../../src/page/page.h', import.meta.url), 'utf8');
  const found = /kContentSecurityPolicy =\s*((?:"[^"]*"\s*)+);/.exec(header);
  return found[1]
    .match(/"[^"]*"/g)
    .map((part) => part.slice(1, -1))
    .join('');
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const choice = (delta, finish = null) => ({
  choices: [{ index: 0, delta, finish_reason: finish }],
});

const figuresOf = (tokens) => ({
  usage: {
    prompt_tokens: 640,
    completion_tokens: tokens,
    total_tokens: 640 + tokens,
    prompt_tokens_details: { cached_tokens: 512 },
    completion_tokens_details: { reasoning_tokens: 12 },
  },
  timings: { prompt_per_second: 812.5, predicted_per_second: 43.21 },
});

async function bodyOf(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return JSON.parse(text);
}

export class MockServer {
  // files: the folder of the built page, or null for none.
  static async start({ files = null, key = null, status = {}, plan = {} } = {}) {
    const server = new MockServer();
    Object.assign(server, {
      files,
      key,
      status,
      plan,
      requests: [],
      controls: [],
      running: new Map(),
    });
    server.http = createServer((request, response) =>
      server.handle(request, response).catch((error) => response.destroy(error)),
    );
    await new Promise((resolve) => server.http.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${server.http.address().port}`;
    return server;
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  async handle(request, response) {
    const path = new URL(request.url, 'http://host').pathname;
    const json = (value, status = 200) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (
      this.key &&
      !/\.\w+$|^\/$/.test(path) &&
      request.headers.authorization !== `Bearer ${this.key}`
    )
      return json({ error: { message: 'wrong or no API key', code: 'invalid_api_key' } }, 401);
    switch (path) {
      case '/v1/models':
        return json({ data: [{ id: 'mock-model', context_length: 16384 }] });
      case '/hadal/status':
        return json(typeof this.status === 'function' ? this.status() : this.status);
      case '/hadal/plan':
        return json(this.plan);
      case '/v1/chat/completions':
        return this.chat(await bodyOf(request), request, response, json);
      case '/v1/chat/completions/control': {
        const control = await bodyOf(request);
        this.controls.push(control);
        this.running.get(control.id)?.endReasoning();
        return json({ success: true });
      }
      default:
        return this.file(path === '/' ? '/index.html' : path, response);
    }
  }

  file(path, response) {
    let bytes;
    try {
      bytes = readFileSync(join(this.files, path));
    } catch {
      response.writeHead(404);
      return response.end();
    }
    response.writeHead(200, {
      'Content-Type': kTypes[extname(path)] ?? 'application/octet-stream',
      'Content-Security-Policy': policy(),
    });
    return response.end(bytes);
  }

  async chat(body, request, response, json) {
    this.requests.push(body);
    const last = body.messages.at(-1);
    if (last.content.includes('refuse'))
      return json(
        { error: { message: 'temperature: found 9, expected 0 to 2', param: 'temperature' } },
        400,
      );
    const word = Object.keys(kReplies).find((key) => last.content.includes(key));
    const steps =
      last.role === 'tool'
        ? [{ delta: { content: `The tool said: ${last.content}` } }]
        : word
          ? kReplies[word]()
          : [{ delta: { content: `You wrote: ${last.content}` } }];
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    await this.stream(steps, body, request, response);
  }

  async stream(steps, body, request, response) {
    const id = `chatcmpl-${this.requests.length}`;
    const run = { gone: false, thinking: true, endReasoning: () => (run.thinking = false) };
    this.running.set(id, run);
    response.on('close', () => (run.gone = true));
    const common = { id, object: 'chat.completion.chunk', model: 'mock-model' };
    const write = (fields) =>
      response.write(`data: ${JSON.stringify({ ...common, ...fields })}\n\n`);
    write(choice({ role: 'assistant' }));
    response.write(': keep-alive\n\n');
    const written = await this.steps(steps, run, write, response);
    if (!written || run.gone) return;
    write(choice({}, written.finish));
    write({ choices: [], ...figuresOf(written.tokens) });
    response.end('data: [DONE]\n\n');
    this.running.delete(id);
  }

  // {tokens, finish} of an answer that came to its end, else nothing.
  async steps(steps, run, write, response) {
    let finish = 'stop';
    let tokens = 0;
    for (const step of steps) {
      if (run.gone) return null;
      if (typeof step === 'number') await sleep(step);
      else if (step.error) return void response.end(`data: ${JSON.stringify(step)}\n\n`);
      else if (step.drop) return void response.destroy();
      else if (step.finish) finish = step.finish;
      else if (step.prompt_progress) write({ choices: [], ...step });
      else {
        write(choice(step.delta));
        if (step.delta.reasoning_content && !run.thinking) {
          write(choice({ content: 'Answered at once.' }));
          break;
        }
        if (++tokens % 8 === 0) await sleep(4);
      }
    }
    return { tokens, finish };
  }
}
