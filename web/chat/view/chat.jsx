// The shown chat: its messages, which follow the end of an arriving answer, and the composer.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { shownPath } from '../logic/branches.js';
import { Icon } from './icons.jsx';
import { Message } from './message.jsx';
import { Composer } from './composer.jsx';
import { StatusBar } from './status_bar.jsx';

const kNear = 80; // px from the end that still count as the end

// Keeps the end in sight while the reader is there. Returns {list, away, toEnd}.
function useFollowing(session) {
  const list = useRef(null);
  const [away, setAway] = useState(false);
  const following = useRef(true);
  const toEnd = () => {
    following.current = true;
    list.current.scrollTop = list.current.scrollHeight;
  };
  useEffect(() => {
    const area = list.current;
    const onScroll = () => {
      following.current = area.scrollHeight - area.scrollTop - area.clientHeight < kNear;
      setAway(!following.current);
    };
    const grown = new ResizeObserver(() => {
      if (following.current) area.scrollTop = area.scrollHeight;
    });
    area.addEventListener('scroll', onScroll, { passive: true });
    grown.observe(area.firstElementChild);
    return () => {
      area.removeEventListener('scroll', onScroll);
      grown.disconnect();
    };
  }, []);
  const sent = session.run.value?.node;
  useLayoutEffect(toEnd, [session.shownId.value, sent]);
  return { list, away, toEnd };
}

function Welcome({ session }) {
  const model = session.model.value;
  return (
    <div class="welcome">
      <h1>{model ? model.id : 'hadal'}</h1>
      <p>
        Runs on this server alone. What you write goes nowhere else, and your chats are kept in this
        browser.
      </p>
    </div>
  );
}

export function Chat({ session, onSettings }) {
  const conversation = session.conversation.value;
  const path = shownPath(conversation);
  const run = session.run.value;
  const { list, away, toEnd } = useFollowing(session);
  return (
    <div class="chat">
      <div class="messages" ref={list} tabIndex={0} role="region" aria-label="Messages">
        <div class="messages-inner">
          {path.length === 0 && <Welcome session={session} />}
          {path.map((node, at) => (
            <Message
              key={node.id}
              session={session}
              conversation={conversation}
              path={path}
              at={at}
              run={run}
            />
          ))}
        </div>
      </div>
      <div class="bottom">
        {away && (
          <button type="button" class="to-end" onClick={toEnd}>
            <Icon name="down" /> To the end
          </button>
        )}
        <Composer session={session} onSettings={onSettings} />
        <StatusBar session={session} />
      </div>
    </div>
  );
}
