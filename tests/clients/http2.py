"""HTTP/2 written by hand (RFC 9113), to say to the gRPC port what no library would; and what h2spec says of it."""

import pathlib
import struct
import subprocess
import tempfile
import time
import xml.etree.ElementTree

import support

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM = ACK = 1
END_HEADERS = 4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, prefix_bits, first=0):
    """HPACK, 5.1."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    coded, value = bytes([first | most]), value - most
    while value >= 128:
        coded, value = coded + bytes([value % 128 | 128]), value // 128
    return coded + bytes([value])


def field(name, value, first=0, claimed=None):
    """A header as a literal: not to be kept (0), or to be kept in the table (0x40). `claimed`: the length that is said."""
    length = len(value) if claimed is None else claimed
    return bytes([first]) + integer(len(name), 7) + name.encode() + integer(length, 7) + value.encode()


def call(method, *more):
    """The headers of a call."""
    fields = ((":method", "POST"), (":scheme", "http"), (":path", f"/bimip.v1.{method}"), (":authority", "test"),
              ("te", "trailers"), ("content-type", "application/grpc"))
    return b"".join(field(*one) for one in fields) + b"".join(more)


def message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


class Peer(support.RawPeer):
    """One that has said hello, if it is told nothing else."""

    def __init__(self, address, hello=PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK)):
        super().__init__(address, hello)

    def flood(self, some, at_most, within=3):
        """Sends it again and again and reads nothing: how many bytes went out. The server may stop it in its way."""
        sent, rest, until = 0, memoryview(some), time.monotonic() + within
        self.socket.settimeout(0.2)
        while sent < at_most and time.monotonic() < until:
            try:
                count = self.socket.send(rest)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            sent += count
            rest = rest[count:] or memoryview(some)
        return sent

    def is_closed_by_the_server(self):
        """True once it is; it fails by its time-out."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def read_until(self, words):
        """What comes, until it holds these: gRPC writes trailers as plain text."""
        got = b""
        while words not in got:
            part = self.socket.recv(65536)
            if not part:
                raise AssertionError(f"closed without {words!r}: {got[-300:]!r}")
            got += part
        return got


class H2spec:
    """The tool that tools/install.sh builds; its sections run side by side, as most of each is waiting."""
    FOLDER = pathlib.Path(__file__).parent / "h2spec"
    SECTIONS = ("generic", "hpack", "http2/3", "http2/4", "http2/5.1", "http2/5.3", "http2/5.4", "http2/5.5",
                *(f"http2/6.{i}" for i in (1, 2, 3, 4, 5, 7, 8, 9, 10)), "http2/7", "http2/8.1/1", "http2/8.1.2/1",
                "http2/8.1.2.1", "http2/8.1.2.2", "http2/8.1.2.3", "http2/8.1.2.6", "http2/8.2")
    CASES = 145  # so that none gets lost

    def __init__(self, address, path):
        self.program = support.cache_folder() / "h2spec-1" / "h2spec"
        self.host, self.port = address.rsplit(":", 1)
        self.path = path

    def known(self):
        lines = (self.FOLDER / "known_failures.txt").read_text().splitlines()
        return {tuple(line.split("  ", 1)) for line in lines if line and not line.startswith("#")}

    def run(self, sections, timeout_s):
        """(section, title) of all cases: None, or what went wrong."""
        with tempfile.TemporaryDirectory(prefix="bimip-h2spec-") as folder:
            runs = []
            for i, section in enumerate(sections):
                report = pathlib.Path(folder) / str(i)
                command = [self.program, section, "-h", self.host, "-p", self.port, "-P", self.path, "-o", str(timeout_s),
                           "-j", report]
                runs.append((report, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
            said = {}
            for report, process in runs:
                process.wait(100)
                for case in xml.etree.ElementTree.parse(report).iter("testcase"):
                    wrong = case.find("error")
                    said[(case.get("package"), case.get("classname"))] = None if wrong is None else wrong.text
        return said
