"""The exchanges of docs/reference: read from its pages, and run against a server. Its README.md says how they are written."""

import base64
import json
import pathlib
import re
import shlex
import time

import programs
from websocket import Closed, JsonSession

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "docs/reference"
FENCE = re.compile(r"^```exchange\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"(?P<who>[\w/]+) (?P<way>[<>]) (?P<said>.+)")
CLOSE = re.compile(r"close (\d+) (\w+)")
FLAGS = "-- bimipd "
NUMBER = "… of a number"
ANYTHING = '"{…}"'
MOMENT = 0.1
LAST_ID = str(0x7ffffffe)
ANY = re.compile(r"…(\w*)")


class Line:
    """`who` and `way` of what is said; an act has neither, and is all in `said`."""

    def __init__(self, number, text):
        self.number, self.text = number, text
        self.who = self.way = None
        self.said = text.removeprefix("-- ")
        if not text.startswith("-- "):
            parts = LINE.fullmatch(text)
            if not parts:
                raise AssertionError(f"no line of an exchange: {text}")
            self.who, self.way, self.said = parts["who"], parts["way"], parts["said"]

    def is_stanza(self):
        return self.way is not None and not CLOSE.fullmatch(self.said)

    def stanza(self):
        """As JSON, in which a text stands for what is different each time."""
        said = self.said.replace("{…}", ANYTHING)
        return json.loads(re.sub(r"(?<=: )…", '"' + NUMBER + '"', said))


class Exchange:
    def __init__(self, name, text):
        self.name, self.flags, self.lines = name, [], []
        unfolded = re.sub(r"\n {2,}", " ", text)
        for number, line in enumerate(unfolded.splitlines(), 1):
            if line.startswith(FLAGS):
                self.flags = line.removeprefix(FLAGS).split()
            elif line and not line.startswith("# "):
                self.lines.append(Line(number, line))


def pages():
    return sorted(path.name for path in REFERENCE.glob("*.md"))


def of_page(page):
    text = (REFERENCE / page).read_text()
    return [Exchange(f"exchange {number} of {page}", block) for number, block in enumerate(FENCE.findall(text), 1)]


def body_of(stanza):
    return next((name for name in stanza if name != "id"), None)


class Mismatch(AssertionError):
    pass


class Names:
    """What `…name` stands for: the same wherever the name stands in the exchange."""

    def __init__(self, **known):
        self.known = known

    def fill(self, value):
        if isinstance(value, dict):
            return {name: self.fill(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.fill(one) for one in value]
        if isinstance(value, str) and (name := ANY.fullmatch(value)):
            return self.known[name[1]]
        return value

    def match(self, wanted, got, where):
        """Mismatch when `got` is not what is wanted: exactly those members, and each as it stands."""
        if wanted == NUMBER and isinstance(got, int):
            return
        if isinstance(wanted, str) and (name := ANY.fullmatch(wanted)) and isinstance(got, str):
            if name[1] and self.known.setdefault(name[1], got) != got:
                raise Mismatch(f"{where}: {got!r}, where it was {self.known[name[1]]!r} before")
        elif wanted == json.loads(ANYTHING) and isinstance(got, dict):
            return
        elif isinstance(wanted, dict) and isinstance(got, dict):
            needed = {name for name, one in wanted.items() if one != NUMBER}  # it may be zero, and not there
            if not needed <= set(got) <= set(wanted):
                raise Mismatch(f"{where}: {sorted(got)} came, {sorted(wanted)} are shown: {json.dumps(got)}")
            for name, one in got.items():
                self.match(wanted[name], one, f"{where}.{name}")
        elif isinstance(wanted, list) and isinstance(got, list):
            if len(wanted) != len(got):
                raise Mismatch(f"{where}: {len(got)} came, {len(wanted)} are shown: {json.dumps(got)}")
            for number, one in enumerate(wanted):
                self.match(one, got[number], f"{where}[{number}]")
        elif wanted != got or isinstance(wanted, bool) != isinstance(got, bool):
            raise Mismatch(f"{where}: {got!r} came, {wanted!r} is shown")


class Peer:
    """One side of an exchange: a session of its own, and what came and was not shown yet."""

    def __init__(self, address, who):
        self.who = who
        self.session = JsonSession(address)
        self.came = []
        self.closed = None

    def hear(self, within=None):
        try:
            self.came.append(self.session.next(within) if within else self.session.next())
        except Closed as closed:
            self.closed = closed
        except TimeoutError:
            raise Mismatch(f"{self.who}: nothing came") from None

    def identify(self):
        eid, _, device = self.who.partition("/")
        self.session.send({"identity": {"protocolVersion": 1, "eid": eid, "device": device}})
        if "welcome" not in (answer := self.session.next()):
            raise AssertionError(f"{self.who} is not welcome: {answer}")

    def take(self, wanted):
        """What came and is the counterpart of what is shown: of its id, or the oldest push of its kind."""
        def fits(got):
            return got.get("id") == wanted.get("id") and ("id" in got or body_of(got) == body_of(wanted))
        while not any(map(fits, self.came)):
            if self.closed:
                raise Mismatch(f"{self.who}: {self.closed} instead of {wanted}; came: {self.came}")
            try:
                self.hear()
            except Mismatch as nothing:
                raise Mismatch(f"{nothing} for {wanted}; came: {self.came}") from None
        return self.came.pop(self.came.index(next(filter(fits, self.came))))

    def must_close(self, code, reason):
        while not self.closed:
            self.hear()
        if (str(self.closed.code), self.closed.reason) != (code, reason):
            raise Mismatch(f"{self.who}: {self.closed}, close {code} {reason} is shown")

    def must_have_shown_all(self):
        """Nothing else came: up to a Pong to a Ping of ours and for a moment after it, or to the end."""
        if not self.closed:
            self.session.send({"id": LAST_ID, "ping": {}})
            while not self.closed and not any(got.get("id") == LAST_ID for got in self.came):
                self.hear()
            self._hear_what_is_late()
        left = [got for got in self.came if got.get("id") != LAST_ID and body_of(got) != "ping"]
        if left:
            raise Mismatch(f"{self.who}: not shown: {json.dumps(left)}")


    def _hear_what_is_late(self):
        try:
            while not self.closed:
                self.hear(MOMENT)
        except Mismatch:
            pass


def must_show_answers(exchange):
    """To whatever has an id; a session that ends may owe some."""
    shown = {(line.who, str(line.stanza().get("id"))) for line in exchange.lines if line.is_stanza() and line.way == "<"}
    ended = {line.who for line in exchange.lines if line.way == "<" and not line.is_stanza()}
    for line in exchange.lines:
        if line.way == ">" and "id" in (asked := line.stanza()) and line.who not in ended:
            if (line.who, str(asked["id"])) not in shown:
                raise Mismatch(f"{exchange.name}, line {line.number}: its answer is not shown")


class Run:
    """An exchange on a server of its own; commands of the tool are run in a folder."""

    def __init__(self, exchange, server, folder):
        self.exchange, self.server, self.folder = exchange, server, folder
        self.peers = {}
        self.names = Names()

    def run(self):
        must_show_answers(self.exchange)
        try:
            for line in self.exchange.lines:
                self._said(f"{self.exchange.name}, line {line.number}", self._line, line)
            for peer in self.peers.values():
                self._said(self.exchange.name, peer.must_have_shown_all)
        finally:
            self._end_all()

    @staticmethod
    def _said(where, step, *arguments):
        try:
            step(*arguments)
        except Mismatch as mismatch:
            raise Mismatch(f"{where}: {mismatch}") from None

    def _line(self, line):
        if line.way == ">":
            stanza = line.stanza()
            self._peer(line.who, "identity" in stanza).session.send(self.names.fill(stanza))
        elif line.way == "<" and (close := CLOSE.fullmatch(line.said)):
            self._peer(line.who).must_close(*close.groups())
        elif line.way == "<":
            wanted = line.stanza()
            self.names.match(wanted, self._peer(line.who).take(wanted), line.who)
        else:
            self._act(line.said)

    def _act(self, words):
        if gone := re.fullmatch(r"([\w/]+)'s connection ends", words):
            self.peers.pop(gone[1]).session.close()
        elif waits := re.fullmatch(r"(\d+) ms pass", words):
            time.sleep(int(waits[1]) / 1000)
        elif ran := re.fullmatch(r"…(\w+) is what `bimip (.+)` writes", words):
            self.names.known[ran[1]] = self._tool(shlex.split(ran[2]))
        elif many := re.fullmatch(r"(\d+) messages of (\d+) bytes are published to (\w+)", words):
            self._publish(int(many[1]), int(many[2]), many[3])
        elif oldest := re.fullmatch(r"the oldest records of (\w+) are removed", words):
            programs.wait_until(lambda: self._log_start(oldest[1]) > 0, what=words)
        elif words == "the server is told to stop":
            self.server.process.terminate()
        elif words == "the server is killed, and started again":
            self._end_all()
            self.server.kill()
            self.server.start()
        else:
            raise AssertionError(f"nobody knows how to do this: {words}")

    def _log_start(self, topic):
        return json.loads(self.server.must("topic", "describe", topic, "--json"))["partitions"][0]["log_start_offset"]

    def _publish(self, count, size, topic):
        value = base64.b64encode(bytes(size)).decode()
        publisher = Peer(self.server.http, "publisher")
        publisher.identify()
        for number in range(1, count + 1):
            publisher.session.send({"id": number, "publish": {"topic": topic, "value": value}})
        for _ in range(count):
            publisher.hear()
        publisher.session.close()

    def _tool(self, arguments):
        done = programs.bimip(*arguments, cwd=self.folder)
        if done.returncode != 0:
            raise AssertionError(f"bimip {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def _end_all(self):
        for peer in self.peers.values():
            peer.session.close()
        self.peers.clear()

    def _peer(self, who, identifies=False):
        if who not in self.peers:
            self.peers[who] = Peer(self.server.http, who)
            if not identifies:
                self.peers[who].identify()
        return self.peers[who]
