// The server's /hadal/status as the lists that the machine's view draws.
import { kvBytes, modelFromJson } from '../../plan/formulas.js';

// Names of the kinds that are known; another one has its key for a name.
const kKvKinds = {
  window: 'windows',
  csa: 'compressed (CSA)',
  index_keys: 'index keys',
  hca: 'heavily compressed (HCA)',
  tails: 'tails of compressors',
  mtp_window: 'window of the drafter',
  returning: 'for going back',
  padding: 'alignment',
};

const some = ({ bytes }) => bytes > 0;

// Memory by component, [{key, name, bytes}]: weights, what running requests keep, what is left for
// more of them, and the rest of the process, as it is planned.
export function memoryParts({ weights, kv, ...rest }) {
  const kinds = Object.entries(kv.kinds ?? {}).map(([key, bytes]) => ({
    key: `kv_${key}`,
    name: `KV: ${kKvKinds[key] ?? key}`,
    bytes,
  }));
  const shown = kinds.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    ...weights.components,
    ...kinds,
    {
      key: 'kv_held',
      name: 'KV: kept for later requests',
      bytes: Math.max(0, kv.used_bytes - shown),
    },
    { key: 'free', name: 'KV: free', bytes: kv.limit_bytes - Math.max(kv.used_bytes, shown) },
    { key: 'scratch', name: 'scratch of a step', bytes: rest.scratch_bytes },
    { key: 'requests', name: 'set aside for requests', bytes: rest.requests_bytes ?? 0 },
    { key: 'program', name: 'program', bytes: rest.program_bytes },
  ].filter(some);
}

const kOnDisk = {
  states: 'cache on disk: states of texts',
  tools: 'cache on disk: calls of tools',
};

// What the cache folder holds, [{key, name, bytes}]. Without a folder nothing; with one its states
// are there even if they are none yet.
export function diskParts(disk = {}) {
  return Object.entries(kOnDisk)
    .map(([key, name]) => ({ key, name, bytes: disk[key] ?? 0 }))
    .filter(({ key, bytes }) => bytes > 0 || (key === 'states' && key in disk));
}

// Lines over the last minutes: {times, decode, prompt, running, waiting}; times in s before now,
// the last one 0.
export function speedLines({ history }) {
  const count = history.decode_tokens_per_s.length;
  return {
    times: Array.from({ length: count }, (_, at) => (at + 1 - count) * history.period_s),
    decode: history.decode_tokens_per_s,
    prompt: history.prompt_tokens_per_s,
    running: history.running,
    waiting: history.waiting,
  };
}

// What the entries of a context take in each model: [{name, bytes, share}], share of the most.
export function sameContext(models, tokens) {
  const all = models.map((model) => ({
    name: model.name,
    bytes: Number(kvBytes(model, BigInt(tokens), 'published')),
  }));
  const most = Math.max(...all.map(({ bytes }) => bytes));
  return all.map((each) => ({ ...each, share: most > 0 ? each.bytes / most : 0 }));
}

// The models of /hadal/plan, the served one first.
export function modelsOf(plan) {
  const served = plan.models.filter(({ key }) => key === plan.served);
  return [...new Set([...served, ...plan.models])].map(modelFromJson);
}
