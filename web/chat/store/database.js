// Conversations in the browser (IndexedDB). Nothing leaves it but what is sent as a request.
//
//   conversations  by id, whole
//   summaries      by id: {id, title, created, updated}, what the list of chats shows
//   values         by name: settings of the page
import { openDB } from 'idb';

const kVersion = 1;

function upgrade(database) {
  database.createObjectStore('conversations', { keyPath: 'id' });
  database.createObjectStore('summaries', { keyPath: 'id' });
  database.createObjectStore('values');
}

const summaryOf = ({ id, title, created, updated }) => ({ id, title, created, updated });

export class Database {
  static async open(name = 'hadal') {
    const database = new Database();
    database.idb = await openDB(name, kVersion, { upgrade });
    return database;
  }

  // Newest first.
  async summaries() {
    const all = await this.idb.getAll('summaries');
    return all.sort((a, b) => b.updated - a.updated);
  }

  conversation(id) {
    return this.idb.get('conversations', id);
  }

  conversations() {
    return this.idb.getAll('conversations');
  }

  async put(...conversations) {
    const change = this.idb.transaction(['conversations', 'summaries'], 'readwrite');
    for (const conversation of conversations) {
      change.objectStore('conversations').put(conversation);
      change.objectStore('summaries').put(summaryOf(conversation));
    }
    await change.done;
  }

  async remove(id) {
    const change = this.idb.transaction(['conversations', 'summaries'], 'readwrite');
    change.objectStore('conversations').delete(id);
    change.objectStore('summaries').delete(id);
    await change.done;
  }

  value(name) {
    return this.idb.get('values', name);
  }

  setValue(name, value) {
    return this.idb.put('values', value, name);
  }

  close() {
    this.idb.close();
  }
}
