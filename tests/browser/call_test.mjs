// Two people, two browsers, one suite: the stories of a call.
import assert from 'node:assert/strict';
import {Suite, certificate, chromium, enter, notice, openPage, pair, remoteFrame, tell} from './lib.mjs';

const TURND_ADMIN = 9641;

const TURN = 'turn:127.0.0.1:3478?transport=udp,turn:127.0.0.1:3478?transport=tcp';
const TURNS = 'turns:localhost:5349?transport=tcp';

const identity = certificate();
const suite = await Suite.start({TURND_CERT: identity.crt, TURND_PKEY: identity.key, TURND_TURN_URI: `${TURN},${TURNS}`});
const alices = await chromium(), bobs = await chromium();
let rooms = 0;

// Alice and Bob in one fresh room, both seeing each other.
async function call(t, query = '', prepare = async () => {}) {
  const url = `${suite.url}/r/browser-${process.pid}-${rooms++}${query}`;
  const alice = await openPage(alices), bob = await openPage(bobs);
  t.atEnd(() => alice.close());
  t.atEnd(() => bob.close());
  await prepare(alice);
  await prepare(bob);
  await enter(alice, url);
  await alice.waitForSelector('#share:not([hidden])');
  const began = Date.now();
  await enter(bob, url);
  const ms = await remoteFrame(bob);
  await remoteFrame(alice);
  return {url, alice, bob, ms, both: Date.now() - began};
}

async function still_running(...pages) {
  for (const page of pages) {
    await page.bringToFront();      // a hidden tab paints nothing
    const at = await page.$eval('#remote', (v) => v.currentTime);
    await page.waitForFunction((t) => document.getElementById('remote').currentTime > t + 0.5, {}, at);
    assert.deepEqual(page.complaints, []);
  }
}

async function two_pages_call_each_other(t) {
  const {alice, bob, ms} = await call(t);
  await still_running(alice, bob);
  console.log(`     from opening the second page to its first remote frame: ${Math.round(ms)} ms`);
}

// From here on the page knows our TLS server and no other.
async function only_turns(page) {
  await page.evaluateOnNewDocument(() => {
    window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
      construct(target, [config, ...rest]) {
        const iceServers = config.iceServers.map((s) => ({...s, urls: [s.urls].flat().filter((u) => u.startsWith('turns:'))}))
            .filter((s) => s.urls.length > 0);
        return new target({...config, iceServers}, ...rest);
      },
    });
  });
}

async function relayed_over(t, protocol, ...how) {
  const before = await suite.metric(TURND_ADMIN, 'turnd_allocations_total', protocol);
  const {alice, bob, ms} = await call(t, ...how);
  await still_running(alice, bob);
  for (const page of [alice, bob]) {
    const p = await pair(page);
    assert.equal(p.local, 'relay');
    assert.equal(p.protocol, protocol);
  }
  assert.ok(await suite.metric(TURND_ADMIN, 'turnd_allocations_total', protocol) >= before + 2);
  console.log(`     relayed over ${protocol}, from opening the second page to its first remote frame: ${Math.round(ms)} ms`);
}

async function media_goes_through_our_relay_when_no_other_way_is_allowed(t) {
  await relayed_over(t, 'udp', '?it=relay&tt=udp');
}

async function media_goes_through_our_relay_over_tcp(t) {
  await relayed_over(t, 'tcp', '?it=relay&tt=tcp');
}

async function media_goes_through_our_relay_over_tls(t) {
  await relayed_over(t, 'tls', '?it=relay', only_turns);
}

async function the_landing_page_leads_into_a_room(t) {
  const page = await openPage(alices);
  t.atEnd(() => page.close());
  await page.goto(suite.url);
  const name = await page.$eval('#room-name', (e) => e.value);
  assert.match(name, /^[a-z]+(-[a-z]+)*$/);
  await Promise.all([page.waitForNavigation(), page.click('#room-join')]);
  assert.equal(new URL(page.url()).pathname, `/r/${name}`);
  await page.waitForSelector('#share:not([hidden])');
  assert.equal(await page.$eval('#share a', (a) => a.href), `${suite.url}/r/${name}`);
  assert.deepEqual(page.complaints, []);
}

