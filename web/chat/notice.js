// The licences of the packages that are in a bundle.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

function packageOf(input) {
  return /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

function licenceText(folder) {
  const name = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (!name) throw new Error(`${folder}: no licence file to pass on`);
  return readFileSync(join(folder, name), 'utf8').trim();
}

// inputs: the bundled files; root: the folder of node_modules. A package without a licence is an
// error: it must not be passed on.
export function noticeOf(inputs, root) {
  const names = [...new Set(inputs.map(packageOf).filter(Boolean))].sort();
  const parts = names.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license, homepage } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    );
    const head = `${name} ${version} (${license})${homepage ? `\n${homepage}` : ''}`;
    return `${head}\n\n${licenceText(folder)}\n`;
  });
  const rule = `\n${'-'.repeat(80)}\n\n`;
  const about = 'The page of hadal contains these packages, each under its own licence.\n';
  return [about, ...parts].join(rule);
}
