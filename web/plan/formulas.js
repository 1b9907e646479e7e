// What a model costs, from the two lists of terms that `hadal plan ... --json` prints of it: the
// same sums as src/cost/cost_model.h, in whole numbers of any size. docs/plan.md has the formulas.
//
//   tokens  BigInt, at least 1: the context with the new token in it
//   format  a key of entry_bytes: "published", ...
//
// No page, no clock, no rounding; only flops() leaves whole numbers, in the order of src/cost.

// A model of the JSON with its numbers as BigInt. They are exact: all below 2^53.
export function modelFromJson(json) {
  const whole = (value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    if (Array.isArray(value)) return value.map(whole);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, whole(inner)]));
  };
  return whole(json);
}

const minimum = (a, b) => (a < b ? a : b);
const limited = (value, limit) => (limit === 0n ? value : minimum(value, limit));
const counted = (group) => group.component !== 'mtp';
const sum = (list, term) => list.reduce((total, item) => total + term(item), 0n);

export function entries(kv, tokens) {
  return limited(tokens / kv.tokens_per_entry, kv.max_entries);
}

export function reads(kv, tokens) {
  return limited(entries(kv, tokens), kv.max_read);
}

// floor(1 / r) + ... + floor(n / r)
function sumOfFloors(n, r) {
  const whole = (n + 1n) / r;
  return (r * whole * (whole - 1n)) / 2n + ((n + 1n) % r) * whole;
}

// reads(1) + ... + reads(tokens)
export function readsUpTo(kv, tokens) {
  const limit = reads(kv, tokens);
  const growing = minimum(tokens, limit * kv.tokens_per_entry);
  return sumOfFloors(growing, kv.tokens_per_entry) + (tokens - growing) * limit;
}

export function groupBytes(kv, tokens, format) {
  return kv.layers * kv.entry_bytes[format] * entries(kv, tokens);
}

// Without the MTP block, as `kv_bytes` of the JSON.
export function kvBytes(model, tokens, format) {
  return sum(model.kv.filter(counted), (kv) => groupBytes(kv, tokens, format));
}

// What one sequence occupies: as the engine allocates it for published V4 entries, else the entries
// of all blocks and the compressors' tails.
export function stateBytes(model, tokens, format) {
  if (model.state !== null && format === 'published') {
    const { fixed_bytes: fixed, page_tokens: page, page_bytes: bytes } = model.state;
    return fixed + ((tokens + page - 1n) / page) * bytes;
  }
  return sum(model.kv, (kv) => groupBytes(kv, tokens, format)) + model.tail_bytes;
}

// Read from memory to decode one token alone.
export function readBytes(model, tokens, format) {
  const weights = sum(model.weights.filter(counted), (group) => group.active_bytes);
  return (
    weights +
    sum(model.kv.filter(counted), (kv) => kv.layers * kv.entry_bytes[format] * reads(kv, tokens))
  );
}

// Multiply-adds of one decoded token, {work: BigInt}.
export function decodeMacs(model, tokens) {
  const macs = {};
  const add = (work, count) => (macs[work] = (macs[work] ?? 0n) + count);
  for (const group of model.weights.filter(counted)) add(group.work, group.macs);
  for (const kv of model.kv.filter(counted))
    add(kv.work, kv.layers * kv.macs_per_read * reads(kv, tokens));
  return macs;
}

// Of a prompt of so many tokens, with logits for the last one.
export function prefillMacs(model, tokens) {
  const macs = {};
  const add = (work, count) => (macs[work] = (macs[work] ?? 0n) + count);
  for (const group of model.weights.filter(counted))
    add(group.work, group.macs * (group.for_logits ? 1n : tokens));
  for (const kv of model.kv.filter(counted))
    add(kv.work, kv.layers * kv.prefill_macs_per_read * readsUpTo(kv, tokens));
  return macs;
}

// `weights`: of an accounting, {work: number}, whose order is the order of the sum.
export function flops(macs, weights) {
  let total = 0;
  for (const [work, weight] of Object.entries(weights))
    total += 2 * weight * Number(macs[work] ?? 0n);
  return total;
}

export function weightBytes(model) {
  return sum(model.weights, (group) => group.bytes);
}

// Memory for the weights and `sequences` sequences, by component: [{key, name, bytes}]; it adds up
// to weightBytes + sequences * stateBytes. `components`: of the page's data, [{key, name}].
export function memoryParts(model, components, tokens, sequences, format) {
  const parts = components.map(({ key, name }) => ({
    key,
    name,
    bytes: sum(
      model.weights.filter((group) => group.component === key),
      (group) => group.bytes,
    ),
  }));
  let rest = stateBytes(model, tokens, format);
  for (const kv of model.kv) {
    const bytes = groupBytes(kv, tokens, format);
    rest -= bytes;
    parts.push({ key: `kv_${kv.key}`, name: `KV: ${kv.name}`, bytes: bytes * sequences });
  }
  const restName = 'KV: tails, going back, whole pages';
  parts.push({ key: 'kv_rest', name: restName, bytes: rest * sequences });
  return parts.filter(({ bytes }) => bytes !== 0n);
}
