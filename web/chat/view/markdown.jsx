import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { blocksOf } from '../logic/markdown.js';
import { contentOf } from './content.js';

// Drawn anew only when its HTML changes.
function Block({ html }) {
  const place = useRef(null);
  useLayoutEffect(() => place.current.replaceChildren(contentOf(html)), [html]);
  return <div class="block" ref={place} />;
}

export function Markdown({ text }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  return (
    <div class="markdown">
      {blocks.map(({ html }, at) => (
        <Block key={at} html={html} />
      ))}
    </div>
  );
}
