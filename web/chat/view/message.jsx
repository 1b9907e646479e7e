// One message of the shown path.
import { useState } from 'preact/hooks';
import { siblings } from '../logic/branches.js';
import { figuresOf, messageFrom } from '../logic/reply.js';
import { formatCount, formatSpeed, formatTime } from '../logic/format.js';
import { Icon } from './icons.jsx';
import { Markdown } from './markdown.jsx';
import { Reasoning } from './reasoning.jsx';
import { Prefill } from './prefill.jsx';
import { ToolCalls } from './tool_card.jsx';
import { Editor } from './editor.jsx';
import { MessageActions } from './message_actions.jsx';

export function FileChip({ name, text, onRemove }) {
  return (
    <span class="chip">
      <Icon name="file" />
      <span class="chip-name">{name}</span>
      <span class="chip-size">{formatCount(text.length)} characters</span>
      {onRemove && (
        <button type="button" class="chip-remove" aria-label={`Remove ${name}`} onClick={onRemove}>
          ×
        </button>
      )}
    </span>
  );
}

function figuresText({ tokens, about, reasoning, perSecond, prompt, cached, ms }) {
  const parts = [];
  if (tokens)
    parts.push(
      `${about ? 'about ' : ''}${formatCount(tokens)} tokens` +
        (reasoning ? `, ${formatCount(reasoning)} of them reasoning` : ''),
    );
  if (perSecond) parts.push(formatSpeed(perSecond));
  if (prompt)
    parts.push(`prompt ${formatCount(prompt)}${cached ? `, ${formatCount(cached)} cached` : ''}`);
  if (ms) parts.push(formatTime(ms));
  return parts.join(' · ');
}

// Why an answer is not what it seems, if so.
function remarkOn({ finish, error }, arriving) {
  if (arriving) return null;
  if (error) return { kind: 'error', text: error };
  if (finish === 'stopped') return { kind: 'note', text: 'Stopped.' };
  if (finish === 'length') return { kind: 'note', text: 'Cut at the longest answer allowed.' };
  if (!finish) return { kind: 'note', text: 'Interrupted: the page was left before the end.' };
  return null;
}

function NodeEditor({ session, node, saveName, setEditing }) {
  return (
    <Editor
      text={node.content}
      saveName={saveName}
      onCancel={() => setEditing(false)}
      onSave={(text) => {
        setEditing(false);
        session.edit(node.id, text);
      }}
    />
  );
}

function UserMessage({ session, node, branches, busy }) {
  const [editing, setEditing] = useState(false);
  if (editing)
    return <NodeEditor session={session} node={node} saveName="Send" setEditing={setEditing} />;
  return (
    <>
      <div class="bubble">
        {node.files?.length > 0 && (
          <div class="chips">
            {node.files.map((file, at) => (
              <FileChip key={at} {...file} />
            ))}
          </div>
        )}
        {node.content && <div class="user-text">{node.content}</div>}
      </div>
      <MessageActions
        session={session}
        node={node}
        branches={branches}
        disabled={busy}
        onEdit={() => setEditing(true)}
      />
    </>
  );
}

function Remark({ node, arriving }) {
  const remark = remarkOn(node, arriving);
  return remark && <p class={`remark ${remark.kind}`}>{remark.text}</p>;
}

// run: the arriving answer, if this is it; results: of the tools that this message called.
function AssistantMessage({ session, node: kept, run, branches, busy, results, last }) {
  const [editing, setEditing] = useState(false);
  const reply = run?.reply.value;
  const node = reply ? { ...kept, ...messageFrom(reply) } : kept;
  if (editing)
    return <NodeEditor session={session} node={node} saveName="Save" setEditing={setEditing} />;
  const figures = reply ? figuresOf(reply) : node.figures;
  const open = last && !busy && node.finish === 'tool_calls';
  return (
    <>
      {reply && reply.first === null && <Prefill reply={reply} />}
      {node.reasoning && (
        <Reasoning
          text={node.reasoning}
          reply={reply}
          ms={node.thinking_ms}
          onAnswerNow={() => session.answerNow()}
        />
      )}
      {node.content && <Markdown text={node.content} />}
      {node.tool_calls?.length > 0 && (
        <ToolCalls
          calls={node.tool_calls}
          results={results}
          arriving={Boolean(reply)}
          onResults={open ? (all) => session.sendResults(node.id, all) : undefined}
        />
      )}
      <Remark node={node} arriving={Boolean(reply)} />
      {!reply && (
        <div class="foot">
          <MessageActions
            session={session}
            node={node}
            branches={branches}
            disabled={busy}
            onEdit={() => setEditing(true)}
          />
          {figures && <span class="figures">{figuresText(figures)}</span>}
        </div>
      )}
    </>
  );
}

// `path` is the shown one, `at` the place of this message in it. Results of tools are shown in the
// cards of their calls, not as messages.
export function Message({ session, conversation, path, at, run }) {
  const node = path[at];
  if (node.role === 'tool') return null;
  const branches = siblings(conversation, node.id);
  const results = {};
  for (let next = at + 1; path[next]?.role === 'tool'; ++next)
    results[path[next].tool_call_id] = path[next].content;
  const Body = node.role === 'user' ? UserMessage : AssistantMessage;
  return (
    <article
      class={`message ${node.role}`}
      data-id={node.id}
      aria-label={node.role === 'user' ? 'You' : 'Model'}
    >
      <Body
        session={session}
        node={node}
        branches={branches}
        busy={run !== null}
        run={run?.node === node.id ? run : null}
        results={results}
        last={at === path.length - 1}
      />
    </article>
  );
}
