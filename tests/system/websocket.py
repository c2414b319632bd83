"""A session over a WebSocket in JSON, as a browser has it: RFC 6455 by hand, as much as one client needs."""

import base64
import hashlib
import json
import os
import socket
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ANSWER_WITHIN = 20


class Closed(Exception):
    """The server closed it, with this code and reason."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class JsonSession:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=ANSWER_WITHIN)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = bytearray()
        self._shake_hands(address)

    def close(self):
        self.socket.close()

    def send(self, stanza):
        self._send_frame(TEXT, json.dumps(stanza).encode())

    def next(self, within=ANSWER_WITHIN):
        """The next stanza. TimeoutError: none came; Closed: none will."""
        while True:
            self.socket.settimeout(within)
            opcode, payload = self._frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == PING:
                self._send_frame(PONG, payload)
            if opcode == CLOSE:
                self._send_frame(CLOSE, payload)
                raise Closed(struct.unpack(">H", payload[:2])[0], payload[2:].decode())

    def _shake_hands(self, address):
        key = base64.b64encode(os.urandom(16))
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: bimip.v1.json\r\n\r\n" % (address.encode(), key))
        while b"\r\n\r\n" not in self.read:
            self._receive()
        head, _, rest = bytes(self.read).partition(b"\r\n\r\n")
        if base64.b64encode(hashlib.sha1(key + GUID).digest()) not in head:
            raise AssertionError(f"no WebSocket: {head!r}")
        self.read = bytearray(rest)

    def _send_frame(self, opcode, payload):
        length = (bytes([0x80 | len(payload)]) if len(payload) < 126 else
                  struct.pack(">BH", 0xFE, len(payload)) if len(payload) < 1 << 16 else struct.pack(">BQ", 0xFF, len(payload)))
        mask = os.urandom(4)
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask +
                            bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def _frame(self):
        """(opcode, payload). The server's frames are whole messages, without a mask."""
        while (cut := self._cut()) is None:
            self._receive()
        return cut

    def _cut(self):
        if len(self.read) < 2:
            return None
        begin, length = 2, self.read[1]
        if length >= 126:
            begin = 4 if length == 126 else 10
            if len(self.read) < begin:
                return None
            length = int.from_bytes(self.read[2:begin], "big")
        if len(self.read) < begin + length:
            return None
        opcode, payload = self.read[0] & 15, bytes(self.read[begin:begin + length])
        del self.read[:begin + length]
        return opcode, payload

    def _receive(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server ended the connection without a Close")
        self.read += data
