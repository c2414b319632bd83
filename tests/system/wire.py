"""A client that we write by hand, to say what no client of ours would: prefaces, frames, stanzas."""

import os
import socket
import struct
import sys

sys.path.insert(0, os.environ["STANZAS_FOR_PYTHON"])
from bimip.v1 import code_pb2, stanza_pb2  # noqa: E402

PREFACE = b"BIMIP\0\0\1"
ANSWER_WITHIN = 20
Code = code_pb2.Code


class Closed(Exception):
    """The server closed the connection; `goodbye` is what it said before, or None."""

    def __init__(self, goodbye):
        super().__init__(str(goodbye))
        self.goodbye = goodbye


def frame(payload):
    return struct.pack(">I", len(payload)) + payload


def stanza(id=0, **body):
    """stanza(7, publish={"topic": "a", "value": b"x"})"""
    made = stanza_pb2.Stanza(id=id)
    for name, fields in body.items():
        getattr(made, name).SetInParent()
        getattr(made, name).MergeFrom(type(getattr(made, name))(**fields))
    return made


class Connection:
    """Bytes as they are, and stanzas cut out of what comes back."""

    def __init__(self, server, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(ANSWER_WITHIN)
        self.socket.connect((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, *stanzas):
        self.send_bytes(b"".join(frame(one.SerializeToString()) for one in stanzas))

    def next(self):
        """The next stanza. Closed when there is none: with the Goodbye when that was the last one."""
        goodbye = None
        while True:
            while (got := self._cut()) is None:
                try:
                    data = self.socket.recv(1 << 18)
                except ConnectionError:
                    data = b""
                if not data:
                    raise Closed(goodbye)
                self.read += data
            if got.WhichOneof("body") != "goodbye":
                return got
            goodbye = got.goodbye

    def _cut(self):
        if len(self.read) < 4:
            return None
        end = 4 + struct.unpack_from(">I", self.read)[0]
        if len(self.read) < end:
            return None
        got = stanza_pb2.Stanza.FromString(bytes(self.read[4:end]))
        del self.read[:end]
        return got

    def ask(self, id, **body):
        self.send(stanza(id, **body))
        while (answer := self.next()).id != id:
            pass
        return answer

    def end(self):
        """How the server ends it: the Goodbye, or None."""
        try:
            while True:
                self.next()
        except Closed as closed:
            return closed.goodbye

    def rest(self):
        """All bytes until the server closes."""
        data = bytes(self.read)
        try:
            while got := self.socket.recv(65536):
                data += got
        except ConnectionError:
            pass
        return data


class Session(Connection):
    """One that has said who it is."""

    def __init__(self, server, eid="tester", producer_id=b"", device="", **options):
        super().__init__(server, **options)
        self.send_bytes(PREFACE)
        answer = self.ask(1, identity={"protocol_version": 1, "eid": eid, "device": device,
                                    "producer_id": producer_id})
        if answer.WhichOneof("body") != "welcome":
            raise AssertionError(f"not welcome: {answer}")
        self.welcome = answer.welcome
