// Builds the page: one script, one style, KaTeX's fonts, the licences of what is in them.
//
//   node build.js FOLDER [FILE.cc]
//
// FOLDER gets the files; FILE.cc, if given, holds them as C++ for src/page.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { noticeOf } from './notice.js';
import { cppOf } from './embed.js';

const here = dirname(fileURLToPath(import.meta.url));

// KaTeX names each font in three formats; every browser that runs the page reads the first.
const kOneFormat = {
  name: 'one format of fonts',
  setup({ onLoad }) {
    onLoad({ filter: /katex(\.min)?\.css$/ }, ({ path }) => ({
      loader: 'css',
      contents: readFileSync(path, 'utf8').replaceAll(
        /,url\([^)]*\.(?:woff|ttf)\) format\("[^"]*"\)/g,
        '',
      ),
    }));
  },
};

async function bundle(folder) {
  const { metafile } = await build({
    entryPoints: { app: join(here, 'main.jsx'), style: join(here, 'style/main.css') },
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    assetNames: '[name]',
    loader: { '.woff2': 'file', '.html': 'text' },
    legalComments: 'none', // NOTICE.txt has the licences whole
    plugins: [kOneFormat],
    metafile: true,
    logLevel: 'warning',
  });
  return Object.keys(metafile.inputs);
}

// The page names its script and style with a mark of what they hold: a browser keeps them as long
// as it likes, and never one that is old.
function indexHtml(folder) {
  return readFileSync(join(here, 'index.html'), 'utf8').replace(/(app\.js|style\.css)/g, (name) => {
    const mark = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    return `${name}?${mark.slice(0, 12)}`;
  });
}

const [folder, source] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node build.js FOLDER [FILE.cc]');
  process.exit(2);
}
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const inputs = await bundle(folder);
writeFileSync(join(folder, 'index.html'), indexHtml(folder));
writeFileSync(join(folder, 'icon.svg'), readFileSync(join(here, 'icon.svg')));
writeFileSync(join(folder, 'NOTICE.txt'), noticeOf(inputs, join(here, '..')));
if (source) {
  const files = readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
  writeFileSync(source, cppOf(files));
}
