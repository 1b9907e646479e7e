// What can be done with a message, and which of its branches is shown.
import { useState } from 'preact/hooks';
import { IconButton } from './icons.jsx';
import { copyText } from './clipboard.js';

function Branches({ at, count, onStep }) {
  return (
    <span class="branches" role="group" aria-label="branches">
      <IconButton
        icon="left"
        label="Previous branch"
        disabled={at === 0}
        onClick={() => onStep(-1)}
      />
      <span class="branch-place">
        {at + 1} / {count}
      </span>
      <IconButton
        icon="right"
        label="Next branch"
        disabled={at + 1 === count}
        onClick={() => onStep(1)}
      />
    </span>
  );
}

function CopyButton({ text }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await copyText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <IconButton
      icon={copied ? 'check' : 'copy'}
      label={copied ? 'Copied' : 'Copy'}
      onClick={copy}
    />
  );
}

// disabled: an answer is arriving in this chat, so that it cannot be changed.
export function MessageActions({ session, node, branches, disabled, onEdit }) {
  const at = branches.findIndex(({ id }) => id === node.id);
  return (
    <div class="actions">
      {branches.length > 1 && (
        <Branches at={at} count={branches.length} onStep={(by) => session.step(node.id, by)} />
      )}
      <CopyButton text={node.content} />
      <IconButton icon="edit" label="Edit" disabled={disabled} onClick={onEdit} />
      {node.role === 'assistant' && (
        <IconButton
          icon="again"
          label="Regenerate"
          disabled={disabled}
          onClick={() => session.regenerate(node.id)}
        />
      )}
      <IconButton
        icon="branch"
        label="New chat from here"
        onClick={() => session.forkAt(node.id)}
      />
      <IconButton
        icon="remove"
        label="Delete from here"
        disabled={disabled}
        onClick={() => session.removeMessage(node.id)}
      />
    </div>
  );
}
