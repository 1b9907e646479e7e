// One line under the composer: context used and left, cached tokens, speed.
import { shownPath } from '../logic/branches.js';
import { figuresOf } from '../logic/reply.js';
import { formatCount, formatSpeed } from '../logic/format.js';

// Of the answer that is arriving, else of the last one. Until the server says how long the prompt
// is, it is at least what the chat held before.
function latestFigures(conversation, run) {
  const kept = shownPath(conversation).findLast((node) => node.figures && node.id !== run?.node);
  const reply = run?.reply.value;
  if (!reply) return kept?.figures ?? null;
  const figures = figuresOf(reply);
  return { ...figures, prompt: figures.prompt ?? usedBy(kept?.figures) };
}

const usedBy = (figures) => (figures ? (figures.prompt ?? 0) + (figures.tokens ?? 0) : 0);

function Gauge({ value, limit }) {
  return (
    <span
      class="gauge"
      role="meter"
      aria-label="context used"
      aria-valuemin={0}
      aria-valuemax={limit}
      aria-valuenow={value}
    >
      <span style={{ width: `${Math.min(100, (100 * value) / limit)}%` }} />
    </span>
  );
}

export function StatusBar({ session }) {
  const model = session.model.value;
  const limit = model?.context_length ?? model?.max_model_len ?? null;
  const figures = latestFigures(session.conversation.value, session.run.value);
  const used = usedBy(figures);
  return (
    <div class="status" aria-label="figures of this chat" role="group">
      {limit !== null && (
        <span class="status-context">
          <Gauge value={used} limit={limit} />
          {formatCount(used)} of {formatCount(limit)} tokens,{' '}
          {formatCount(Math.max(0, limit - used))} left
        </span>
      )}
      {figures?.cached > 0 && <span>{formatCount(figures.cached)} cached</span>}
      {figures?.promptPerSecond > 0 && <span>read {formatSpeed(figures.promptPerSecond)}</span>}
      {figures?.perSecond > 0 && <span>wrote {formatSpeed(figures.perSecond)}</span>}
    </div>
  );
}
