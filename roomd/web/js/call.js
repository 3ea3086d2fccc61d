// One call, from joining the room to leaving it. Knows rooms, roles and messages; shows itself through `view`.
//
//   JOINING --/join SUCCESS--> WAITING --first message of the other side--> TALKING
//      ^                          ^-------------------- bye ------------------'
//      '--- the seat was lost ----'            any --hang up, page closed--> LEFT

import * as api from './api.js';
import {startLoopback} from './loopback.js';
import {getMedia} from './media.js';
import {mediaConstraints, onlyTransport, peerConfig} from './params.js';
import {Peer} from './peer.js';
import {Signaling} from './signaling.js';

const FULL_TRIES_MS = 6000;     // a reload asks for a seat before its old self has left it
const FULL_PAUSE_MS = 400;
const OFFER_PATIENCE_MS = 4000;

const BYE = JSON.stringify({type: 'bye'});
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

export class Call {
  #params = null;               // of the join answer
  #signaling = null;
  #peer = null;
  #stream = new MediaStream();
  #iceServers = [];
  #early = [];                  // messages before the peer connection exists
  #outgoing = Promise.resolve();
  #loopback = null;
  #unanswered = 0;              // timer: nobody has offered yet
  #over = false;

  constructor(room, pageParams, view) {
    this.room = room;
    this.pageParams = pageParams;
    this.view = view;
  }

  // rejoin: the client id of a seat that may still be ours.
  async start(rejoin) {
    const media = getMedia(mediaConstraints(this.pageParams));
    media.then(({stream}) => this.view.showLocal(stream));
    const answer = await this.#join(rejoin);
    if (!answer || this.#over) {
      return;
    }
    const p = this.#params = answer.params;
    sessionStorage.setItem('seat', JSON.stringify({room: this.room, client: p.client_id}));
    this.#signaling = new Signaling(p.wss_url, {
      message: (text) => this.#receive(text),
      up: () => this.view.clear('signalingLost'),
      down: () => this.view.say('signalingLost'),
    });
    this.#signaling.register(this.room, p.client_id, p.wss_post_url);
    if (p.is_loopback === 'true') {
      this.#loopback = startLoopback(p);
    }
    const [{stream, problem}, iceServers] = await Promise.all([media, api.iceServers(p.ice_server_url)]);
    if (this.#over) {
      stream.getTracks().forEach((t) => t.stop());
      return;
    }
    if (problem) {
      this.view.say(problem);
    }
    this.#stream = stream;
    this.#iceServers = onlyTransport(iceServers, p.ice_server_transports);
    const messages = [...p.messages, ...this.#early.splice(0)].map(parse).filter(Boolean);
    const left = messages.findLastIndex((m) => m.type === 'bye');   // what came before it was meant for another call
    this.#newPeer(p.is_initiator === 'true' || left >= 0, messages.slice(left + 1));
  }

  mute(kind, off) {
    for (const track of this.#stream.getTracks()) {
      if (track.kind === kind) {
        track.enabled = !off;
      }
    }
  }

  // Leaves the room, then says bye: so the other side offers anew to an empty seat, not to us.
  async leave({closing = false} = {}) {
    if (this.#over) {
      return;
    }
    this.#over = true;
    clearInterval(this.#unanswered);
    sessionStorage.removeItem('seat');
    this.#loopback?.close();
    this.#peer?.close();
    this.#stream.getTracks().forEach((t) => t.stop());
    if (!this.#params) {
      return;
    }
    const left = api.leave(this.room, this.#params.client_id, closing);
    if (!closing) {       // a closing page has no later
      await left.catch(() => {});
    }
    this.#signaling.send(BYE).catch(() => {});
    this.#signaling.close();
  }

  async #join(rejoin) {
    const end = Date.now() + FULL_TRIES_MS;
    while (!this.#over) {
      let answer;
      try {
        answer = await api.join(this.room, rejoin);
      } catch (e) {
        console.warn('join:', e.message);
        this.view.say('serverGone', 'retry');
        return null;
      }
      if (answer.result === 'SUCCESS') {
        this.view.clear('fullTrying');
        return answer;
      }
      if (answer.result !== 'FULL' || Date.now() > end) {
        this.view.say(answer.result === 'FULL' ? 'full' : 'serverGone', 'retry');
        return null;
      }
      this.view.say('fullTrying');
      await pause(FULL_PAUSE_MS);
    }
    return null;
  }

  #newPeer(initiator, messages) {
    this.#peer?.close();
    const peer = this.#peer = new Peer(peerConfig(this.#params, this.#iceServers), this.#stream, initiator, {
      signal: (m) => {
        if (this.#peer === peer) {
          this.#send(m);
        }
      },
      remote: (stream) => this.view.showRemote(stream),
      state: (state) => {
        if (this.#peer !== peer) {
          return;
        }
        if (state === 'connected') {
          this.view.clear('mediaLost');
        } else if (state === 'failed' || state === 'disconnected') {
          this.view.say('mediaLost');
        }
      },
    });
    this.view.waiting(this.#params.room_link);
    clearInterval(this.#unanswered);
    if (initiator) {
      peer.offer();
    } else {
      // The other side may have missed that our old self left, or have offered to it: a bye makes it offer anew.
      this.#unanswered = setInterval(() => this.#signaling.send(BYE).catch(() => {}), OFFER_PATIENCE_MS);
    }
    // AppRTC's clients post in parallel: the description may come behind its candidates.
    for (const m of messages.sort((a, b) => isDescription(b) - isDescription(a))) {
      this.#handle(m);
    }
  }

  #receive(text) {
    if (!this.#peer) {
      this.#early.push(text);
      return;
    }
    const m = parse(text);
    if (m) {
      this.#handle(m);
    }
  }

  #handle(m) {
    if (m.type === 'bye') {
      this.view.showRemote(null);
      this.#newPeer(true, []);
    } else {
      clearInterval(this.#unanswered);
      this.#peer.receive(m);
    }
  }

  // The initiator's messages go through the room server, which keeps them for who is not there yet; the other's by WebSocket.
  #send(m) {
    const text = JSON.stringify(m);
    const {client_id: client} = this.#params;
    const initiator = this.#peer.initiator;
    this.#outgoing = this.#outgoing.then(async () => {
      if (!initiator) {
        await this.#signaling.send(text);
        return;
      }
      const {result} = await api.message(this.room, client, text);
      if (result === 'UNKNOWN_ROOM' || result === 'UNKNOWN_CLIENT') {
        this.#seatLost();
      }
    }).catch((e) => console.warn('signaling:', e.message));
  }

  #seatLost() {
    if (!this.#over) {
      this.view.say('seatLost');
      this.leave();
      this.view.restart();
    }
  }
}

const isDescription = (m) => Number(m.type === 'offer' || m.type === 'answer');

function parse(text) {
  try {
    const m = JSON.parse(text);
    return typeof m?.type === 'string' ? m : null;
  } catch {
    console.warn('a message that is not JSON');
    return null;
  }
}
