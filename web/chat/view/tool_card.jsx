// A call of a tool: its name, its arguments as they arrive, and its result, which the user gives.
import { useState } from 'preact/hooks';
import { Icon } from './icons.jsx';

// Arguments are JSON when they are whole; until then as they are.
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function ToolCard({ call, result, state, draft, onDraft }) {
  const { name, arguments: given } = call.function;
  return (
    <section class="tool-card" aria-label={`call of ${name}`}>
      <header class="tool-head">
        <Icon name="tool" />
        <span class="tool-name">{name}</span>
        <span class="tool-state">{state}</span>
      </header>
      <pre class="tool-text" tabIndex={0}>
        {indented(given)}
      </pre>
      {result !== undefined && (
        <pre class="tool-text tool-result" tabIndex={0}>
          {result}
        </pre>
      )}
      {onDraft && (
        <label class="tool-answer">
          Result of {name}
          <textarea rows={2} value={draft} onInput={(event) => onDraft(event.target.value)} />
        </label>
      )}
    </section>
  );
}

// calls of one message; results: {id: text} of those that the chat holds; onResults: takes
// [{id, content}] of all calls, absent where they cannot be given any more.
export function ToolCalls({ calls, results, arriving, onResults }) {
  const [drafts, setDrafts] = useState({});
  const asked = onResults && !arriving;
  const stateOf = ({ id }) => {
    if (arriving) return 'arriving';
    return id in results ? 'answered' : 'waits for a result';
  };
  return (
    <div class="tool-calls">
      {calls.map((call) => (
        <ToolCard
          key={call.id}
          call={call}
          result={results[call.id]}
          state={stateOf(call)}
          draft={drafts[call.id] ?? ''}
          onDraft={asked && ((text) => setDrafts({ ...drafts, [call.id]: text }))}
        />
      ))}
      {asked && (
        <button
          type="button"
          class="button"
          onClick={() => onResults(calls.map(({ id }) => ({ id, content: drafts[id] ?? '' })))}
        >
          {calls.length === 1 ? 'Send the result' : 'Send the results'}
        </button>
      )}
    </div>
  );
}
