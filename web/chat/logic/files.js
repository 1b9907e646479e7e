// Files that go into a message as text.
const kMostBytes = 4 * 1024 * 1024;

// {name, text} of a File; throws an Error of one line for what is not text.
export async function readTextFile(file) {
  if (file.size > kMostBytes)
    throw new Error(`${file.name}: ${file.size} bytes, more than ${kMostBytes}`);
  const bytes = await file.arrayBuffer();
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${file.name}: not text in UTF-8`);
  }
  if (text.includes('\0')) throw new Error(`${file.name}: holds zero bytes, so it is not text`);
  return { name: file.name, text };
}

// A fence that the text cannot close: longer than any run of backticks in it.
function fenceFor(text) {
  const runs = text.match(/`{3,}/g) ?? [];
  return '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
}

// What the model reads of a message: its files, each in a fence under its name, then the text.
export function textWithFiles(content, files = []) {
  const parts = files.map(({ name, text }) => {
    const fence = fenceFor(text);
    return `File: ${name}\n${fence}\n${text.replace(/\n$/, '')}\n${fence}`;
  });
  return [...parts, content].filter((part) => part !== '').join('\n\n');
}
