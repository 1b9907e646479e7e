// Markdown of an answer to HTML, by blocks, so that a growing answer changes only its last one.
//
// HTML in the text is shown as text, a picture becomes a link to it, and mathematics becomes an
// element of class math that holds its TeX, which view/content.js draws. What comes out is foreign
// all the same: view/content.js sanitises it before it enters the page.
import { Marked } from 'marked';

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escapeHtml = (text) => text.replace(/[&<>"']/g, (sign) => escapes[sign]);

// $$...$$ and \[...\] that begin a paragraph.
const kBlockMath = [
  /^ {0,3}\$\$([^]+?)\$\$[ \t]*(?:\n+|$)/,
  /^ {0,3}\\\[([^]+?)\\\][ \t]*(?:\n+|$)/,
];
// Within one. $...$: no space inside the signs, no digit after them, or "$5 and $6" would be one.
const kInlineMath = [
  /^\$\$([^$\n]+?)\$\$/,
  /^\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)/,
  /^\\\((.+?)\\\)/s,
  /^\\\[(.+?)\\\]/s,
];

function mathToken(type, forms, src) {
  for (const form of forms) {
    const found = form.exec(src);
    if (!found) continue;
    const display = type === 'blockMath' || /^(?:\$\$|\\\[)/.test(found[0]);
    return { type, raw: found[0], tex: found[1].trim(), display };
  }
  return undefined;
}

const drawMath = ({ tex, display }) =>
  `<span class="math${display ? ' math-display' : ''}">${escapeHtml(tex)}</span>`;

const blockMath = {
  name: 'blockMath',
  level: 'block',
  start: (src) => /(?:^|\n) {0,3}(?:\$\$|\\\[)/.exec(src)?.index,
  tokenizer: (src) => mathToken('blockMath', kBlockMath, src),
  renderer: (token) => `<p>${drawMath(token)}</p>\n`,
};

const inlineMath = {
  name: 'inlineMath',
  level: 'inline',
  start: (src) => /\$|\\\(|\\\[/.exec(src)?.index,
  tokenizer: (src) => mathToken('inlineMath', kInlineMath, src),
  renderer: drawMath,
};

const marked = new Marked({
  gfm: true,
  extensions: [blockMath, inlineMath],
  renderer: {
    html: ({ text }) => escapeHtml(text),
    image: ({ href, text }) => `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
  },
});

const kKept = 500;
const htmlOf = new Map(); // of a block's text: blocks that are whole are not parsed again

// [{raw, html}] of the blocks of a text.
export function blocksOf(text) {
  const tokens = marked.lexer(text);
  const links = Object.keys(tokens.links).length > 0 ? JSON.stringify(tokens.links) : '';
  return tokens
    .filter(({ type }) => type !== 'space')
    .map((token) => {
      const key = links + token.raw;
      let html = htmlOf.get(key);
      if (html === undefined) {
        html = marked.parser([token]);
        if (htmlOf.size >= kKept) htmlOf.clear();
        htmlOf.set(key, html);
      }
      return { raw: token.raw, html };
    });
}
