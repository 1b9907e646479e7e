// What a chat asks of the model besides its messages. A field that is null is left to the server.

// 'auto' is left to the server too: it knows what the model has learnt.
export const kEfforts = [
  { value: 'auto', name: 'Auto', about: "the server's choice" },
  { value: 'none', name: 'Off', about: 'answers at once' },
  { value: 'low', name: 'Low', about: 'thinks briefly' },
  { value: 'high', name: 'High', about: 'thinks as the model was trained to' },
  { value: 'max', name: 'Max', about: 'thinks as long as it takes' },
];

// Numbers of a request: their bounds, the step of their field, and the word for them.
export const kNumbers = [
  {
    key: 'temperature',
    name: 'Temperature',
    least: 0,
    most: 2,
    step: 0.05,
    about: '0 always takes the likeliest token',
  },
  {
    key: 'top_p',
    name: 'Top p',
    least: 0,
    most: 1,
    step: 0.01,
    about: 'keeps the likeliest tokens up to this share',
  },
  {
    key: 'top_k',
    name: 'Top k',
    least: 0,
    most: 1000,
    step: 1,
    about: 'keeps so many tokens; 0 keeps all',
  },
  {
    key: 'min_p',
    name: 'Min p',
    least: 0,
    most: 1,
    step: 0.01,
    about: 'drops what is less likely than this share of the likeliest',
  },
  {
    key: 'presence_penalty',
    name: 'Presence penalty',
    least: -2,
    most: 2,
    step: 0.1,
    about: 'against words that have occurred',
  },
  {
    key: 'frequency_penalty',
    name: 'Frequency penalty',
    least: -2,
    most: 2,
    step: 0.1,
    about: 'against words, by how often they have occurred',
  },
  {
    key: 'max_tokens',
    name: 'Longest answer',
    least: 1,
    most: 393216,
    step: 1,
    about: 'in tokens, reasoning among them',
  },
  {
    key: 'thinking_budget',
    name: 'Longest reasoning',
    least: 0,
    most: 393216,
    step: 1,
    about: 'in tokens; then the answer begins',
  },
  {
    key: 'seed',
    name: 'Seed',
    least: 0,
    most: 4294967295,
    step: 1,
    about: 'the same seed gives the same answer',
  },
];

export const kDefaultSettings = {
  effort: 'auto',
  system: '',
  tools: '', // JSON, as the user wrote it
  ...Object.fromEntries(kNumbers.map(({ key }) => [key, null])),
};

// A number from a field's text: {value} with null for an empty one, or {error}.
export function parseNumber({ name, least, most, step }, text) {
  if (text.trim() === '') return { value: null };
  const value = Number(text);
  const whole = step === 1;
  if (!Number.isFinite(value) || value < least || value > most || (whole && value % 1 !== 0))
    return { error: `${name}: ${whole ? 'a whole number' : 'a number'} from ${least} to ${most}` };
  return { value };
}

// The tools that the user wrote down: {value: array, or null for none}, or {error}.
export function parseTools(text) {
  if (text.trim() === '') return { value: null };
  let tools;
  try {
    tools = JSON.parse(text);
  } catch (error) {
    return { error: `Tools: not JSON (${error.message})` };
  }
  if (!Array.isArray(tools)) return { error: 'Tools: an array of functions is expected' };
  const nameless = tools.findIndex((tool) => typeof tool?.function?.name !== 'string');
  if (nameless >= 0) return { error: `Tools: entry ${nameless + 1} has no function.name` };
  return { value: tools.length > 0 ? tools : null };
}

// Settings from anywhere (a file, an older page): known fields of the right kind, else defaults.
export function settingsFrom(any) {
  const settings = { ...kDefaultSettings };
  if (any === null || typeof any !== 'object') return settings;
  if (kEfforts.some(({ value }) => value === any.effort)) settings.effort = any.effort;
  for (const key of ['system', 'tools']) if (typeof any[key] === 'string') settings[key] = any[key];
  for (const number of kNumbers) {
    const given = any[number.key];
    if (typeof given === 'number')
      settings[number.key] = parseNumber(number, `${given}`).value ?? null;
  }
  return settings;
}
