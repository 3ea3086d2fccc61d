"""The room server as AppRTC's clients use it, and a signaling server that writes down what it is told."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from story import free_port
from web import Http, http


class RoomServer:
    """A roomd of the story: its port, and the requests clients make."""

    def __init__(self, story, *args, store="memory", signal=None, ready=True, **kw):
        self.port = free_port()
        options = [f"--listening-port={self.port}", f"--public-url=http://127.0.0.1:{self.port}"]
        if signal is not None:
            options.append(f"--signal-server=ws://127.0.0.1:{signal}")
        if store != "memory":
            options.append(f"--redis={store}")
        self.daemon = story.daemon("roomd", *options, *args, ready=ready, **kw)

    def post(self, path, body=b"", headers=()):
        return http(self.port, "POST", path, body, headers)

    def get(self, path, headers=()):
        return http(self.port, "GET", path, headers=headers)

    def join(self, room, query=""):
        """The whole answer; 200 is checked."""
        a = self.post(f"/join/{room}{query}")
        assert a.status == 200, a
        return json.loads(a.body)

    def enter(self, room, query=""):
        """Joins and returns the params."""
        answer = self.join(room, query)
        assert answer["result"] == "SUCCESS", answer
        return answer["params"]

    def message(self, room, client, text):
        a = self.post(f"/message/{room}/{client}", text)
        assert a.status == 200, a
        return json.loads(a.body)["result"]

    def leave(self, room, client):
        a = self.post(f"/leave/{room}/{client}")
        assert (a.status, a.body) == (200, b""), a

    def page(self, path):
        """The page and the JSON of its data block."""
        a = self.get(path)
        assert a.status == 200, a
        opening = b'<script type="application/json" id="params">'
        assert a.body.count(opening) == 1, a.body
        block = a.body.split(opening)[1].split(b"</script>")[0]
        return a, json.loads(block)


class FakeSignal:
    """Takes Collider's POST /<room>/<client>. `status` may be changed (None: hangs up); `hold` (an Event that is clear) keeps answers back."""

    def __init__(self, story):
        fake = self
        self.taken, self.status = [], 200
        self.lock = threading.Lock()
        self.busy = self.most_busy = 0
        self.hold = threading.Event()
        self.hold.set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with fake.lock:
                    fake.busy += 1
                    fake.most_busy = max(fake.most_busy, fake.busy)
                fake.hold.wait(10)
                with fake.lock:
                    fake.busy -= 1
                    fake.taken.append((self.path, body))
                if fake.status is None:
                    self.close_connection = True
                    return
                self.send_response(fake.status)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"OK\n")

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        story.others.append(self.stop)

    def stop(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


__all__ = ["FakeSignal", "Http", "RoomServer", "http"]
