"""The client families of apprtc-contract section 6, replayed request by request against roomd and signald as they ship.

Each family calls each, once with all in one process each and once with rooms in Redis.
"""
import json

from apprtc import RoomServer
from story import free_port, tell, wait_until
from web import WebSocket, http

TURN = ["--turn-server=turn:h:3478?transport=udp", "--static-auth-secret=north"]


class Suite:
    def __init__(self, s, store):
        self.signal_port = free_port()
        self.room = RoomServer(s, *TURN, store=store, signal=self.signal_port)
        self.signald = s.daemon("signald", f"--listening-port={self.signal_port}", "--listening-ip=127.0.0.1",
                                f"--room-server=http://127.0.0.1:{self.room.port}", "--grace=500ms")


class Client:
    """What all families share; what they send besides is theirs."""
    headers, ice_headers, query = (), (), ""
    offer, answer, candidate = '{"type":"offer","sdp":"v=0"}', '{"type":"answer","sdp":"v=0"}', '{"type":"candidate","label":0}'

    def __init__(self, suite, room):
        self.suite, self.room, self.heard = suite, room, []

    def post(self, path, body=""):
        return http(self.suite.room.port, "POST", path + self.query, body, self.headers)

    def must(self, answer):
        assert answer.status == 200, answer
        return answer

    def join(self):
        joined = json.loads(self.must(self.post(f"/join/{self.room}")).body)
        assert joined["result"] == "SUCCESS", joined
        self.params = joined["params"]
        self.id = self.params["client_id"]
        self.leads = self.params["is_initiator"] in ("true", True)
        self.heard += self.params["messages"]
        self.ask_ice()

    def ask_ice(self):      # since 2016: POST, empty body, `urls` an array
        url = self.params["ice_server_url"]
        servers = json.loads(self.must(self.at(url, "POST", self.ice_headers)).body)["iceServers"]
        assert all(isinstance(x["urls"], list) for x in servers) and servers[0]["credential"]

    def at(self, url, method, headers=()):
        host, _, path = url.removeprefix("http://").partition("/")
        return http(int(host.split(":")[1]), method, "/" + path, headers=headers)

    def connect(self):
        url = self.params["wss_url"]
        assert url == f"ws://127.0.0.1:{self.suite.signal_port}/ws"
        self.ws = WebSocket(self.suite.signal_port, headers=self.headers)
        self.ws.register(self.room, self.id)

    def say(self, text):
        """The initiator posts to the room server, the other sends by WebSocket."""
        if self.leads:
            answer = json.loads(self.must(self.post(f"/message/{self.room}/{self.id}", text)).body)
            assert answer == {"result": "SUCCESS"}, answer
        else:
            self.ws.send(text)

    def hear(self):
        if not self.heard:
            frame = self.ws.hear()
            assert set(frame) == {"msg", "error"} and frame["error"] == "", frame
            self.heard.append(frame["msg"])
        return self.heard.pop(0)

    def delete(self):
        a = http(self.suite.signal_port, "DELETE", f"/{self.room}/{self.id}", headers=self.headers)
        assert a.status == 200, a

    def hang_up(self):
        assert self.must(self.post(f"/leave/{self.room}/{self.id}")).body == b""
        self.ws.send('{"type": "bye"}')
        self.ws.flush()
        self.delete()
        self.ws.close()


class Web(Client):
    """Connects and joins in parallel; its page query goes along with join and message."""
    headers = (("Origin", "http://elsewhere.example"), ("User-Agent", "Mozilla/5.0 Chrome/120.0"))
    ice_headers = (("Origin", "http://elsewhere.example"), ("Referer", "http://elsewhere.example/r/x"))
    query = "?hd=true&vsc=VP9"

    def ask_ice(self):
        assert json.loads(self.params["pc_config"])["iceServers"] == []
        super().ask_ice()


class OldWeb(Web):
    """Until early 2016: TURN REST at turn_url."""

    def ask_ice(self):
        answer = json.loads(self.must(self.at(self.params["turn_url"], "GET")).body)
        assert answer["uris"][0].startswith("turn:") and answer["username"] and answer["password"]


class Android(Client):
    headers = (("origin", "https://appr.tc"), ("Content-Type", "text/plain; charset=utf-8"))
    ice_headers = (("REFERER", "https://appr.tc"), ("Content-Type", "application/x-www-form-urlencoded"))


class OldAndroid(Android):
    """2014 to early 2016: a missing member fails the join, a pc_config url that starts with turn: is taken instead."""

    def ask_ice(self):
        answer = json.loads(self.must(self.at(self.params["turn_url"], "GET", (
            ("user-agent", "Mozilla/5.0"), ("origin", "https://apprtc.appspot.com")))).body)
        assert answer["username"] and answer["password"] and answer["uris"]


