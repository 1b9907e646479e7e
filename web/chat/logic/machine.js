// The server's /hadal/status as the lists that the machine's view draws.
import { kvBytes, modelFromJson } from '../../plan/formulas.js';

const kKvKinds = [
  ['window', 'KV: windows'],
  ['csa', 'KV: compressed (CSA)'],
  ['index_keys', 'KV: index keys'],
  ['hca', 'KV: heavily compressed (HCA)'],
  ['tails', 'KV: tails of compressors'],
  ['mtp_window', 'KV: window of the drafter'],
  ['returning', 'KV: for going back'],
  ['padding', 'KV: alignment'],
];

const some = ({ bytes }) => bytes > 0;

// Memory by component, [{key, name, bytes}]: weights, what running requests keep, what is left for
// more of them, and the rest of the process.
export function memoryParts({ weights, kv, scratch_bytes: scratch, program_bytes: program }) {
  const kinds = kKvKinds.map(([key, name]) => ({
    key: `kv_${key}`,
    name,
    bytes: kv.kinds?.[key] ?? 0,
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
    { key: 'scratch', name: 'scratch of a step', bytes: scratch },
    { key: 'program', name: 'program', bytes: program },
  ].filter(some);
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
