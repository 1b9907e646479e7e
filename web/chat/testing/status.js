// What a busy server's /hadal/status says, for tests: the fields of src/server/info_api.cc.
const kSamples = 300;

// A saw tooth with pauses, so that charts have something to show.
const samples = (high, period) =>
  Array.from({ length: kSamples }, (_, at) =>
    at % 97 < 20 ? 0 : (high * (period + (at % period))) / (2 * period),
  );

export function sampleStatus() {
  const decode = samples(43, 40);
  const prompt = samples(812, 70);
  const request = (id, state, prompt_tokens, read_tokens, generated_tokens, seconds) => ({
    id,
    api: 'chat',
    state,
    choices: 1,
    prompt_tokens,
    read_tokens,
    generated_tokens,
    seconds,
  });
  return {
    model: {
      id: 'mock-model',
      architecture: 'deepseek_v4',
      parameters: 10_213_456,
      active_parameters: 6_213_456,
      layers: 8,
      vocab_size: 4096,
      context: 32768,
      trained_context: 1048576,
      fingerprint: 'fp_mock',
    },
    server: {
      version: '0.1.0',
      uptime_s: 8123,
      parallel: 8,
      threads: 2,
      connections: 3,
      draining: false,
    },
    requests: {
      running: 2,
      waiting: 1,
      paused: 0,
      list: [
        request('chatcmpl-8f2b7d3a91', 'decode', 1640, 1640, 219, 6.4),
        request('chatcmpl-0a1b2c3d4e', 'prefill', 20480, 8192, 0, 11.2),
      ],
    },
    speed: {
      decode_tokens_per_s: 33.6,
      prompt_tokens_per_s: 667,
      history: {
        period_s: 1,
        decode_tokens_per_s: decode,
        prompt_tokens_per_s: prompt,
        running: decode.map((value) => (value > 0 ? 2 : 1)),
        waiting: decode.map((_, at) => (at % 50 > 40 ? 1 : 0)),
      },
    },
    memory: {
      weights: {
        bytes: 13_000_000,
        components: [
          { key: 'embedding', name: 'embedding', bytes: 2_100_000 },
          { key: 'attention', name: 'attention projections', bytes: 3_000_000 },
          { key: 'experts', name: 'experts', bytes: 7_000_000 },
          { key: 'head', name: 'head', bytes: 900_000 },
        ],
      },
      kv: {
        limit_bytes: 90_000_000,
        used_bytes: 22_000_000,
        tokens: 9832,
        kinds: {
          window: 1_000_000,
          csa: 11_000_000,
          index_keys: 3_000_000,
          hca: 2_000_000,
          tails: 1_000_000,
          mtp_window: 0,
          returning: 400_000,
          padding: 10_000,
        },
      },
      scratch_bytes: 12_000_000,
      requests_bytes: 150_000_000,
      program_bytes: 20_000_000,
      planned_bytes: 285_000_000,
      resident_anonymous_bytes: 60_000_000,
    },
    disk: {
      tools: 1_250_000,
      states: 46_400_000,
      state_count: 29,
      limit_bytes: 1_000_000_000,
      written_states: 31,
      skipped_states: 1,
      restored_states: 4,
    },
  };
}
