// A server of the embedded model for the tests of one file, and what they share.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import Ajv from 'ajv';

const program = process.env.HADAL_PROGRAM ?? '../../build/hadal';

// Resolves to {url, stop} once the server answers.
export async function startServer(...flags) {
  const server = spawn(program, ['serve', '--port', '0', '--ctx', '4K', ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => server.once('exit', resolve));
  const url = await new Promise((resolve, reject) => {
    exited.then((code) => reject(new Error(`the server ended with ${code}`)));
    createInterface({ input: server.stdout }).on('line', (line) => {
      const found = line.match(/listening at (\S+)/);
      if (found) resolve(found[1]);
    });
  });
  return {
    url,
    async stop() {
      server.kill('SIGTERM');
      return exited;
    },
  };
}

// What a request says whose answer only its length is to end, and its reasoning a budget, whatever
// the model would write: no control token is ever drawn.
export async function endless(url) {
  const content = '<｜end▁of▁sentence｜><｜User｜><｜Assistant｜><think></think>｜DSML｜';
  const { tokens } = await (await fetch(`${url}/tokenize`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ content, parse_special: true }) })).json();
  return { ignore_eos: true,
    logit_bias: Object.fromEntries(tokens.map((token) => [token, -100])) };
}

// Requests that the server has under way.
export async function underWay(url) {
  return (await (await fetch(`${url}/hadal/status`)).json()).requests.list.length;
}

export async function becomesIdle(url) {
  for (let i = 0; i < 300; ++i) {
    if (await underWay(url) === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

// A schema, and whether a value obeys it, by a validator that is not the server's.
export const personSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    pets: { type: 'array', items: { enum: ['cat', 'dog', 'fox'] }, maxItems: 3 },
  },
  required: ['name', 'age', 'pets'],
  additionalProperties: false,
};
const ajv = new Ajv({ strict: false });
const validate = ajv.compile(personSchema);
export const isPerson = (value) => validate(value);

// The arguments of a function that tests have on offer, and whether a value is some.
export const weatherSchema = {
  type: 'object',
  properties: {
    city: { type: 'string', enum: ['Oslo', 'Lima'] },
    days: { type: 'integer', minimum: 1, maximum: 9 },
  },
  required: ['city', 'days'],
  additionalProperties: false,
};
const validateWeather = ajv.compile(weatherSchema);
export const isWeather = (value) => validateWeather(value);

export const fox = [{ role: 'user', content: 'Tell me a story about a fox.' }];
