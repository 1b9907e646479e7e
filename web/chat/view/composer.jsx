// Where a message is written: text, files dropped, pasted or chosen, effort, send or stop.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { kEfforts } from '../logic/settings.js';
import { readTextFile } from '../logic/files.js';
import { Icon, IconButton } from './icons.jsx';
import { FileChip } from './message.jsx';
import { fitHeight } from './hooks.js';

function Effort({ value, onChange }) {
  return (
    <fieldset class="effort">
      <legend class="unseen">Effort of thinking</legend>
      {kEfforts.map(({ value: each, name, about }) => (
        <label key={each} title={about} class={each === value ? 'chosen' : ''}>
          <input
            type="radio"
            name="effort"
            value={each}
            checked={each === value}
            onChange={() => onChange(each)}
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

// The text is kept by chat while the page is open, so that a look at another chat loses nothing.
const drafts = new Map();

export function Composer({ session, onSettings }) {
  const id = session.shownId.value;
  const { settings } = session.conversation.value;
  const running = session.run.value !== null;
  const [text, setText] = useState('');
  const [files, setFiles] = useState([]);
  const area = useRef(null);
  const chooser = useRef(null);

  // At once: what is typed right behind a change of the chat is the new one's.
  useLayoutEffect(() => {
    setText(drafts.get(id)?.text ?? '');
    setFiles(drafts.get(id)?.files ?? []);
    area.current.focus({ preventScroll: true });
  }, [id]);
  useEffect(() => {
    drafts.set(id, { text, files });
    fitHeight(area.current);
  }, [text, files]);

  const addFiles = async (list) => {
    for (const file of list) {
      try {
        const read = await readTextFile(file);
        setFiles((all) => [...all, read]);
      } catch (error) {
        session.tell(error.message, 'error');
      }
    }
  };
  const send = () => {
    if (running || (text.trim() === '' && files.length === 0)) return;
    session.send(text.trim(), files);
    setText('');
    setFiles([]);
  };
  const onKeyDown = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    addFiles(event.clipboardData.files);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        addFiles(event.dataTransfer.files);
      }}
    >
      {files.length > 0 && (
        <div class="chips">
          {files.map((file, at) => (
            <FileChip
              key={at}
              {...file}
              onRemove={() => setFiles(files.filter((_, other) => other !== at))}
            />
          ))}
        </div>
      )}
      <textarea
        id="composer"
        ref={area}
        rows={1}
        value={text}
        placeholder="Write a message"
        aria-label="Message"
        onInput={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <div class="composer-tools">
        <IconButton
          icon="attach"
          label="Attach text files"
          onClick={() => chooser.current.click()}
        />
        <input
          ref={chooser}
          type="file"
          multiple
          class="unseen"
          tabIndex={-1}
          aria-hidden="true"
          id="files"
          onChange={(event) => {
            addFiles([...event.target.files]);
            event.target.value = '';
          }}
        />
        <IconButton icon="tune" label="Settings of this chat" onClick={onSettings} />
        <Effort value={settings.effort} onChange={(effort) => session.changeSettings({ effort })} />
        <span class="spring" />
        {running ? (
          <button
            type="button"
            class="round stop"
            id="stop"
            aria-label="Stop"
            title="Stop (Esc)"
            onClick={() => session.stop()}
          >
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            class="round"
            id="send"
            aria-label="Send"
            title="Send (Enter)"
            disabled={text.trim() === '' && files.length === 0}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}
