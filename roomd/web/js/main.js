// Which page this is, and what the user does on it.

import {Call} from './call.js';
import {pageParams} from './params.js';
import {CallView, showPage, wireControls} from './view.js';

const params = pageParams();
const room = params.room_id;

// 48 random bits in words that can be said on the phone.
function randomName() {
  const consonants = 'bdfghjklmnprstvz', vowels = 'aeio';
  const bits = crypto.getRandomValues(new Uint8Array(12));
  return [...bits].map((b, i) => (i % 4 === 0 && i > 0 ? '-' : '') + consonants[b & 15] + vowels[b >> 4 & 3]).join('');
}

function landing() {
  showPage('landing');
  const name = document.getElementById('room-name');
  name.value = randomName();
  document.getElementById('room-random').onclick = () => { name.value = randomName(); };
  document.getElementById('room-form').onsubmit = (e) => {
    e.preventDefault();
    sessionStorage.setItem('confirmed', name.value);
    location.href = `/r/${encodeURIComponent(name.value)}${location.search}`;
  };
}

// The seat that this tab had before it was reloaded, if its old self has not left it.
function oldSeat() {
  const kind = performance.getEntriesByType('navigation')[0]?.type;
  try {
    const seat = JSON.parse(sessionStorage.getItem('seat'));
    return kind !== 'navigate' && seat?.room === room ? seat.client : undefined;
  } catch {
    return undefined;
  }
}

function startCall() {
  showPage('call');
  let call;
  const view = new CallView(() => begin());
  const begin = (rejoin) => {
    call = new Call(room, params, view);
    call.start(rejoin);
  };
  wireControls({
    mute: (kind, off) => call.mute(kind, off),
    hangup: () => {
      call.leave();
      view.showRemote(null);
      view.say('left', 'again');
    },
  });
  addEventListener('pagehide', () => call.leave({closing: true}));
  addEventListener('pageshow', (e) => {
    if (e.persisted) {      // came back by the history: that call was left
      location.reload();
    }
  });
  begin(oldSeat());
}

function lobby() {
  document.title = `Call: ${room}`;
  // Asked once per tab and room: a link from anywhere must not switch the camera on by itself.
  if (params.bypass_join_confirmation === 'true' || sessionStorage.getItem('confirmed') === room) {
    startCall();
    return;
  }
  showPage('lobby');
  document.querySelector('#lobby .room').textContent = room;
  document.getElementById('join').onclick = () => {
    sessionStorage.setItem('confirmed', room);
    startCall();
  };
}

if (room) {
  lobby();
} else {
  landing();
}
