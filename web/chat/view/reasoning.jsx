// The model's reasoning: folded, with its own timer. While it goes on, its last lines can be opened
// and "Answer now" ends it.
import { useState } from 'preact/hooks';
import { thinkingMs } from '../logic/reply.js';
import { formatTime } from '../logic/format.js';
import { Icon } from './icons.jsx';
import { Markdown } from './markdown.jsx';
import { useClock } from './hooks.js';

function titleOf(going, ms) {
  if (going) return `Thinking for ${formatTime(ms)}`;
  return ms === undefined || ms === null ? 'Thought' : `Thought for ${formatTime(ms)}`;
}

// reply: while the answer arrives; ms: how long a kept message was thought about.
export function Reasoning({ text, reply, ms, onAnswerNow }) {
  const [open, setOpen] = useState(false);
  const going = Boolean(reply) && reply.thought === null && reply.ended === null;
  const now = useClock(going);
  const took = reply ? thinkingMs(reply, now) : ms;
  return (
    <section class={`reasoning${going ? ' going' : ''}`}>
      <div class="reasoning-head">
        <button type="button" class="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? 'down' : 'right'} />
          <span class="reasoning-title">{titleOf(going, took)}</span>
        </button>
        {going && onAnswerNow && (
          <button type="button" class="button small" onClick={onAnswerNow}>
            Answer now
          </button>
        )}
      </div>
      {open && (
        <div class="reasoning-text">
          <Markdown text={text} />
        </div>
      )}
    </section>
  );
}
