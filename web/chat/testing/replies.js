// What the mock server answers, by a word of the last message. A reply is a list of steps: a
// chunk's fields, or a number of ms to wait.

const content = (text) => ({ delta: { content: text } });
const reasoning = (text) => ({ delta: { reasoning_content: text } });
const pieces = (text) => text.match(/[^]{1,7}/g) ?? [];
const progress = (processed, total, ms) => ({
  prompt_progress: { processed, total, cache: 512, time_ms: ms },
});

export const kShowcase = `Self-attention mixes values by how well a query matches each key:

$$
\\operatorname{Attention}(Q, K, V) =
\\operatorname{softmax}\\!\\left(\\frac{QK^\\top}{\\sqrt{d}}\\right)V
$$

where \\(d\\) is the head's width, so that $QK^\\top/\\sqrt{d}$ stays near one.
It costs $5 or $6 a run.

## In code

\`\`\`python
def attention(q, k, v):
    """One head, no mask."""
    scores = q @ k.T / math.sqrt(q.shape[-1])  # [queries, keys]
    return softmax(scores, axis=-1) @ v
\`\`\`

| kind | entries of a token | bytes |
|:-----|---:|---:|
| window | 1 | 584 |
| compressed | 1/4 | 146 |

1. **Window** layers see the last 128 tokens.
2. *Compressed* layers see all, \`1/4\` or \`1/128\` of the entries:
   - chosen by an indexer
   - read in pages

3. a list that goes on
   - [x] a task that is done
   - [ ] one that is not

> Long context is a software problem.

See [the paper](https://example.org/paper).
`;

export const kHostile = `<img src=x onerror="window.owned = 1"><script>window.owned = 2</script>
[link](javascript:window.owned=3) [data](data:text/html,<script>1</script>)
![picture](https://evil.example/pixel.png?secret)

<style>body { display: none }</style>

<div class="composer" id="composer" style="position:fixed">fake</div>

$\\href{javascript:window.owned=4}{x}$ $\\includegraphics{https://evil.example/a.png}$

\`\`\`html"><img src=x onerror=window.owned=5>
<b onclick="window.owned=6">bold</b>
\`\`\`

**after**
`;

const kThoughts = 'First the question itself. Then what is known, step by step. '.repeat(6);

export const kReplies = {
  showcase: () => [...pieces(kThoughts).map(reasoning), ...pieces(kShowcase).map(content)],
  hostile: () => pieces(kHostile).map(content),
  endless: () => Array.from({ length: 2000 }, (_, at) => [content(`word${at} `), 10]).flat(),
  ponder: () => Array.from({ length: 2000 }, (_, at) => [reasoning(`thought${at} `), 10]).flat(),
  prefill: () => [
    ...Array.from({ length: 20 }, (_, at) => [
      progress(512 + 400 * at, 8512, 1 + 150 * at),
      150,
    ]).flat(),
    ...pieces('The prompt was long.').map(content),
  ],
  weather: () => [
    reasoning('The weather needs the tool.'),
    {
      delta: {
        tool_calls: [
          {
            index: 0,
            id: 'call_1',
            type: 'function',
            function: { name: 'get_weather', arguments: '' },
          },
        ],
      },
    },
    ...pieces('{"city": "Hangzhou", "unit": "celsius"}').map((text) => ({
      delta: { tool_calls: [{ index: 0, function: { arguments: text } }] },
    })),
    { finish: 'tool_calls' },
  ],
  breaks: () => [content('This answer '), { error: { message: 'the engine ran out of memory' } }],
  drops: () => [content('This answer '), 30, { drop: true }],
};
