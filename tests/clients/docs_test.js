// The curl examples of docs/serve.md, run.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startServer } from './server.js';

const page = readFileSync(new URL('../../docs/serve.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```\n(curl [^]*?)^```/gm)].map((found) => found[1]);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

let server;
before(async () => { server = await startServer(); });
after(() => server.stop());

test('there are examples', () => assert.ok(blocks.length >= 5));

for (const block of blocks) {
  test(block.split('\n')[0], { skip: hasCurl ? false : 'curl is not installed' }, () => {
    const script = block.replaceAll('http://127.0.0.1:8080', server.url)
      .replaceAll('curl ', 'curl -sS --fail-with-body ');
    const out = execFileSync('bash', ['-e', '-c', script], { encoding: 'utf8' });
    assert.ok(out.length > 0);
    assert.ok(!out.includes('"error":{'), out);
  });
}
