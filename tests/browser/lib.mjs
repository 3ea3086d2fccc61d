// What browser tests are made of: the suite, browsers, pages, and a teller of tests.
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import puppeteer from 'puppeteer-core';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

export class Suite {
  static async start(env = {}) {
    const s = new Suite();
    s.data = mkdtempSync(join(tmpdir(), 'rtc-'));
    s.process = spawn('sh', ['deploy/up.sh', '--no-install'], {
      cwd: ROOT, env: {...process.env, RTC_DATA: s.data, ...env}, stdio: ['ignore', 'pipe', 'inherit'],
    });
    s.ended = new Promise((done) => s.process.on('exit', done));
    let out = '';
    await new Promise((ready, failed) => {
      s.process.stdout.on('data', (d) => {
        out += d;
        const line = /^ready: (.*)$/m.exec(out);
        if (line) {
          s.url = line[1];
          ready();
        }
      });
      s.ended.then(() => failed(new Error(`up.sh ended:\n${out}`)));
    });
    return s;
  }

  log(daemon) {
    return readFileSync(join(this.data, `${daemon}.log`), 'utf8');
  }

  // Sum of the rows of one metric family that contain `part`.
  async metric(port, family, part = '') {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return text.split('\n').filter((l) => l.startsWith(family) && l.includes(part))
        .reduce((sum, l) => sum + Number(l.slice(l.lastIndexOf(' '))), 0);
  }

  async stop() {
    this.process.kill('SIGTERM');
    await this.ended;
    rmSync(this.data, {recursive: true, force: true});
  }
}

// A key and a certificate for localhost: {crt, key, remove()}. Browsers of ours take any.
export function certificate() {
  const dir = mkdtempSync(join(tmpdir(), 'cert-'));
  const crt = join(dir, 'crt'), key = join(dir, 'key');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key,
    '-out', crt, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], {stdio: 'ignore'});
  return {crt, key, remove: async () => rmSync(dir, {recursive: true, force: true})};
}

const FLAGS = [
  '--ignore-certificate-errors',
  '--no-sandbox', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required', '--disable-quic',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-gpu',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

export async function chromium({camera = true} = {}) {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', pipe: true,
    args: [...FLAGS, ...(camera ? ['--use-fake-device-for-media-stream'] : [])],
  });
}

// A page that remembers its peer connections, its WebSockets and what it complained of.
export async function openPage(browser) {
  const page = await browser.newPage();
  page.complaints = [];
  page.on('pageerror', (e) => page.complaints.push(String(e)));
  await page.evaluateOnNewDocument(() => {
    const all = window.peerConnections = [];
    window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
      construct(target, args) {
        const pc = new target(...args);
        all.push(pc);
        return pc;
      },
    });
    const sockets = window.webSockets = [];
    window.WebSocket = new Proxy(window.WebSocket, {
      construct(target, args) {
        const ws = new target(...args);
        sockets.push(ws);
        return ws;
      },
    });
    document.addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI));
  });
  page.on('console', (m) => {
    if (m.text().startsWith('CSP')) {
      page.complaints.push(m.text());
    }
  });
  return page;
}

// Opens the room and joins. Returns when the page has been joined, not when the call stands.
export async function enter(page, url) {
  await page.goto(url);
  await page.waitForSelector('#join, #call:not([hidden])');
  if (await page.$eval('#lobby', (e) => !e.hidden)) {
    await page.click('#join');
  }
}

// Milliseconds from the page's navigation to a new frame of the other side's video.
export async function remoteFrame(page) {
  return page.evaluate(() => new Promise((done) => {
    document.getElementById('remote').requestVideoFrameCallback(() => done(performance.now()));
  }));
}

// Local and remote candidate of the pair in use: {local: 'relay', remote: 'relay', protocol: 'udp'}.
export async function pair(page) {
  return page.evaluate(async () => {
    const stats = await window.peerConnections.at(-1).getStats();
    const transport = [...stats.values()].find((s) => s.type === 'transport');
    const chosen = stats.get(transport.selectedCandidatePairId);
    const local = stats.get(chosen.localCandidateId);
    return {local: local.candidateType, remote: stats.get(chosen.remoteCandidateId).candidateType, protocol: local.relayProtocol};
  });
}

// A notice that contains this text, within some seconds.
export async function notice(page, part, ms = 15000) {
  await page.waitForFunction((p) => {
    const n = document.getElementById('notice');
    return !n.hidden && n.textContent.includes(p);
  }, {timeout: ms}, part);
}

export async function tell(tests, atEnd) {
  const wanted = process.argv[2] ?? '';
  let passed = 0, failed = 0;
  for (const test of tests) {
    const name = test.name.replaceAll('_', ' ');
    if (!test.name.includes(wanted)) {
      continue;
    }
    let timer;
    const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new Error('not done after 60 s')), 60000); });
    const ends = [];
    try {
      await Promise.race([test({atEnd: (f) => ends.unshift(f)}), late]);
      console.log(`ok   browser: ${name}`);
      passed++;
    } catch (e) {
      console.log(`FAIL browser: ${name}\n${e.stack}`);
      failed++;
    }
    clearTimeout(timer);
    for (const end of ends) {
      await end().catch(() => {});
    }
  }
  for (const end of atEnd) {
    await end().catch(() => {});
  }
  console.log(`browser: ${passed} passed, ${failed} failed, 0 skipped`);
  process.exit(failed ? 1 : 0);
}
