"""RFC 6455 to the letter, frame by frame: written by hand, as no library would, and what comes back read byte by byte."""

import json
import socket
import struct
import time

import support
from support import stanza, stanza_pb2

ANSWER_WITHIN = 20
MASK = b"\x9a\x01\xfe\x55"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PROTOCOL_ERROR, NOT_TEXT, TOO_LARGE, UNSUPPORTED = 1002, 1007, 1009, 1003
PING_STANZA = stanza(2, ping={"sent_at_us": 5}).SerializeToString()


def frame(opcode, payload=b"", final=True, reserved=0, masked=True):
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += struct.pack(">BH", bit | 126, len(payload))
    else:
        head += struct.pack(">BQ", bit | 127, len(payload))
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def handshake(subprotocol="bimip.v1", first="GET / HTTP/1.1", leave_out=(), **fields):
    """The head of a request; `fields` go over what a sound one has."""
    lines = {"Host": "h", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": subprotocol}
    lines.update({name.replace("_", "-"): value for name, value in fields.items()})
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in lines.items() if name not in leave_out), "", ""]).encode()


class Wire(support.RawPeer):
    """To the HTTP port; cuts frames out of what comes back."""

    def __init__(self, address, head):
        super().__init__(address, head)
        self.read = b""

    def _more(self):
        try:
            part = self.socket.recv(1 << 16)
        except ConnectionError:
            part = b""
        self.read += part
        return part != b""

    def head(self):
        """The status line and the fields of the answer."""
        while b"\r\n\r\n" not in self.read:
            if not self._more():
                raise AssertionError(f"closed within the head: {self.read!r}")
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        return head.decode()

    def next(self):
        """Opcode and payload of the next frame, which a server sends whole and unmasked; None: the connection is closed."""
        while True:
            if len(self.read) >= 2:
                length, at = self.read[1], 2
                if length in (126, 127):
                    at = 4 if length == 126 else 10
                    length = int.from_bytes(self.read[2:at].ljust(1, b"\0"), "big") if len(self.read) >= at else 1 << 62
                if len(self.read) >= at + length:
                    got, self.read = self.read[:at + length], self.read[at + length:]
                    if got[0] & 0xF0 != 0x80 or got[1] & 0x80:
                        raise AssertionError(f"not a server's frame: {got[:16]!r}")
                    return got[0] & 0x0F, got[at:]
            if not self._more():
                if self.read:
                    raise AssertionError(f"closed within a frame: {self.read!r}")
                return None

    def end(self):
        """The frames up to the end, without Goodbye; the last is the close code, or None when there was no Close."""
        frames = []
        while (got := self.next()) is not None:
            frames.append(got)
        code = None
        if frames and frames[-1][0] == CLOSE:
            code = int.from_bytes(frames.pop()[1][:2], "big")
        return frames, code


