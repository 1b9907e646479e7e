// Before the first token: how much of the prompt is read, and how long the rest will take.
import { prefillLeft } from '../logic/reply.js';
import { formatCount, formatTime } from '../logic/format.js';
import { useClock } from './hooks.js';

export function Prefill({ reply }) {
  const now = useClock(true);
  const { progress, sent } = reply;
  if (!progress) return <p class="waiting">Waiting for {formatTime(now - sent)}</p>;
  const { done, total, cached } = progress;
  const left = prefillLeft(progress);
  return (
    <div class="prefill">
      <progress value={done} max={total} aria-label="prompt read" />
      <p class="prefill-text">
        Reading the prompt: {formatCount(done)} of {formatCount(total)} tokens
        {cached > 0 && `, ${formatCount(cached)} from the cache`}
        {left !== null && ` – ${formatTime(left)} left`}
      </p>
    </div>
  );
}