class Ios(Client):
    """Pretty-printed JSON with a form's Content-Type; asks ICE by /params."""
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    ice_headers = (("referer", "https://appr.tc"),)
    offer, answer = '{\n  "sdp" : "v=0\\r\\n",\n  "type" : "offer"\n}', '{\n  "type" : "answer",\n  "sdp" : "ü"\n}'

    def ask_ice(self):
        self.params |= {"ice_server_url": json.loads(http(self.suite.room.port, "GET", "/params").body)["ice_server_url"]}
        super().ask_ice()


def call(suite, caller_kind, callee_kind, room):
    a = caller_kind(suite, room)
    a.join()
    a.connect()
    assert a.leads
    a.say(a.offer)
    a.say(a.candidate)
    b = callee_kind(suite, room)
    b.join()
    assert not b.leads
    assert (b.hear(), b.hear()) == (a.offer, a.candidate)
    a.say("late candidate")         # between b's join and its registration: signald keeps it
    b.connect()
    assert b.hear() == "late candidate"
    b.say(b.answer)
    assert a.hear() == b.answer
    a.say("more")
    assert b.hear() == "more"
    assert json.loads(a.post(f"/join/{room}").body)["result"] == "FULL"
    a.hang_up()
    assert json.loads(b.hear()) == {"type": "bye"}
    b.leads = True                  # web stays, and offers anew at once
    b.say(b.offer)
    c = caller_kind(suite, room)
    c.join()
    c.connect()
    assert not c.leads and c.hear() == b.offer
    c.say(c.answer)
    assert b.hear() == c.answer
    c.hang_up()
    assert json.loads(b.hear()) == {"type": "bye"}
    b.hang_up()
    wait_until(lambda: json.loads(b.post(f"/message/{room}/{b.id}", "x").body)["result"] == "UNKNOWN_ROOM", "the room is gone")


def everybody_calls_everybody(s, store):
    suite = Suite(s, store)
    kinds = [Web, OldWeb, Android, OldAndroid, Ios]
    for caller in kinds:
        for callee in kinds:
            call(suite, caller, callee, f"{caller.__name__}-{callee.__name__}")


def everybody_calls_everybody_in_memory(s):
    everybody_calls_everybody(s, "memory")


def everybody_calls_everybody_in_redis(s):
    everybody_calls_everybody(s, s.redis().url)


def a_callee_without_its_websocket_posts_to_signald(s):  # B13
    suite = Suite(s, "memory")
    a, b = Web(suite, "room"), Web(suite, "room")
    a.join(), a.connect(), b.join()
    answer = b.at(f"{b.params['wss_post_url']}/room/{b.id}", "POST")
    assert answer.status == 500        # an empty one
    answer = http(suite.signal_port, "POST", f"/room/{b.id}", "by post", [("Origin", "http://x")])
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == "*"
    assert a.hear() == "by post"


def loopback_hears_itself(s):
    suite = Suite(s, "memory")
    a = Web(suite, "room")
    a.query = "?debug=loopback"
    a.join(), a.connect()
    assert a.leads and a.params["is_loopback"] == "true"
    other = WebSocket(suite.signal_port)
    other.register("room", "loopback_client_id")
    a.say(a.offer)
    assert other.hear()["msg"] == a.offer
    other.send(a.answer)
    assert a.hear() == a.answer
    a.hang_up()
    assert suite.room.enter("room")["is_initiator"] == "true"


def a_lost_client_frees_its_seat_and_a_short_loss_does_not(s):  # B20 B21 B22
    suite = Suite(s, "memory")
    a, b, c = Web(suite, "room"), Web(suite, "room"), Web(suite, "room")
    a.join(), a.connect(), b.join(), b.connect()
    b.ws.flush()
    b.ws.close()
    b.connect()                        # within the grace time
    a.say("hello again")
    assert b.hear() == "hello again"
    assert suite.room.join("room")["result"] == "FULL"
    b.ws.close()
    wait_until(lambda: suite.room.daemon.metric('roomd_byes_total{result="taken"}') >= 1, "signald tells roomd")
    c.join(), c.connect()
    assert not c.leads
    never = suite.room.enter("other")  # registers nowhere: its seat outlives signald's grace time
    assert suite.room.message("other", never["client_id"], "x") == "SUCCESS"


tell(everybody_calls_everybody_in_memory, everybody_calls_everybody_in_redis,
     a_callee_without_its_websocket_posts_to_signald, loopback_hears_itself,
     a_lost_client_frees_its_seat_and_a_short_loss_does_not)
