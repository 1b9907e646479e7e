import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskParts, memoryParts, modelsOf, sameContext, speedLines } from './machine.js';

const memory = {
  weights: { bytes: 30, components: [{ key: 'experts', name: 'experts', bytes: 30 }] },
  kv: { limit_bytes: 100, used_bytes: 40, tokens: 7, kinds: { window: 10, csa: 5, hca: 0 } },
  scratch_bytes: 8,
  requests_bytes: 4,
  program_bytes: 2,
};

test('the parts of the memory add up to all of it', () => {
  const parts = memoryParts(memory);
  assert.deepEqual(
    parts.map(({ key, bytes }) => [key, bytes]),
    [
      ['experts', 30],
      ['kv_window', 10],
      ['kv_csa', 5],
      ['kv_held', 25],
      ['free', 60],
      ['scratch', 8],
      ['requests', 4],
      ['program', 2],
    ],
  );
  assert.equal(
    parts.reduce((sum, { bytes }) => sum + bytes, 0),
    30 + 100 + 8 + 4 + 2,
  );
});

test('a kind of entries that is not known has its key for a name', () => {
  const kv = { ...memory.kv, kinds: { latent: 4 } };
  const parts = memoryParts({ ...memory, kv });
  assert.deepEqual(
    parts.find(({ key }) => key === 'kv_latent'),
    { key: 'kv_latent', name: 'KV: latent', bytes: 4 },
  );
});

test('what lies on disk is named, and nothing is not shown', () => {
  const states = 'cache on disk: states of texts';
  assert.deepEqual(diskParts({ tools: 5, states: 7, limit_bytes: 90, written_states: 2 }), [
    { key: 'states', name: states, bytes: 7 },
    { key: 'tools', name: 'cache on disk: calls of tools', bytes: 5 },
  ]);
  assert.deepEqual(diskParts({ tools: 0, states: 0 }), [{ key: 'states', name: states, bytes: 0 }]);
  assert.deepEqual(diskParts({ tools: 0 }), []); // without a folder
  assert.deepEqual(diskParts(undefined), []); // of a server that does not say
});

test('the samples of the last minutes end now', () => {
  const lines = speedLines({
    history: {
      period_s: 2,
      decode_tokens_per_s: [1, 2, 3],
      prompt_tokens_per_s: [0, 0, 9],
      running: [1, 1, 2],
      waiting: [0, 0, 0],
    },
  });
  assert.deepEqual(lines.times, [-4, -2, 0]);
  assert.deepEqual(lines.prompt, [0, 0, 9]);
});

test('the served model is the first', () => {
  const plan = { served: 'b', models: [{ key: 'a' }, { key: 'b' }, { key: 'c' }] };
  assert.deepEqual(
    modelsOf(plan).map(({ key }) => key),
    ['b', 'a', 'c'],
  );
});

test('models at the same context, as shares of the largest', () => {
  const model = (name, bytes, max_entries) => ({
    name,
    kv: [
      {
        component: 'attention',
        layers: 2n,
        tokens_per_entry: 1n,
        max_entries,
        entry_bytes: { published: bytes },
      },
    ],
  });
  assert.deepEqual(sameContext([model('a', 10n, 5n), model('b', 100n, 0n)], 50), [
    { name: 'a', bytes: 100, share: 0.01 },
    { name: 'b', bytes: 10000, share: 1 },
  ]);
});
