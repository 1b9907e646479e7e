// The frame: chats at the side, tabs at the top, one of three views below.
import { useEffect, useState } from 'preact/hooks';
import { IconButton } from './icons.jsx';
import { Sidebar } from './sidebar.jsx';
import { Chat } from './chat.jsx';
import { ChatSettings } from './chat_settings.jsx';
import { Machine } from './machine.jsx';
import { Planner } from './planner.jsx';
import { Preferences } from './preferences.jsx';
import { shownTheme } from './theme.js';
import { Announcer, Notice } from './notice.jsx';

const kTabs = [
  { key: 'chat', name: 'Chat' },
  { key: 'machine', name: 'Machine' },
  { key: 'planner', name: 'Planner' },
];

function tabOfAddress() {
  const key = location.hash.slice(1);
  return kTabs.some((tab) => tab.key === key) ? key : 'chat';
}

function useTab() {
  const [tab, setTab] = useState(tabOfAddress());
  useEffect(() => {
    const onChange = () => setTab(tabOfAddress());
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return tab;
}

// Asks for the model again with each key, and while the server cannot be reached.
function useModel(session, preferences) {
  const key = preferences.key.value;
  useEffect(() => {
    let timer = null;
    const ask = async () => {
      try {
        session.model.value = (await session.api.models())[0] ?? null;
        if (session.notice.peek()?.kind === 'lost') session.notice.value = null;
      } catch (error) {
        const hint = error.status === 401 ? ' Enter a key in the preferences.' : '';
        session.tell(`No model: ${error.message}.${hint}`, 'lost');
        if (error.status !== 401) timer = setTimeout(ask, 3000);
      }
    };
    ask();
    return () => clearTimeout(timer);
  }, [key]);
}

function useKeys(session) {
  useEffect(() => {
    const onKeyDown = (event) => {
      const writing = event.target.closest?.('input, textarea, select');
      if (event.key === 'Escape') session.stop();
      else if (event.key === '/' && !writing) document.getElementById('composer')?.focus();
      else if (event.altKey && event.code === 'KeyN') session.startNew();
      else return;
      if (event.key !== 'Escape') event.preventDefault();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}

function useTitle(session) {
  const title = session.conversation.value?.title;
  useEffect(() => {
    document.title = title ? `${title} – hadal` : 'hadal';
  }, [title]);
}

function Tabs({ tab }) {
  return (
    <nav class="tabs" aria-label="Views">
      {kTabs.map(({ key, name }) => (
        <a
          key={key}
          href={`#${key}`}
          class={key === tab ? 'chosen' : ''}
          aria-current={key === tab ? 'page' : undefined}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}

// The first thing that the keyboard reaches: past all that stands above the view.
function Skip({ tab }) {
  const target = tab === 'chat' ? 'composer' : 'view';
  return (
    <a
      class="skip"
      href={`#${target}`}
      onClick={(event) => {
        event.preventDefault();
        document.getElementById(target)?.focus();
      }}
    >
      {tab === 'chat' ? 'To the message' : `To the ${tab}`}
    </a>
  );
}

export function App({ session, preferences }) {
  const tab = useTab();
  const [chatsOpen, setChatsOpen] = useState(false);
  const [dialog, setDialog] = useState(null);
  const theme = shownTheme.value;
  useModel(session, preferences);
  useKeys(session);
  useTitle(session);
  const close = () => setDialog(null);
  const View = tab === 'planner' ? 'div' : 'main'; // the planner has a <main> of its own
  return (
    <div class={`app tab-${tab}`}>
      <Skip tab={tab} />
      <header class="top">
        {tab === 'chat' && (
          <span class="only-narrow">
            <IconButton
              icon="menu"
              label="Chats"
              aria-expanded={chatsOpen}
              aria-controls="chats"
              onClick={() => setChatsOpen(!chatsOpen)}
            />
          </span>
        )}
        <span class="brand">hadal</span>
        <Tabs tab={tab} />
        <span class="spring" />
        <span class="model" title="the model that answers">
          {session.model.value?.id ?? 'no model'}
        </span>
        <IconButton icon="gear" label="Preferences" onClick={() => setDialog('preferences')} />
      </header>
      <div class="body">
        {tab === 'chat' && (
          <Sidebar session={session} open={chatsOpen} onClose={() => setChatsOpen(false)} />
        )}
        {tab === 'chat' && chatsOpen && (
          <button
            type="button"
            class="shade"
            aria-label="Close the list of chats"
            onClick={() => setChatsOpen(false)}
          />
        )}
        <View class="view" id="view" tabIndex={-1}>
          {tab === 'chat' && <Chat session={session} onSettings={() => setDialog('chat')} />}
          {tab === 'machine' && <Machine session={session} theme={theme} />}
          {tab === 'planner' && <Planner api={session.api} theme={theme} />}
        </View>
      </div>
      <Notice session={session} />
      <Announcer session={session} />
      {dialog === 'chat' && <ChatSettings session={session} onClose={close} />}
      {dialog === 'preferences' && <Preferences preferences={preferences} onClose={close} />}
    </div>
  );
}
