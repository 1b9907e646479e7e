// What one sequence of the same context keeps in this model, in others of its family, in
// DeepSeek-V3.2 and in one with grouped queries.
import { useMemo, useState } from 'preact/hooks';
import { modelsOf, sameContext } from '../logic/machine.js';
import { formatBytes, formatContext, formatCount } from '../logic/format.js';

const kPowers = Array.from({ length: 11 }, (_, power) => 1024 * 2 ** power); // 1K .. 1M

// "1/14 of V3.2": what is smaller is a fraction, what is larger a multiple.
function ratioText(bytes, of) {
  const ratio = bytes / of;
  if (ratio >= 1) return `${ratio.toFixed(ratio < 10 ? 1 : 0)} x`;
  return `1/${(1 / ratio).toFixed(1 / ratio < 10 ? 1 : 0)}`;
}

export function SameContext({ plan, context }) {
  const models = useMemo(() => modelsOf(plan), [plan]);
  const start = kPowers.findLastIndex((power) => power <= context);
  const [at, setAt] = useState(Math.max(0, start));
  const tokens = kPowers[at];
  const all = sameContext(models, tokens);
  const own = all[0].bytes;
  return (
    <section>
      <h2>The same context elsewhere</h2>
      <div class="same-context">
        <label for="same-context">KV cache of one sequence of {formatCount(tokens)} tokens</label>
        <input
          id="same-context"
          type="range"
          min={0}
          max={kPowers.length - 1}
          step={1}
          value={at}
          aria-valuetext={`${formatContext(tokens)} tokens`}
          onInput={(event) => setAt(Number(event.target.value))}
        />
      </div>
      <div class="bars">
        {all.map(({ name, bytes, share }, row) => (
          <div key={name} class="bar-row">
            <span class="bar-name">{name}</span>
            <div class="bar">
              <span
                class={`piece ${row === 0 ? 'own' : 'other'}`}
                style={{ width: `${100 * share}%` }}
              />
            </div>
            <span class="bar-total">{formatBytes(bytes)}</span>
            <span class="bar-ratio">{row === 0 ? 'this model' : ratioText(bytes, own)}</span>
          </div>
        ))}
      </div>
      <p class="note">
        Entries in the published formats, computed from the models' configs; the planner shows how
        they grow and what else a model needs.
      </p>
    </section>
  );
}
