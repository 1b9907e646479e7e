// A message as a text to be changed, in its place.
import { useEffect, useRef, useState } from 'preact/hooks';
import { fitHeight } from './hooks.js';

export function Editor({ text, saveName, onSave, onCancel }) {
  const [value, setValue] = useState(text);
  const area = useRef(null);
  useEffect(() => {
    area.current.focus();
    fitHeight(area.current);
  }, []);
  const onKeyDown = (event) => {
    if (event.key === 'Escape') onCancel();
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSave(value);
    event.stopPropagation(); // Escape here does not stop an answer
  };
  return (
    <div class="editor">
      <textarea
        ref={area}
        aria-label="text of the message"
        value={value}
        onKeyDown={onKeyDown}
        onInput={(event) => {
          setValue(event.target.value);
          fitHeight(event.target);
        }}
      />
      <div class="editor-buttons">
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="button" class="button primary" onClick={() => onSave(value)}>
          {saveName}
        </button>
      </div>
    </div>
  );
}
