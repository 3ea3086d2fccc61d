// The WebSocket to the signaling server: Collider's protocol. Registers when it can, comes back when it was lost, and
// falls back to HTTP POST for what must be sent meanwhile.

const RETRY_MS = [250, 500, 1000, 2000, 4000];

export class Signaling {
  #socket = null;
  #seat = null;           // {room, client, postUrl}
  #retries = 0;
  #timer = 0;
  #closed = false;

  // on: message(text), up(), down()
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.#open();
  }

  // Registers now or as soon as the WebSocket is open.
  register(room, client, postUrl) {
    this.#seat = {room, client, postUrl};
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#sayRegister();
    }
  }

  async send(text) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({cmd: 'send', msg: text}));
    } else {
      const {room, client, postUrl} = this.#seat;
      await fetch(`${postUrl}/${room}/${client}`, {method: 'POST', body: text, keepalive: true});
    }
  }

  // Gives the slot back at once; works while the page is closing.
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    if (this.#seat) {
      const {room, client, postUrl} = this.#seat;
      fetch(`${postUrl}/${room}/${client}`, {method: 'DELETE', keepalive: true}).catch(() => {});
    }
  }

  #open() {
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#seat) {
        this.#sayRegister();
      }
      this.on.up();
    };
    socket.onmessage = ({data}) => {
      let frame;
      try {
        frame = JSON.parse(data);
      } catch {
        console.warn('signaling: not JSON');
        return;
      }
      if (frame.error) {
        console.warn('signaling:', frame.error);
      } else if (frame.msg) {
        this.#retries = 0;
        this.on.message(frame.msg);
      }
    };
    socket.onclose = () => {
      if (this.#closed || this.#socket !== socket) {
        return;
      }
      this.on.down();
      const wait = RETRY_MS[Math.min(this.#retries++, RETRY_MS.length - 1)];
      this.#timer = setTimeout(() => this.#open(), wait * (0.75 + Math.random() / 2));
    };
  }

  #sayRegister() {
    const {room, client} = this.#seat;
    this.#socket.send(JSON.stringify({cmd: 'register', roomid: room, clientid: client}));
  }
}
