// Files as the C++ source of hadal::page::Files(), see src/page/page.h.
import { createHash } from 'node:crypto';
import { extname } from 'node:path';

const kTypes = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};
const kLineBytes = 80;

// A string literal: what is not printable, and what means something in one, by three octal digits.
function literalOf(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += kLineBytes) {
    let line = '';
    for (const byte of bytes.subarray(at, at + kLineBytes)) {
      const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
      line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
    }
    lines.push(`    "${line}"`);
  }
  return lines.join('\n') || '    ""';
}

// files: [{name, bytes}]
export function cppOf(files) {
  const literals = files.map(
    ({ bytes }, at) => `constexpr char kBytes${at}[] =\n${literalOf(bytes)};`,
  );
  const entries = files.map(({ name, bytes }, at) => {
    const type = kTypes[extname(name)];
    if (!type) throw new Error(`${name}: no content type is known for it`);
    const mark = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    return `    {"${name}", "${type}", {kBytes${at}, ${bytes.length}}, "\\"${mark}\\""},`;
  });
  return `// Made by web/chat/build.js.
#include "page/page.h"

namespace hadal::page {
namespace {

${literals.join('\n\n')}

constexpr File kFiles[] = {
${entries.join('\n')}
};

}  // namespace

std::span<const File> Files() { return kFiles; }

bool IsBuilt() { return true; }

}  // namespace hadal::page
`;
}
