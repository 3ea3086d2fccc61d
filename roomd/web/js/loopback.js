// The other side of a loopback room (?debug=loopback): the page calls itself, through the real servers.

import {Peer} from './peer.js';
import {Signaling} from './signaling.js';

export function startLoopback(params) {
  let peer = null;
  const signaling = new Signaling(params.wss_url, {
    message: (text) => {
      const m = JSON.parse(text);
      if (m.type === 'offer') {
        peer?.close();
        peer = new Peer({}, new MediaStream(), false, {
          signal: (out) => signaling.send(JSON.stringify(out)).catch(() => {}),
          remote: () => {},
          state: () => {},
        });
      }
      if (m.type !== 'bye') {
        peer?.receive(m);
      }
    },
    up: () => {},
    down: () => {},
  });
  signaling.register(params.room_id, 'loopback_client_id', params.wss_post_url);
  return {
    close() {
      peer?.close();
      signaling.close();
    },
  };
}
