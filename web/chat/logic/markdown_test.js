import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocksOf } from './markdown.js';
import { formatSpeed, formatTime } from './format.js';

const html = (text) =>
  blocksOf(text)
    .map((block) => block.html)
    .join('')
    .trim();
const math = (tex) => `<p><span class="math">${tex}</span></p>`;

test('blocks, so that only the last one changes', () => {
  const text = '# Title\n\none\n\n```js\nx\n```\n\n- a\n- b\n';
  assert.deepEqual(
    blocksOf(text).map(({ raw }) => raw.trim()),
    ['# Title', 'one', '```js\nx\n```', '- a\n- b'],
  );
  const before = blocksOf(text);
  const after = blocksOf(`${text}\nmore`);
  assert.deepEqual(after.slice(0, 3), before.slice(0, 3));
});

test('mathematics in all its signs', () => {
  assert.equal(html('$x^2$'), math('x^2'));
  assert.equal(html('\\(x_1\\)'), math('x_1'));
  assert.equal(
    html('$a_b$ *c* $d_e$'),
    '<p><span class="math">a_b</span> <em>c</em> <span class="math">d_e</span></p>',
  );
  for (const signs of [
    ['$$', '$$'],
    ['\\[', '\\]'],
    ['$$\n', '\n$$'],
  ])
    assert.equal(
      html(signs.join('a < b')),
      '<p><span class="math math-display">a &lt; b</span></p>',
    );
  assert.equal(html('as $$x$$ here'), '<p>as <span class="math math-display">x</span> here</p>');
});

test('money, code and unfinished signs are none', () => {
  assert.equal(html('costs $5 or $6 a run'), '<p>costs $5 or $6 a run</p>');
  assert.equal(html('from $5-$6 on'), '<p>from $5-$6 on</p>');
  assert.equal(html('`$x$`'), '<p><code>$x$</code></p>');
  assert.equal(html('a $x'), '<p>a $x</p>');
  assert.equal(html('\\(x'), '<p>(x</p>');
});

test('HTML is text and a picture a link', () => {
  assert.equal(html('<script>alert(1)</script>'), '&lt;script&gt;alert(1)&lt;/script&gt;');
  assert.equal(
    html('a <b onclick="x">c</b>'),
    '<p>a &lt;b onclick=&quot;x&quot;&gt;c&lt;/b&gt;</p>',
  );
  assert.equal(
    html('![cat](https://example.org/cat.png)'),
    '<p><a href="https://example.org/cat.png">cat</a></p>',
  );
  assert.ok(!html('$<img>$').includes('<img'));
});

test('times and speeds', () => {
  assert.deepEqual([0, 940, 9940, 12_345, 59_400, 59_600, 125_000, 7_260_000].map(formatTime), [
    '0.0 s',
    '0.9 s',
    '9.9 s',
    '12 s',
    '59 s',
    '1 min 0 s',
    '2 min 5 s',
    '2 h 1 min',
  ]);
  assert.deepEqual([0.123, 43.21, 812.5].map(formatSpeed), [
    '0.12 tokens/s',
    '43.2 tokens/s',
    '813 tokens/s',
  ]);
});
