// The list of chats: new, search; rename, export, delete of each; export and import of all.
import { useRef, useState } from 'preact/hooks';
import { exportText, importText } from '../store/transfer.js';
import { formatWhen } from '../logic/format.js';
import { Icon, IconButton } from './icons.jsx';

function download(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// ids: of the chats to write; all of them without it.
async function exportChats(session, ids) {
  await session.kept;
  const all = await session.database.conversations();
  const chosen = ids ? all.filter(({ id }) => ids.includes(id)) : all;
  download(`hadal-chats-${new Date().toISOString().slice(0, 10)}.json`, exportText(chosen));
}

function Entry({ session, summary, shown, onShown }) {
  const [renaming, setRenaming] = useState(false);
  const { id, title, updated } = summary;
  const name = title || 'Untitled';
  const rename = (text) => {
    setRenaming(false);
    if (text.trim()) session.rename(id, text.trim());
  };
  if (renaming)
    return (
      <li class="entry">
        <input
          class="entry-name"
          aria-label="Name of the chat"
          defaultValue={name}
          ref={(field) => field?.focus()}
          onBlur={(event) => rename(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') event.target.blur();
            if (event.key === 'Escape') setRenaming(false);
          }}
        />
      </li>
    );
  return (
    <li class={`entry${shown ? ' shown' : ''}`}>
      <button
        type="button"
        class="entry-open"
        aria-current={shown ? 'true' : undefined}
        onClick={() => {
          session.show(id);
          onShown();
        }}
      >
        <span class="entry-title">{name}</span>
        <span class="entry-when">
          {session.runs.value.has(id) ? 'answering' : formatWhen(updated)}
        </span>
      </button>
      <span class="entry-actions">
        <IconButton icon="edit" label={`Rename ${name}`} onClick={() => setRenaming(true)} />
        <IconButton
          icon="out"
          label={`Export ${name}`}
          onClick={() => exportChats(session, [id])}
        />
        <IconButton
          icon="remove"
          label={`Delete ${name}`}
          onClick={() => {
            if (confirm(`Delete the chat "${name}"?`)) session.remove(id);
          }}
        />
      </span>
    </li>
  );
}

function Transfer({ session }) {
  const chooser = useRef(null);
  const importFile = async (file) => {
    try {
      const conversations = importText(await file.text(), file.name);
      await session.add(conversations);
      session.tell(`${conversations.length} chats imported.`);
    } catch (error) {
      session.tell(error.message, 'error');
    }
  };
  return (
    <div class="transfer">
      <button type="button" class="button quiet" onClick={() => exportChats(session)}>
        <Icon name="out" />
        Export all
      </button>
      <button type="button" class="button quiet" onClick={() => chooser.current.click()}>
        <Icon name="in" />
        Import
      </button>
      <input
        ref={chooser}
        id="import"
        type="file"
        accept=".json,application/json"
        class="unseen"
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          if (event.target.files[0]) importFile(event.target.files[0]);
          event.target.value = '';
        }}
      />
    </div>
  );
}

export function Sidebar({ session, open, onClose }) {
  const [wanted, setWanted] = useState('');
  const sought = wanted.trim().toLowerCase();
  const found = session.summaries.value.filter(({ title }) => title.toLowerCase().includes(sought));
  return (
    <nav class={`sidebar${open ? ' open' : ''}`} aria-label="Chats" id="chats">
      <div class="sidebar-head">
        <button
          type="button"
          class="button wide"
          id="new-chat"
          onClick={() => {
            session.startNew();
            onClose();
          }}
        >
          <Icon name="plus" />
          New chat
        </button>
        <input
          type="search"
          placeholder="Search"
          aria-label="Search chats"
          value={wanted}
          onInput={(event) => setWanted(event.target.value)}
        />
      </div>
      <ul class="entries">
        {found.map((summary) => (
          <Entry
            key={summary.id}
            session={session}
            summary={summary}
            onShown={onClose}
            shown={summary.id === session.shownId.value}
          />
        ))}
      </ul>
      {found.length === 0 && <p class="entries-none">{sought ? 'None found' : 'No chats yet'}</p>}
      <Transfer session={session} />
    </nav>
  );
}
