// One RTCPeerConnection and AppRTC's messages: offer, answer, candidate, remove-candidates.
// The initiator offers, the other answers. Messages that come too early wait here, in order.

export class Peer {
  #pc;
  #waiting = [];          // candidates before the remote description
  #work = Promise.resolve();

  // on: signal(message), remote(stream), state(connectionState)
  constructor(config, stream, initiator, on) {
    this.initiator = initiator;
    this.on = on;
    const pc = this.#pc = new RTCPeerConnection(config);
    pc.onicecandidate = ({candidate}) => {
      if (candidate?.candidate) {
        on.signal({type: 'candidate', label: candidate.sdpMLineIndex, id: candidate.sdpMid, candidate: candidate.candidate});
      }
    };
    const remote = new MediaStream();
    pc.ontrack = ({track}) => {
      remote.addTrack(track);
      on.remote(remote);
    };
    pc.onconnectionstatechange = () => {
      on.state(pc.connectionState);
      if (pc.connectionState === 'failed' && this.initiator) {
        this.#do(() => this.#offer({iceRestart: true}));
      }
    };
    for (const track of stream.getTracks()) {
      pc.addTrack(track, stream);
    }
    if (initiator) {
      // What we cannot send we still want to receive.
      for (const kind of ['audio', 'video']) {
        if (!stream.getTracks().some((t) => t.kind === kind)) {
          pc.addTransceiver(kind, {direction: 'recvonly'});
        }
      }
    }
  }

  offer() {
    this.#do(() => this.#offer());
  }

  receive(message) {
    this.#do(() => this.#receive(message));
  }

  close() {
    this.#pc.close();
  }

  // One thing after the other: descriptions must not overtake each other.
  #do(step) {
    this.#work = this.#work.then(step).catch((e) => {
      if (this.#pc.signalingState !== 'closed') {
        console.warn('peer connection:', e);
      }
    });
  }

  async #offer(options) {
    await this.#pc.setLocalDescription(await this.#pc.createOffer(options));
    this.on.signal({type: 'offer', sdp: this.#pc.localDescription.sdp});
  }

  async #receive(m) {
    switch (m.type) {
      case 'offer':
      case 'answer':
        if ((m.type === 'offer') === this.initiator) {
          console.warn(`an ${m.type} that was not asked for`);
          return;
        }
        await this.#pc.setRemoteDescription({type: m.type, sdp: m.sdp});
        if (m.type === 'offer') {
          await this.#pc.setLocalDescription(await this.#pc.createAnswer());
          this.on.signal({type: 'answer', sdp: this.#pc.localDescription.sdp});
        }
        for (const candidate of this.#waiting.splice(0)) {
          await this.#pc.addIceCandidate(candidate);
        }
        break;
      case 'candidate': {
        const candidate = {sdpMLineIndex: m.label, sdpMid: m.id, candidate: m.candidate};
        if (this.#pc.remoteDescription) {
          await this.#pc.addIceCandidate(candidate);
        } else {
          this.#waiting.push(candidate);
        }
        break;
      }
      case 'remove-candidates':   // today's browsers forget candidates by themselves
        break;
      default:
        console.warn('unknown message type');
    }
  }
}
