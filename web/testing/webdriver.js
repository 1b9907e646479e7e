// Chromium without a window, driven through ChromeDriver as the W3C WebDriver standard has it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kElement = 'element-6066-11e4-a52e-4f735466cecf';
export const kKeys = {
  left: '\uE012',
  home: '\uE011',
  end: '\uE010',
  enter: '\uE007',
  escape: '\uE00C',
  tab: '\uE004',
  clear: '\uE009a\uE000',
};

// The port that ChromeDriver chose by itself, from its first lines.
function portOf(driver) {
  return new Promise((resolve, reject) => {
    let text = '';
    driver.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /started successfully on port (\d+)/.exec(text);
      if (found) resolve(Number(found[1]));
    });
    driver.on('error', reject);
    driver.on('exit', (code) => reject(new Error(`chromedriver ended with ${code}: ${text}`)));
  });
}

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.profile = mkdtempSync(join(tmpdir(), 'hadal-chromium-'));
    browser.driver = spawn(process.env.HADAL_CHROMEDRIVER ?? 'chromedriver', ['--port=0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    browser.base = `http://127.0.0.1:${await portOf(browser.driver)}`;
    const args = [
      '--headless=new',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--window-size=1280,1500',
      '--force-color-profile=srgb',
      `--user-data-dir=${browser.profile}`,
    ];
    // Chromium's sandbox refuses to run as root.
    if (process.getuid() === 0) args.push('--no-sandbox');
    const options = { args };
    if (process.env.HADAL_CHROMIUM) options.binary = process.env.HADAL_CHROMIUM;
    const session = await browser.post('/session', {
      capabilities: {
        alwaysMatch: {
          'goog:chromeOptions': options,
          'goog:loggingPrefs': { browser: 'ALL', performance: 'ALL' },
        },
      },
    });
    browser.base += `/session/${session.sessionId}`;
    return browser;
  }

  async request(method, path, body) {
    const response = await fetch(this.base + path, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value.message}`);
    return value;
  }
  post(path, body = {}) {
    return this.request('POST', path, body);
  }

  open(url) {
    return this.post('/url', { url });
  }
  run(script, ...args) {
    return this.post('/execute/sync', { script, args });
  }
  async element(selector) {
    return (await this.post('/element', { using: 'css selector', value: selector }))[kElement];
  }
  async type(selector, text) {
    return this.post(`/element/${await this.element(selector)}/value`, { text });
  }
  // The pointer onto an element, x and y pixels from its middle.
  async hover(selector, x, y) {
    const origin = { [kElement]: await this.element(selector) };
    const actions = [{ type: 'pointerMove', duration: 0, origin, x, y }];
    await this.post('/actions', { actions: [{ type: 'pointer', id: 'mouse', actions }] });
  }
  async click(selector) {
    return this.post(`/element/${await this.element(selector)}/click`);
  }
  // Waits until a script returns something that is true, and returns it.
  async until(script, ...args) {
    for (const started = Date.now(); Date.now() - started < 10_000;) {
      const value = await this.run(script, ...args);
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`not within 10 s: ${script} ${JSON.stringify(args)}`);
  }
  reload() {
    return this.post('/refresh');
  }
  // The size of the page as a device of its own has it; phones are narrower than any window.
  setSize(width, height, mobile = false) {
    return this.post('/goog/cdp/execute', {
      cmd: 'Emulation.setDeviceMetricsOverride',
      params: { width, height, mobile, deviceScaleFactor: 1 },
    });
  }
  acceptAlert() {
    return this.post('/alert/accept');
  }
  logs(type) {
    return this.post('/se/log', { type });
  }
  async screenshot() {
    return Buffer.from(await this.request('GET', '/screenshot'), 'base64');
  }

  async stop() {
    if (this.base.includes('/session/')) await this.request('DELETE', '').catch(() => {});
    this.driver.removeAllListeners('exit');
    const ended = new Promise((resolve) => this.driver.on('exit', resolve));
    this.driver.kill();
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
