"""What no client of ours sends: the server answers in words, ends that session, and lives on."""

import socket
import struct
import time

import case
import programs
import wire
from wire import Code, Connection, PREFACE, Session, frame, stanza

MIB = 1 << 20
CHURN = 3_000  # connections opened and dropped
CHURN_AT_ONCE = 300
GROWTH_MOST = 64 * MIB
NEVER_READ = 80 * MIB  # published for a subscriber that never reads


class Frames(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.node = self.server("--limits-write-stall", "10m")
        self.node.must("topic", "create", "events")

    def tearDown(self):
        try:
            self.assertEqual(self.node.must("pub", "events", "still here"), "")
            self.assertTrue(self.node.is_running())
        finally:
            super().tearDown()

    def goodbye_for(self, data, session=False):
        with (Session if session else Connection)(self.node) as peer:
            peer.send_bytes(data)
            return peer.end()

    def test_a_frame_of_4_gib_is_refused_from_its_length(self):
        for session in (False, True):
            goodbye = self.goodbye_for((b"" if session else PREFACE) + b"\xff\xff\xff\xff" + b"x" * 1000, session)
            self.assertEqual((goodbye.code, goodbye.retry), (Code.CODE_TOO_LARGE, False))

    def test_a_frame_of_no_bytes_is_refused(self):
        self.assertEqual(self.goodbye_for(PREFACE + frame(b"")).code, Code.CODE_MALFORMED)
        self.assertEqual(self.goodbye_for(frame(b""), session=True).code, Code.CODE_MALFORMED)

    def test_a_frame_of_garbage_is_refused(self):
        for _ in range(200):
            garbage = self.random.randbytes(self.random.randrange(1, 300))
            garbage = bytes([garbage[0] | 6]) + garbage[1:]  # a field of a wire type that does not exist
            goodbye = self.goodbye_for(frame(garbage), session=True)
            self.assertEqual(goodbye.code, Code.CODE_MALFORMED, garbage.hex())

    def test_what_a_stranger_sends_writes_no_line_of_the_servers_log(self):
        before = self.node.log()
        publish = stanza(2, publish={"topic": "XX"}).SerializeToString()
        for _ in range(10):
            goodbye = self.goodbye_for(frame(publish.replace(b"XX", b"\xff\xfe")), session=True)
            self.assertEqual(goodbye.code, Code.CODE_MALFORMED)
        self.assertEqual(self.node.log(), before)

    def test_a_peer_in_the_middle_of_sending_hears_why_it_is_sent_away(self):
        for _ in range(20):
            with Session(self.node) as peer:
                peer.send_bytes(struct.pack(">I", 64 << 20) + bytes(8 << 20))
                self.assertEqual(peer.end().code, Code.CODE_TOO_LARGE)

    def test_a_frame_that_is_cut_off_ends_its_connection_only(self):
        whole = PREFACE + frame(stanza(1, identity={"protocol_version": 1, "eid": "a"}).SerializeToString())
        for cut in range(len(whole)):
            with Connection(self.node) as peer:
                peer.send_bytes(whole[:cut])
                peer.socket.shutdown(socket.SHUT_WR)
                self.assertEqual(peer.rest(), b"", f"cut at {cut}")

    def test_another_protocol_is_told_in_words_what_this_port_speaks(self):
        for hello in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"BIMIQ"):
            with Connection(self.node) as peer:
                peer.send_bytes(hello)
                said = peer.rest()
                self.assertIn(b"This port speaks Bimip", said)
                self.assertTrue(said.startswith(b"HTTP/1.1 400 "))

    def test_another_version_is_refused_as_such(self):
        goodbye = self.goodbye_for(b"BIMIP\0\0\2")
        self.assertEqual((goodbye.code, goodbye.retry), (Code.CODE_UNSUPPORTED_VERSION, False))

    def test_a_body_of_a_later_version_is_answered_and_the_session_lives(self):
        with Session(self.node) as session:
            unknown_field = b"\xc2\xbb\x01\x03abc"  # field 3000, three bytes
            session.send_bytes(frame(b"\x08\x07" + unknown_field))
            answer = session.next()
            self.assertEqual((answer.id, answer.error.code), (7, Code.CODE_UNIMPLEMENTED))
            self.assertEqual(session.ask(8, publish={"topic": "events", "value": b"x"}).published.offset, 0)

    def test_a_stanza_that_only_a_server_sends_is_refused_and_the_session_lives(self):
        with Session(self.node) as session:
            for body in ("welcome", "error", "goodbye", "published", "subscribed", "unsubscribed", "delivery", "gap",
                         "topic_description", "topic_list"):
                answer = session.ask(9, **{body: {}})
                self.assertEqual(answer.error.code, Code.CODE_INVALID_ARGUMENT, body)
            self.assertEqual(session.ask(10, ping={"sent_at_us": 5}).pong.sent_at_us, 5)

    def test_a_session_begins_with_its_identity(self):
        for first in (stanza(1, list_topics={}), stanza(1, publish={"topic": "events"}), stanza(1)):
            goodbye = self.goodbye_for(PREFACE + frame(first.SerializeToString()))
            self.assertEqual(goodbye.code, Code.CODE_UNAUTHENTICATED)
        for wrong in ({"protocol_version": 1}, {"eid": "a"}, {"protocol_version": 1, "eid": "a" * 257},
                      {"protocol_version": 1, "eid": "a", "producer_id": b"short"}):
            goodbye = self.goodbye_for(PREFACE + frame(stanza(1, identity=wrong).SerializeToString()))
            self.assertEqual(goodbye.code, Code.CODE_INVALID_ARGUMENT, wrong)

    def test_who_does_not_say_who_he_is_in_time_is_closed(self):
        began = time.monotonic()
        silent, slow = Connection(self.node), Connection(self.node)
        hello = PREFACE + frame(stanza(1, identity={"protocol_version": 1, "eid": "a" * 200}).SerializeToString())
        with silent, slow:
            slow.socket.setblocking(False)
            for at in range(len(hello)):  # a byte every now and then: a slow loris
                try:
                    slow.socket.send(hello[at:at + 1])
                except (BlockingIOError, ConnectionError):
                    break
                if slow.socket in programs.select.select([slow.socket], [], [], 0.1)[0]:
                    break
            slow.socket.setblocking(True)
            self.assertEqual(slow.end().code, Code.CODE_TIMEOUT)
            self.assertEqual(silent.end().code, Code.CODE_TIMEOUT)
        self.assertLess(time.monotonic() - began, 15)

    def test_thousands_of_connections_opened_and_dropped_leave_nothing_behind(self):
        files, memory = self.node.open_files(), 0
        for round in range(CHURN // CHURN_AT_ONCE):
            peers = [Connection(self.node) for _ in range(CHURN_AT_ONCE)]
            for number, peer in enumerate(peers):
                if number % 3 == 1:
                    peer.send_bytes(PREFACE[:self.random.randrange(9)])
                if number % 3 == 2:  # a reset instead of a farewell
                    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
            if round == 0:
                memory = self.node.resident_bytes()
        programs.wait_until(lambda: self.node.open_files() <= files, what="the last connection is closed")
        self.assertLess(self.node.resident_bytes() - memory, GROWTH_MOST)

    def test_half_frames_of_strangers_hold_little_memory(self):
        memory = self.node.resident_bytes()
        half = PREFACE + struct.pack(">I", MIB) + b"x" * (MIB - 1)
        peers = [Connection(self.node) for _ in range(200)]
        for peer in peers:
            peer.socket.setblocking(False)
            try:
                peer.socket.send(half)
            except ConnectionError:
                pass
        time.sleep(0.5)
        self.assertLess(self.node.resident_bytes() - memory, GROWTH_MOST)
        for peer in peers:
            peer.close()

    def test_a_subscriber_that_never_reads_holds_little_memory_and_loses_nothing(self):
        with Session(self.node, receive_buffer=4096) as lazy, Session(self.node) as publisher:
            lazy.send(stanza(2, subscribe={"topic": "events", "earliest": True, "credit": 1_000_000}))
            value, count = b"v" * MIB, NEVER_READ // MIB
            value = value[:-2048]
            memory = self.node.resident_bytes()
            for number in range(count):
                answer = publisher.ask(number + 2, publish={"topic": "events", "value": value})
                self.assertEqual(answer.published.offset, number)
            self.assertLess(self.node.resident_bytes() - memory, GROWTH_MOST + 64 * MIB)  # the log's own caches too
            offsets = []
            while len(offsets) < count:  # nothing was dropped: it reads on where it stopped
                offsets += [record.offset for record in lazy.next().delivery.records]
            self.assertEqual(offsets, list(range(count)))

    def test_a_peer_that_asks_and_never_reads_the_answers_is_not_read_any_more(self):
        with Session(self.node, receive_buffer=4096) as greedy:
            memory = self.node.resident_bytes()
            pings = frame(stanza(3, ping={"sent_at_us": 1}).SerializeToString()) * 10_000
            greedy.socket.settimeout(1)
            with self.assertRaises(TimeoutError):  # its bytes stay in the sockets
                for _ in range(1000):
                    greedy.send_bytes(pings)
            self.assertLess(self.node.resident_bytes() - memory, GROWTH_MOST)


if __name__ == "__main__":
    case.main()
