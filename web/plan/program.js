// For the tests: runs the program under test, HADAL_PROGRAM.
import { execFileSync } from 'node:child_process';

const program = process.env.HADAL_PROGRAM;
if (!program) throw new Error('HADAL_PROGRAM is not set; run through ctest or `make test`');

export const kPresets = ['v3.2', 'v4-pro', 'v4-flash', 'gqa8', 'embedded'];

export function planText(...args) {
  return execFileSync(program, ['plan', ...args], { encoding: 'utf8', maxBuffer: 1 << 26 });
}

export function plan(...args) {
  return JSON.parse(planText(...args, '--json'));
}
