// What the page has to say: a line that goes by itself, and words for screen readers alone.
import { useEffect, useState } from 'preact/hooks';
import { nodeOf } from '../logic/branches.js';
import { IconButton } from './icons.jsx';

export function Notice({ session }) {
  const notice = session.notice.value;
  useEffect(() => {
    if (notice?.kind !== 'done') return undefined;
    const timer = setTimeout(() => (session.notice.value = null), 4000);
    return () => clearTimeout(timer);
  }, [notice]);
  if (!notice) return null;
  return (
    <div class={`notice ${notice.kind}`} role={notice.kind === 'done' ? 'status' : 'alert'}>
      <span>{notice.text}</span>
      <IconButton icon="close" label="Dismiss" onClick={() => (session.notice.value = null)} />
    </div>
  );
}

// Says that an answer began, and the answer when it is whole: not each piece of it.
export function Announcer({ session }) {
  const [text, setText] = useState('');
  const run = session.run.value;
  useEffect(() => {
    if (!run) return undefined;
    setText('The model answers.');
    return () => {
      const conversation = session.conversation.peek();
      const node = conversation && nodeOf(conversation, run.node);
      setText(node ? `Answer: ${node.error ?? node.content}` : '');
    };
  }, [run]);
  return (
    <div class="unseen" role="log" aria-live="polite">
      {text}
    </div>
  );
}
