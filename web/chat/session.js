// The chats of the page: which is shown, which answers are arriving, and that all is kept.
//
// An answer goes on arriving in a chat that is not shown. While it does, it is kept about once a
// second, so that a reload loses little; such a message has no `finish`.
import { batch, computed, signal } from '@preact/signals';
import {
  addNode,
  changeNode,
  fork,
  newConversation,
  nodeOf,
  pathTo,
  removeNode,
  shownPath,
  stepSibling,
} from './logic/branches.js';
import { ended, messageFrom, newReply, withChunk } from './logic/reply.js';
import { requestBody } from './logic/request.js';

const kShowMs = 40;
const kKeepMs = 1000;

export class Session {
  constructor({ database, api }) {
    this.database = database;
    this.api = api;
    this.summaries = signal([]);
    this.opened = new Map(); // id -> signal of a conversation: shown ones and answered ones
    this.shownId = signal(null);
    this.runs = signal(new Map()); // id of a conversation -> {node, reply, abort}
    this.model = signal(null); // as /v1/models lists it
    this.defaults = signal(null); // settings of new chats
    this.notice = signal(null); // {text, kind} of what went wrong or was done
    this.conversation = computed(() => this.opened.get(this.shownId.value)?.value ?? null);
    this.run = computed(() => this.runs.value.get(this.shownId.value) ?? null);
    this.kept = Promise.resolve();
  }

  async load(defaults) {
    this.defaults.value = defaults;
    this.summaries.value = await this.database.summaries();
    const last = sessionStorage.getItem('hadal-chat');
    if (!last || !(await this.show(last))) this.startNew();
  }

  tell(text, kind = 'done') {
    this.notice.value = { text, kind };
  }

  // --- which chat is shown

  place(conversation) {
    this.opened.set(conversation.id, signal(conversation));
    this.shownId.value = conversation.id;
    this.forgetIdle();
  }

  forgetIdle() {
    for (const id of this.opened.keys())
      if (id !== this.shownId.peek() && !this.runs.peek().has(id)) this.opened.delete(id);
  }

  startNew() {
    sessionStorage.removeItem('hadal-chat');
    this.place(newConversation({ ...this.defaults.peek() }));
  }

  async show(id) {
    if (!this.opened.has(id)) {
      await this.kept;
      const conversation = await this.database.conversation(id);
      if (!conversation) return false;
      this.place(conversation);
    } else {
      this.shownId.value = id;
      this.forgetIdle();
    }
    sessionStorage.setItem('hadal-chat', id);
    return true;
  }

  // --- changes, each kept at once

  change(id, changed) {
    const opened = this.opened.get(id);
    if (!opened) return;
    opened.value = changed(opened.peek());
    this.keep(opened.peek());
  }

  changeShown(changed) {
    this.change(this.shownId.peek(), changed);
  }

  keep(conversation) {
    if (conversation.nodes.length === 0) return; // an empty chat is none
    const { id, title, created, updated } = conversation;
    const others = this.summaries.peek().filter((summary) => summary.id !== id);
    this.summaries.value = [{ id, title, created, updated }, ...others].sort(
      (a, b) => b.updated - a.updated,
    );
    if (id === this.shownId.peek()) sessionStorage.setItem('hadal-chat', id);
    this.kept = this.kept
      .then(() => this.database.put(conversation))
      .catch((error) =>
        this.tell(`This chat could not be kept in the browser: ${error.message}`, 'error'),
      );
  }

  async remove(id) {
    this.stop(id);
    this.opened.delete(id);
    this.summaries.value = this.summaries.peek().filter((summary) => summary.id !== id);
    if (id === this.shownId.peek()) this.startNew();
    this.kept = this.kept.then(() => this.database.remove(id));
    await this.kept;
  }

  rename(id, title) {
    return this.withConversation(id, (conversation) => ({ ...conversation, title }));
  }

  async withConversation(id, changed) {
    if (this.opened.has(id)) return this.change(id, changed);
    await this.kept;
    const conversation = await this.database.conversation(id);
    if (conversation) this.keep(changed(conversation));
  }

  async add(conversations) {
    const known = new Set(this.summaries.peek().map(({ id }) => id));
    for (const conversation of conversations) {
      if (known.has(conversation.id)) this.opened.delete(conversation.id);
      this.keep(conversation);
    }
    await this.kept;
    if (conversations.length > 0) await this.show(conversations[0].id);
  }

