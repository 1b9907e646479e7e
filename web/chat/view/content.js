// HTML of logic/markdown.js as nodes of the page: sanitised first, then with mathematics drawn,
// code coloured and a button to copy it. KaTeX and highlight.js get text only.
import DOMPurify from 'dompurify';
import katex from 'katex';
import { colourCode, nameOfLanguage } from './highlight.js';
import { copyText } from './clipboard.js';

const kPolicy = {
  ALLOWED_TAGS: [
    'a',
    'blockquote',
    'br',
    'code',
    'del',
    'em',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'hr',
    'input',
    'li',
    'ol',
    'p',
    'pre',
    'span',
    'strong',
    'table',
    'tbody',
    'td',
    'th',
    'thead',
    'tr',
    'ul',
  ],
  ALLOWED_ATTR: ['align', 'checked', 'class', 'disabled', 'href', 'start', 'title', 'type'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ADD_URI_SAFE_ATTR: ['align', 'checked', 'disabled', 'start', 'type'], // which hold no address
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

export function sanitized(html) {
  return DOMPurify.sanitize(html, { ...kPolicy, RETURN_DOM_FRAGMENT: true });
}

function drawMath(element) {
  const display = element.classList.contains('math-display');
  const tex = element.textContent;
  try {
    katex.render(tex, element, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      maxExpand: 200,
      maxSize: 20,
    });
  } catch {
    element.textContent = tex; // unfinished or wrong: as it was written
    element.classList.add('math-raw');
  }
}

function copyButton(text) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'code-copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    button.textContent = await copyText(text()).then(
      () => 'Copied',
      () => 'Not allowed',
    );
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  return button;
}

function dressCode(pre) {
  const code = pre.querySelector('code') ?? pre;
  const language = /(?:^|\s)language-(\S+)/.exec(code.className)?.[1] ?? '';
  const text = code.textContent;
  const coloured = colourCode(text, language);
  if (coloured !== null) code.replaceChildren(sanitized(coloured));
  const frame = document.createElement('div');
  frame.className = 'code';
  const head = document.createElement('div');
  head.className = 'code-head';
  const name = document.createElement('span');
  name.textContent = nameOfLanguage(language);
  head.append(
    name,
    copyButton(() => text.replace(/\n$/, '')),
  );
  pre.tabIndex = 0; // wide code scrolls, with the keyboard too
  pre.replaceWith(frame);
  frame.append(head, pre);
}

function dressTable(table) {
  const frame = document.createElement('div');
  frame.className = 'table-scroll';
  frame.tabIndex = 0;
  table.replaceWith(frame);
  frame.append(table);
}

function dressLink(link) {
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow';
}

// Class names come from the text too: only our own are left.
const kClasses = /^(?:math|math-display|language-[\w+#-]+|hljs-[\w-]+)$/;

function dropForeignClasses(element) {
  const kept = [...element.classList].filter((name) => kClasses.test(name));
  if (kept.length > 0) element.className = kept.join(' ');
  else element.removeAttribute('class');
}

export function contentOf(html) {
  const fragment = sanitized(html);
  fragment.querySelectorAll('[class]').forEach(dropForeignClasses);
  fragment.querySelectorAll('a[href]').forEach(dressLink);
  fragment.querySelectorAll('input').forEach((box) => {
    box.disabled = true;
    box.type = 'checkbox';
    box.ariaLabel = box.checked ? 'done' : 'not done';
  });
  fragment.querySelectorAll('pre').forEach(dressCode);
  fragment.querySelectorAll('table').forEach(dressTable);
  fragment.querySelectorAll('.math').forEach(drawMath);
  return fragment;
}
