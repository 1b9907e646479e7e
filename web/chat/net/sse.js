// Server-sent events of a response's body, as they arrive. Comments (keep-alive) are passed over.
import { createParser } from 'eventsource-parser';

// body: a ReadableStream of bytes. Yields the data of each event, a string.
export async function* eventData(body) {
  const arrived = [];
  const parser = createParser({ onEvent: ({ data }) => arrived.push(data) });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* arrived.splice(0);
    }
  } finally {
    reader.cancel().catch(() => {}); // when the consumer stops early
  }
}