  // --- messages of the shown chat

  send(content, files = []) {
    const id = this.shownId.peek();
    const path = shownPath(this.conversation.peek());
    this.ask(id, path.at(-1)?.id ?? null, { role: 'user', content, files });
  }

  // Results of tools: [{id, content}] below the message that called them.
  sendResults(parent, results) {
    const id = this.shownId.peek();
    let last = parent;
    for (const { id: call, content } of results) {
      const added = addNode(this.opened.get(id).peek(), last, {
        role: 'tool',
        tool_call_id: call,
        content,
      });
      this.change(id, () => added.conversation);
      last = added.node.id;
    }
    this.answer(id, last);
  }

  ask(id, parent, message) {
    const { conversation, node } = addNode(this.opened.get(id).peek(), parent, message);
    this.change(id, () => conversation);
    this.answer(id, node.id);
  }

  // A changed message is a branch of its own; one of the user is answered anew.
  edit(nodeId, content, files) {
    const id = this.shownId.peek();
    const node = nodeOf(this.conversation.peek(), nodeId);
    if (node.role === 'user')
      return this.ask(id, node.parent, { role: 'user', content, files: files ?? node.files });
    const { id: old, parent, created, ...rest } = node;
    this.changeShown(
      (conversation) =>
        addNode(conversation, parent, { ...rest, content, edited: true }).conversation,
    );
  }

  regenerate(nodeId) {
    this.answer(this.shownId.peek(), nodeOf(this.conversation.peek(), nodeId).parent);
  }

  step(nodeId, by) {
    this.changeShown((conversation) => stepSibling(conversation, nodeId, by));
  }

  removeMessage(nodeId) {
    this.changeShown((conversation) => removeNode(conversation, nodeId));
  }

  forkAt(nodeId) {
    const copy = fork(this.conversation.peek(), nodeId);
    this.place(copy);
    this.keep(copy);
    this.tell('A new chat, with the messages up to here.');
  }

  changeSettings(changes) {
    this.changeShown((conversation) => ({
      ...conversation,
      settings: { ...conversation.settings, ...changes },
    }));
  }

  // --- answers

  stop(id = this.shownId.peek()) {
    this.runs.peek().get(id)?.abort.abort();
  }

  async answerNow() {
    const run = this.run.peek();
    try {
      await this.api.endReasoning(run.reply.peek().chat);
    } catch (error) {
      this.tell(`The reasoning could not be ended: ${error.message}`, 'error');
    }
  }

  async answer(id, parent) {
    if (this.runs.peek().has(id)) return;
    const { settings } = this.opened.get(id).peek();
    const { conversation, node } = addNode(this.opened.get(id).peek(), parent, {
      role: 'assistant',
      settings,
    });
    const run = { node: node.id, reply: signal(newReply()), abort: new AbortController() };
    batch(() => {
      this.change(id, () => conversation);
      this.setRun(id, run);
    });
    const body = requestBody(pathTo(conversation, parent), settings, this.model.peek()?.id);
    const outcome = await this.receive(id, run, body);
    batch(() => {
      run.reply.value = ended(run.reply.peek());
      this.change(id, (now) =>
        changeNode(now, run.node, { ...messageFrom(run.reply.peek()), ...outcome }),
      );
      this.setRun(id, null);
    });
    this.forgetIdle();
  }

  setRun(id, run) {
    const runs = new Map(this.runs.peek());
    if (run) runs.set(id, run);
    else runs.delete(id);
    this.runs.value = runs;
  }

  // Takes the answer in. Chunks come faster than eyes follow: they are shown together. Returns
  // what the message must say besides, if the answer did not come to its end.
  async receive(id, run, body) {
    let reply = run.reply.peek();
    let keptAt = Date.now();
    let shown = null;
    const show = () => {
      shown = null;
      run.reply.value = reply;
      if (Date.now() - keptAt < kKeepMs) return;
      keptAt = Date.now();
      this.change(id, (now) => changeNode(now, run.node, messageFrom(reply)));
    };
    try {
      for await (const chunk of this.api.chat(body, run.abort.signal)) {
        reply = withChunk(reply, chunk);
        shown ??= setTimeout(show, kShowMs);
      }
      return {};
    } catch (error) {
      return error.name === 'AbortError' ? { finish: 'stopped' } : { error: error.message };
    } finally {
      clearTimeout(shown);
      run.reply.value = reply;
    }
  }
}
