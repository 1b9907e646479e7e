// System prompts that the user has kept under a name: take one, keep the present one, drop one.
import { useEffect, useState } from 'preact/hooks';
import { IconButton } from './icons.jsx';

// The list is kept whole in the database under one name. Returns [presets, setPresets].
function usePresets(database) {
  const [presets, setPresets] = useState([]);
  useEffect(() => {
    database.value('presets').then((kept) => setPresets(kept ?? []));
  }, []);
  return [
    presets,
    (changed) => {
      setPresets(changed);
      database.setValue('presets', changed);
    },
  ];
}

export function PromptPresets({ database, text, onTake }) {
  const [presets, setPresets] = usePresets(database);
  const taken = presets.find((preset) => preset.text === text);
  const keep = () => {
    const name = prompt('Name of this system prompt')?.trim();
    if (name) setPresets([...presets.filter((preset) => preset.name !== name), { name, text }]);
  };
  const take = (event) => {
    const preset = presets.find(({ name }) => name === event.target.value);
    if (preset) onTake(preset.text);
  };
  return (
    <div class="presets">
      <select
        aria-label="Kept system prompts"
        value={taken?.name ?? ''}
        onChange={take}
        disabled={presets.length === 0}
      >
        <option value="">{presets.length === 0 ? 'none kept yet' : 'kept prompts'}</option>
        {presets.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      {taken ? (
        <IconButton
          icon="remove"
          label={`Drop ${taken.name}`}
          onClick={() => setPresets(presets.filter((preset) => preset !== taken))}
        />
      ) : (
        <IconButton
          icon="plus"
          label="Keep this system prompt"
          disabled={text.trim() === ''}
          onClick={keep}
        />
      )}
    </div>
  );
}
