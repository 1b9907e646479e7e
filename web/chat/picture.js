// Draws docs/images/page.png: the page of `hadal serve` behind a question to the embedded model.
//   HADAL_PROGRAM=../build/hadal node chat/picture.js FILE.png QUESTION [SEED]     in web/
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Browser, kKeys } from '../testing/webdriver.js';

const [file, question, seed = '1'] = process.argv.slice(2);
if (!question) throw new Error('picture.js: expected FILE.png QUESTION [SEED]');

const server = spawn(process.env.HADAL_PROGRAM ?? '../build/hadal', ['serve', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const url = await new Promise((resolve, reject) => {
  let text = '';
  server.stdout.on('data', (chunk) => {
    text += chunk;
    const found = /listening at (\S+)/.exec(text);
    if (found) resolve(found[1]);
  });
  server.on('exit', (code) => reject(new Error(`hadal serve ended with ${code}: ${text}`)));
});
const browser = await Browser.start();
try {
  await browser.setSize(1100, 617);
  await browser.open(url);
  await browser.until("return document.querySelector('.welcome') !== null");
  await browser.click('[aria-label="Settings of this chat"]');
  const id = await browser.run(
    `return [...document.querySelectorAll('.dialog label')]
       .find((each) => each.textContent === 'Seed').htmlFor`,
  );
  await browser.type(`#${id}`, `${kKeys.clear}${seed}${kKeys.tab}`);
  await browser.click('.dialog-foot .primary');
  await browser.click('.effort [value=none]');
  await browser.type('#composer', `${question}${kKeys.enter}`);
  await browser.until("return document.querySelector('.figures') !== null");
  await new Promise((resolve) => setTimeout(resolve, 1500)); // the figures of the last second
  writeFileSync(file, await browser.screenshot());
} finally {
  await browser.stop();
  server.removeAllListeners('exit');
  server.kill();
}
