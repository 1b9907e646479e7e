// Puts the page together.
import { render } from 'preact';
import { App } from './view/app.jsx';
import { Api } from './net/api.js';
import { Database } from './store/database.js';
import { Preferences } from './preferences.js';
import { Session } from './session.js';
import { settingsFrom } from './logic/settings.js';

const preferences = new Preferences();
const api = new Api({ key: () => preferences.key.value });

async function start() {
  const place = document.getElementById('app');
  let database;
  try {
    database = await Database.open();
  } catch (error) {
    place.textContent =
      `This browser keeps no data for this page (${error.message}); ` +
      'chats need it. A private window may be the reason.';
    return;
  }
  const session = new Session({ database, api });
  await session.load(settingsFrom(await database.value('defaults')));
  render(<App session={session} preferences={preferences} />, place);
}

start();
