// Settings of the page: theme, API key; what it is made of.
import { kThemes } from './theme.js';
import { Dialog } from './dialog.jsx';

const kKeys = [
  ['Enter', 'send'],
  ['Shift Enter', 'new line'],
  ['Esc', 'stop the answer'],
  ['Alt N', 'new chat'],
  ['/', 'to the message'],
];

export function Preferences({ preferences, onClose }) {
  return (
    <Dialog title="Preferences" onClose={onClose}>
      <div class="field">
        <label for="theme">Theme</label>
        <select
          id="theme"
          value={preferences.theme.value}
          onChange={(event) => preferences.setTheme(event.target.value)}
        >
          {kThemes.map(({ value, name }) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <form class="field" onSubmit={(event) => event.preventDefault()}>
        <label for="key">API key</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          defaultValue={preferences.key.value}
          onChange={(event) => preferences.setKey(event.target.value.trim())}
        />
        <p class="field-about">
          needed where the server was started with keys; kept in this browser
        </p>
      </form>
      <h3>Keys</h3>
      <dl class="keys">
        {kKeys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="field-about">
        This page asks no other server for anything.{' '}
        <a href="NOTICE.txt" target="_blank">
          Packages it is made of
        </a>
      </p>
    </Dialog>
  );
}