class Frames(support.ClientTest):
    FLAGS = ("--limits-identify-within", "10s")

    def open(self, subprotocol="bimip.v1"):
        wire = Wire(self.http, handshake(subprotocol))
        self.addCleanup(wire.socket.close)
        self.assertIn(f"Sec-WebSocket-Protocol: {subprotocol}", wire.head().splitlines())
        return wire

    def identified(self, subprotocol="bimip.v1"):
        wire = self.open(subprotocol)
        if subprotocol == "bimip.v1":
            wire.send(frame(BINARY, stanza(1, identity={"protocol_version": 1, "eid": "alice"}).SerializeToString()))
        else:
            wire.send(frame(TEXT, json.dumps({"id": 1, "identity": {"protocolVersion": 1, "eid": "alice"}}).encode()))
        wire.next()
        return wire

    def ends_with(self, code, *frames, subprotocol="bimip.v1"):
        wire = self.identified(subprotocol)
        try:
            wire.send(*frames)
        except ConnectionError:
            pass  # closed while much was still being sent: the Close is there to be read all the same
        self.assertEqual(wire.end()[1], code)

    def test_a_handshake_is_sound_or_refused_in_words(self):
        def status(head):
            with Wire(self.http, head) as wire:
                return wire.head()
        self.assertIn("101", status(handshake(Connection="keep-alive, Upgrade", Upgrade="WebSocket")))
        self.assertIn("101", status(handshake().replace(b"Sec-WebSocket-Key", b"sec-websocket-key")))
        for code, head in (
                (400, handshake(leave_out=("Sec-WebSocket-Key",))), (400, handshake(Sec_WebSocket_Key="c2hvcnQ=")),
                (400, handshake(Sec_WebSocket_Protocol="bimip.v2")), (400, handshake(leave_out=("Sec-WebSocket-Protocol",))),
                (426, handshake(Sec_WebSocket_Version="8")), (426, handshake(leave_out=("Sec-WebSocket-Version",))),
                (404, handshake(first="GET /other HTTP/1.1")), (404, handshake(first="GET / HTTP/1.0")),
                (404, handshake(Upgrade="h2c")), (404, handshake(Connection="close")),
                (405, handshake(first="PUT / HTTP/1.1")), (400, handshake(Content_Length="1") + b"x"),
                (400, handshake(Transfer_Encoding="chunked") + b"1\r\nx\r\n0\r\n\r\n"), (403, handshake(Origin="null")),
                (403, handshake(Host="evil.example:80", Origin="http://evil.example:80"))):
            with self.subTest(head):
                answer = status(head)
                self.assertIn(f"HTTP/1.1 {code} ", answer)
                if code == 426:
                    self.assertIn("Sec-WebSocket-Version: 13", answer)

    def test_no_extension_is_taken_up(self):
        offers = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
        with Wire(self.http, handshake(Sec_WebSocket_Extensions=offers)) as wire:
            self.assertNotIn("extensions", wire.head().lower())

    def test_fragments_let_control_frames_pass_and_nothing_else(self):
        wire = self.identified()
        wire.send(frame(BINARY, PING_STANZA[:1], final=False), frame(PING, b"1"), frame(CONTINUATION, final=False),
                  frame(PONG, b"unasked"), frame(PING, b"x" * 125),
                  *(frame(CONTINUATION, PING_STANZA[i:i + 1], final=False) for i in range(1, len(PING_STANZA))), frame(PING),
                  frame(CONTINUATION))
        self.assertEqual([wire.next() for _ in range(3)], [(PONG, b"1"), (PONG, b"x" * 125), (PONG, b"")])
        opcode, answer = wire.next()
        self.assertEqual((opcode, stanza_pb2.Stanza.FromString(answer).pong.sent_at_us), (BINARY, 5))
        begun = frame(BINARY, PING_STANZA[:1], final=False)
        for code, frames in ((PROTOCOL_ERROR, (begun, frame(BINARY, PING_STANZA))), (PROTOCOL_ERROR, (begun, frame(TEXT, b"x"))),
                             (PROTOCOL_ERROR, (frame(CONTINUATION, PING_STANZA),)), (PROTOCOL_ERROR, (frame(PING, final=False),)),
                             (PROTOCOL_ERROR, (frame(CLOSE, final=False),)), (PROTOCOL_ERROR, (begun, frame(PING, masked=False))),
                             (1000, (begun, close(1000)))):
            with self.subTest(frames):
                self.ends_with(code, *frames)

    def test_what_a_frame_may_not_be_is_closed_with_1002(self):
        for reserved in range(1, 8):
            self.ends_with(PROTOCOL_ERROR, frame(BINARY, PING_STANZA, reserved=reserved))
        for opcode in (*range(3, 8), *range(11, 16)):
            self.ends_with(PROTOCOL_ERROR, frame(opcode, b"x"))
        self.ends_with(PROTOCOL_ERROR, frame(BINARY, PING_STANZA, masked=False))
        self.ends_with(PROTOCOL_ERROR, frame(CLOSE, b"\x03\xe8", masked=False))
        self.ends_with(PROTOCOL_ERROR, frame(PING, b"x" * 126))
        self.ends_with(PROTOCOL_ERROR, b"\x82\xfe\x00\x05" + MASK)  # 5 in two bytes
        self.ends_with(PROTOCOL_ERROR, b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff" + MASK)  # 65,535 in eight
        self.ends_with(PROTOCOL_ERROR, b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" + MASK)  # 2^63

    def test_a_message_is_text_or_closed_with_1007(self):
        wire = self.identified("bimip.v1.json")
        text = '{"id": "9", "publish": {"topic": "€ 😀"}}'.encode()
        for cut in range(len(text) - 12):  # through every character, and a Ping into the cut
            wire.send(frame(TEXT, text[:cut], final=False), frame(PING, b"."), frame(CONTINUATION, text[cut:cut + 1], final=False),
                      frame(CONTINUATION, text[cut + 1:]))
            self.assertEqual(wire.next(), (PONG, b"."))
            error = json.loads(wire.next()[1])
            self.assertEqual((error["id"], error["error"]["code"]), ("9", "CODE_NOT_FOUND"), error)
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\x80"):
            whole = b'{"id": "' + bad + b'"}'
            for frames in ((frame(TEXT, whole),), (frame(TEXT, whole[:9], final=False), frame(CONTINUATION, whole[9:])),
                           (frame(TEXT, whole[:8], final=False), frame(PING), frame(CONTINUATION, whole[8:])),
                           (frame(TEXT, b'{"id": "' + bad, final=False), frame(CONTINUATION)), (close(1000, bad),)):
                with self.subTest(frames):
                    self.ends_with(NOT_TEXT, *frames, subprotocol="bimip.v1.json")

    def test_a_message_has_the_subprotocols_kind_or_is_closed_with_1003(self):
        self.ends_with(UNSUPPORTED, frame(TEXT, b"{}"), close(UNSUPPORTED))
        self.ends_with(UNSUPPORTED, frame(BINARY, b"x"), close(UNSUPPORTED), subprotocol="bimip.v1.json")

    def test_a_message_is_too_large_by_its_length_and_by_its_fragments(self):
        for subprotocol, opcode in (("bimip.v1", BINARY), ("bimip.v1.json", TEXT)):
            begun = time.monotonic()
            self.ends_with(TOO_LARGE, bytes([0x80 | opcode]) + b"\xff" + struct.pack(">Q", 1 << 40) + MASK, subprotocol=subprotocol)
            part = b" " * 60_000
            self.ends_with(TOO_LARGE, frame(opcode, part, final=False), *[frame(CONTINUATION, part, final=False)] * 60,
                           subprotocol=subprotocol)
            self.assertLess(time.monotonic() - begun, ANSWER_WITHIN)

    def test_a_close_is_answered_with_its_code_and_nothing_after_it_is_done(self):
        publish = frame(BINARY, stanza(3, publish={"topic": "events", "value": b"too late"}).SerializeToString())
        for said, answered in ((close(), 1000), (close(1000, b"bye"), 1000), (close(1001), 1001), (close(3000), 3000),
                               (close(4999, b"r" * 123), 4999)):
            wire = self.identified()
            wire.send(said, publish, frame(PING), said)
            self.assertEqual(wire.end(), ([], answered))
        session = self.session()
        self.assertEqual(session.ask(2, describe_topic={"topic": "events"}).topic_description.partitions[0].log_end_offset, 0)

    def test_close_codes_that_are_never_sent_are_neither_taken_nor_sent(self):
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535):
            with self.subTest(code):
                self.ends_with(PROTOCOL_ERROR, close(code))
        self.ends_with(PROTOCOL_ERROR, frame(CLOSE, b"\x03"))  # half a code

    def test_the_servers_close_waits_for_an_answer_but_not_for_ever(self):
        wire = self.identified()
        wire.send(frame(TEXT, b"{}"))
        opcode, payload = wire.next()
        self.assertEqual((opcode, payload[:2]), (CLOSE, struct.pack(">H", UNSUPPORTED)))
        wire.send(frame(BINARY, PING_STANZA), frame(PING))  # heard, and not answered: the Close was the last word
        begun = time.monotonic()
        self.assertIsNone(wire.next())
        self.assertGreater(time.monotonic() - begun, 3)
        self.assertLess(time.monotonic() - begun, 15)
        answering = self.identified()
        answering.send(frame(TEXT, b"{}"))
        answering.next()
        begun = time.monotonic()
        answering.send(close(UNSUPPORTED))
        self.assertIsNone(answering.next())
        self.assertLess(time.monotonic() - begun, 3)

    def test_a_connection_that_breaks_is_no_close(self):
        wire = self.identified()
        wire.send(frame(BINARY, PING_STANZA, final=False))
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(wire.end(), ([], None))


if __name__ == "__main__":
    support.main()