async function a_third_is_told_that_the_room_is_full(t) {
  const {url, alice, bob} = await call(t);
  const carol = await openPage(bobs);
  t.atEnd(() => carol.close());
  await enter(carol, url);
  await notice(carol, 'full: two people');
  await still_running(alice, bob);
}

async function either_side_may_reload(t) {
  const {alice, bob} = await call(t);
  for (const page of [bob, alice]) {
    await page.reload();
    await remoteFrame(page);
    await still_running(alice, bob);
  }
}

async function who_stays_behind_after_a_hangup_can_be_called_again(t) {
  const {alice, bob} = await call(t);
  await alice.click('#hangup');
  await notice(alice, 'left the call');
  await bob.waitForSelector('#share:not([hidden])');
  await alice.click('#notice-action');
  await remoteFrame(alice);
  await still_running(alice, bob);
}

async function closing_the_page_frees_the_seat(t) {
  const {url, alice, bob} = await call(t);
  await alice.close({runBeforeUnload: false});
  await bob.waitForSelector('#share:not([hidden])');
  const carol = await openPage(alices);
  t.atEnd(() => carol.close());
  await enter(carol, url);
  await remoteFrame(carol);
  await still_running(carol, bob);
}

async function mute_stops_the_sound_and_says_so(t) {
  const {alice} = await call(t);
  const enabled = () => alice.$eval('#local', (v) => v.srcObject.getAudioTracks()[0].enabled);
  assert.equal(await enabled(), true);
  await alice.click('#mic');
  assert.equal(await enabled(), false);
  assert.equal(await alice.$eval('#mic', (b) => `${b.textContent} ${b.ariaPressed}`), 'Unmute true');
  await alice.keyboard.press('m');
  assert.equal(await enabled(), true);
}

async function without_camera_one_can_still_watch(t) {
  const blind = await chromium({camera: false});
  t.atEnd(() => blind.close());
  const url = `${suite.url}/r/browser-${process.pid}-${rooms++}`;
  const alice = await openPage(alices), bob = await openPage(blind);
  t.atEnd(() => alice.close());
  await enter(alice, url);
  await alice.waitForSelector('#share:not([hidden])');
  await enter(bob, url);
  await notice(bob, 'found');
  await remoteFrame(bob);
}

async function a_page_calls_itself_in_a_loopback_room(t) {
  const page = await openPage(alices);
  t.atEnd(() => page.close());
  await enter(page, `${suite.url}/r/browser-${process.pid}-${rooms++}?debug=loopback`);
  await page.waitForFunction(() => window.peerConnections.some((pc) => pc.connectionState === 'connected'));
}

async function a_lost_websocket_is_said_and_opened_again(t) {
  const {alice, bob} = await call(t);
  const said = notice(alice, 'signaling server was lost');
  await alice.evaluate(() => window.webSockets.at(-1).close());
  await said;
  await alice.waitForSelector('#notice[hidden]');
  await still_running(alice, bob);
  await bob.click('#hangup');       // its bye must find the way
  await alice.waitForSelector('#share:not([hidden])');
}

async function text_from_outside_stays_text(t) {
  const page = await openPage(alices);
  t.atEnd(() => page.close());
  const evil = encodeURIComponent('</script><img src=x onerror="console.error(\'CSP evil\')">');
  await page.goto(`${suite.url}/r/browser-text?tt=${evil}&apikey=${evil}&ts=${evil}`);
  await page.waitForSelector('#join');
  assert.equal(await page.$('img'), null);
  assert.deepEqual(page.complaints, []);
}

await tell([
  two_pages_call_each_other,
  media_goes_through_our_relay_when_no_other_way_is_allowed,
  media_goes_through_our_relay_over_tcp,
  media_goes_through_our_relay_over_tls,
  the_landing_page_leads_into_a_room,
  a_third_is_told_that_the_room_is_full,
  either_side_may_reload,
  who_stays_behind_after_a_hangup_can_be_called_again,
  closing_the_page_frees_the_seat,
  mute_stops_the_sound_and_says_so,
  without_camera_one_can_still_watch,
  a_page_calls_itself_in_a_loopback_room,
  a_lost_websocket_is_said_and_opened_again,
  text_from_outside_stays_text,
], [() => alices.close(), () => bobs.close(), () => suite.stop(), () => identity.remove()]);
