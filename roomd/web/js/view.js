// What is on the screen. No text from outside ever becomes markup: textContent only.

import {texts} from './texts.js';

const $ = (id) => document.getElementById(id);

export function showPage(name) {
  for (const id of ['landing', 'lobby', 'call']) {
    $(id).hidden = id !== name;
  }
}

export class CallView {
  #said = null;         // which notice is shown
  #restart;

  constructor(restart) {
    this.#restart = restart;
  }

  restart() {
    this.#restart();
  }

  showLocal(stream) {
    $('local').srcObject = stream;
    $('local').hidden = stream.getVideoTracks().length === 0;
  }

  showRemote(stream) {
    $('remote').srcObject = stream;
    if (stream) {
      $('share').hidden = true;
    }
  }

  waiting(link) {
    const a = $('share').querySelector('a');
    a.textContent = link;
    a.href = link;
    $('share').hidden = false;
  }

  // what, action: keys of texts.js. The action starts the call anew.
  say(what, action) {
    this.#said = what;
    $('notice-text').textContent = texts[what];
    const button = $('notice-action');
    button.hidden = !action;
    button.textContent = action ? texts[action] : '';
    button.onclick = () => {
      this.clear(what);
      this.#restart();
    };
    $('notice').hidden = false;
  }

  clear(what) {
    if (this.#said === what) {
      this.#said = null;
      $('notice').hidden = true;
    }
  }
}

// handlers: mute(kind, off), hangup()
export function wireControls(handlers) {
  const toggle = (id, kind, off, on) => {
    const button = $(id);
    button.onclick = () => {
      const pressed = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(pressed));
      button.textContent = texts[pressed ? on : off];
      handlers.mute(kind, pressed);
    };
  };
  toggle('mic', 'audio', 'mute', 'unmute');
  toggle('cam', 'video', 'cameraOff', 'cameraOn');
  const full = () => (document.fullscreenElement ? document.exitFullscreen() : $('call').requestFullscreen());
  $('full').onclick = full;
  $('hangup').onclick = handlers.hangup;

  const keys = {' ': 'mic', m: 'mic', c: 'cam', f: 'full', q: 'hangup'};   // AppRTC's
  document.addEventListener('keydown', (e) => {
    const onControl = e.target.closest?.('button, input, a');
    if (!$('call').hidden && !e.ctrlKey && !e.metaKey && !e.altKey && e.key in keys && !(onControl && e.key === ' ')) {
      e.preventDefault();
      $(keys[e.key]).click();
    }
  });
}
