// Settings of one chat: system prompt, effort, sampling, tools. Each is kept as it is changed.
import { useId, useState } from 'preact/hooks';
import {
  kDefaultSettings,
  kEfforts,
  kNumbers,
  parseNumber,
  parseTools,
} from '../logic/settings.js';
import { Dialog } from './dialog.jsx';
import { PromptPresets } from './prompt_presets.jsx';

// `parse`: a text to {value} or {error}.
function Field({ name, about, area, text, parse, onValue }) {
  const id = useId();
  const [error, setError] = useState(null);
  const change = (event) => {
    const parsed = parse(event.target.value);
    setError(parsed.error ?? null);
    if (!parsed.error) onValue(parsed.value, event.target.value);
  };
  const common = {
    id,
    defaultValue: text,
    'aria-invalid': error !== null,
    onChange: change,
    'aria-describedby': `${id}-about`,
  };
  return (
    <div class="field">
      <label for={id}>{name}</label>
      {area ? (
        <textarea rows={area} spellcheck={false} {...common} />
      ) : (
        <input type="text" inputMode="decimal" placeholder="server's choice" {...common} />
      )}
      <p id={`${id}-about`} class={error ? 'field-error' : 'field-about'}>
        {error ?? about}
      </p>
    </div>
  );
}

export function ChatSettings({ session, onClose }) {
  const { settings } = session.conversation.value;
  const change = (changes) => session.changeSettings(changes);
  const [taken, setTaken] = useState(0); // kept prompts that were taken: the field is anew then
  const asDefaults = async () => {
    session.defaults.value = { ...settings };
    await session.database.setValue('defaults', session.defaults.value);
    session.tell('New chats start with these settings.');
    onClose();
  };
  return (
    <Dialog title="Settings of this chat" onClose={onClose}>
      <Field
        key={taken}
        name="System prompt"
        area={4}
        text={settings.system}
        parse={(value) => ({ value })}
        about="stands before the first message"
        onValue={(system) => change({ system })}
      />
      <PromptPresets
        database={session.database}
        text={settings.system}
        onTake={(system) => {
          change({ system });
          setTaken(taken + 1);
        }}
      />
      <div class="field">
        <label for="effort-field">Effort of thinking</label>
        <select
          id="effort-field"
          value={settings.effort}
          onChange={(event) => change({ effort: event.target.value })}
        >
          {kEfforts.map(({ value, name, about }) => (
            <option key={value} value={value}>
              {name}: {about}
            </option>
          ))}
        </select>
      </div>
      <div class="field-grid">
        {kNumbers.map((number) => (
          <Field
            key={number.key}
            name={number.name}
            about={number.about}
            text={settings[number.key] === null ? '' : String(settings[number.key])}
            parse={(text) => parseNumber(number, text)}
            onValue={(value) => change({ [number.key]: value })}
          />
        ))}
      </div>
      <Field
        name="Tools"
        area={5}
        text={settings.tools}
        parse={parseTools}
        about="a JSON array of functions, as the API takes them; you give their results"
        onValue={(_, tools) => change({ tools })}
      />
      <footer class="dialog-foot">
        <button
          type="button"
          class="button"
          onClick={() => {
            change({ ...kDefaultSettings });
            onClose();
          }}
        >
          Reset
        </button>
        <button type="button" class="button" onClick={asDefaults}>
          Use for new chats
        </button>
        <span class="spring" />
        <button type="button" class="button primary" onClick={onClose}>
          Done
        </button>
      </footer>
    </Dialog>
  );
}
