// Numbers for people, in the words of the terminal's tables (src/base/units.cc).

const kUnits = {
  decimal: { step: 1000, names: ['kB', 'MB', 'GB', 'TB', 'PB', 'EB'] },
  binary: { step: 1024, names: ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] },
};

export function formatBytes(bytes, binary) {
  const { step, names } = binary ? kUnits.binary : kUnits.decimal;
  let value = Number(bytes);
  if (value < step) return `${value} B`;
  value /= step;
  let unit = 0;
  while (value >= step - 0.05 && unit + 1 < names.length) {
    value /= step;
    ++unit;
  }
  return `${value.toFixed(value < 10 ? 2 : 1)} ${names[unit]}`;
}

export function formatCount(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

// "1M", "128K": binary multiples in short, the rest in full.
export function formatContext(tokens) {
  const n = Number(tokens);
  if (n >= 1048576 && n % 1048576 === 0) return `${n / 1048576}M`;
  if (n >= 1024 && n % 1024 === 0) return `${n / 1024}K`;
  return formatCount(n);
}

export function formatFlops(flops) {
  const names = ['FLOPs', 'kFLOPs', 'MFLOPs', 'GFLOPs', 'TFLOPs', 'PFLOPs', 'EFLOPs'];
  let unit = 0;
  while (flops >= 999.5 && unit + 1 < names.length) {
    flops /= 1000;
    ++unit;
  }
  return `${flops.toPrecision(3)} ${names[unit]}`;
}

// The number that a text means: 4096, 128K, 1M; null if it means none of at least 1.
export function parseTokens(text) {
  const found = /^\s*(\d{1,10})([kKmM]?)\s*$/.exec(text);
  if (!found) return null;
  const factor = { '': 1, k: 1024, m: 1048576 }[found[2].toLowerCase()];
  const tokens = Number(found[1]) * factor;
  return tokens >= 1 && tokens <= 2 ** 30 ? BigInt(tokens) : null;
}
