// The page's formulas against the program's: equal whole numbers, and the same bits of every
// double.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as formulas from './formulas.js';
import { formatBytes, formatContext, formatCount, parseTokens } from './format.js';
import { kPresets, plan, planText } from './program.js';

// Below, at and above what windows, pages, top-k and compression make of them.
const kContexts = [1, 3, 4, 127, 128, 129, 2047, 2048, 4099, 131072,
    163841, 1000000, 1048576, 2 ** 30];
const kFormats = ['published', 'payload', 'fp8-indexer', 'unpadded', 'bf16', 'bf16-main'];
const kAccountings = ['raw', 'attention', 'fp8-equivalent', 'bf16-outputs',
    'fp32-compressors', 'fast-fp4', 'fp8-indexer', 'fp8-core'];

function comparePoints(report) {
  const models = report.models.map(formulas.modelFromJson);
  for (const point of report.points) {
    const model = models.find(({ key }) => key === point.model);
    const tokens = BigInt(point.tokens);
    const at = `${point.model} at ${point.tokens}, ${report.kv}, ${report.flops.name}`;
    assert.equal(formulas.kvBytes(model, tokens, report.kv), BigInt(point.kv_bytes), at);
    assert.equal(formulas.readBytes(model, tokens, report.kv), BigInt(point.read_bytes), at);
    assert.equal(formulas.stateBytes(model, tokens, report.kv), BigInt(point.state_bytes), at);
    const flops = formulas.flops(formulas.decodeMacs(model, tokens), report.flops.weights);
    assert.equal(flops / 1e9, point.gflops, at);
  }
  for (const model of report.models)
    assert.equal(formulas.weightBytes(formulas.modelFromJson(model)), BigInt(model.weight_bytes));
  return report.points.length;
}

test('every preset, context and form of entries', () => {
  for (const format of kFormats) {
    const report = plan('compare', ...kPresets, '--context', kContexts.join(','), '--kv', format);
    assert.equal(comparePoints(report), kPresets.length * kContexts.length);
  }
});

test('every accounting of FLOPs', () => {
  for (const name of kAccountings)
    comparePoints(plan('compare', ...kPresets, '--context', kContexts.join(','), '--flops', name));
});

test('a config of its own, with a sliding window', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hadal-page-'));
  try {
    const config = {
      model_type: 'mistral', hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32,
      num_attention_heads: 32, num_key_value_heads: 8, vocab_size: 32000, sliding_window: 4096,
      max_position_embeddings: 32768, torch_dtype: 'bfloat16', tie_word_embeddings: false,
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    comparePoints(plan('compare', folder, 'v4-flash', '--context', '100,4095,4096,4097,32768'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// Above 2^53 JSON.parse would round: the program's digits are compared as they stand.
test('a prompt', () => {
  for (const name of kPresets)
    for (const tokens of [1, 129, 5000, 1048576]) {
      const text = planText('show', name, '--context', String(tokens), '--json');
      const report = JSON.parse(text);
      const macs = formulas.prefillMacs(formulas.modelFromJson(report.model), BigInt(tokens));
      const total = Object.values(macs).reduce((sum, count) => sum + count, 0n);
      assert.equal(String(total), /"prefill_macs": (\d+)/.exec(text)[1], `${name}, ${tokens}`);
      assert.equal(formulas.flops(macs, report.flops.weights), report.prefill_flops);
    }
});

test('the pieces of a bar, and what is kept of each kind', () => {
  for (const name of kPresets)
    for (const tokens of [1, 1000, 131072]) {
      const report = plan('show', name, '--context', String(tokens));
      const model = formulas.modelFromJson(report.model);
      const components = report.components.map(({ component }) => ({ key: component, name: '' }));
      for (const sequences of [1n, 7n, 65536n]) {
        const parts = formulas.memoryParts(model, components,
            BigInt(tokens), sequences, 'published');
        const bytes = Object.fromEntries(parts.map((part) => [part.key, part.bytes]));
        for (const row of report.components.filter(({ component }) => component !== 'all'))
          assert.equal(bytes[row.component] ?? 0n, BigInt(row.weight_bytes), row.component);
        for (const row of report.kv_cache
            .filter(({ key }) => model.kv.some((kv) => kv.key === key)))
          assert.equal(bytes[`kv_${row.key}`] ?? 0n, sequences * BigInt(row.bytes), row.key);
        const state = formulas.stateBytes(model, BigInt(tokens), 'published');
        const all = Object.values(bytes).reduce((sum, part) => sum + part, 0n);
        assert.equal(all, formulas.weightBytes(model) + sequences * state);
      }
    }
});

test('numbers are written as in the terminal', () => {
  for (const units of [[], ['--gib']]) {
    const text = planText('show', 'v4-flash', '--context', '1M', ...units);
    for (const row of plan('show', 'v4-flash', '--context', '1M').components) {
      assert.ok(text.includes(` ${formatBytes(row.weight_bytes, units.length > 0)} `),
          row.component);
      assert.ok(text.includes(formatCount(row.parameters)));
    }
  }
  assert.equal(formatContext(131072), '128K');
  assert.equal(formatContext(2097152), '2M');
  assert.equal(formatContext(1000000n), '1,000,000');
  assert.equal(parseTokens(' 128k '), 131072n);
  assert.equal(parseTokens('1M'), 1048576n);
  for (const wrong of ['', '0', '-1', '1.5', '1e6', '4G', '2000M'])
    assert.equal(parseTokens(wrong), null, wrong);
});
