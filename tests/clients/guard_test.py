"""The gRPC port met by strangers: what they send costs a bounded memory, and others are served meanwhile."""

import time
import urllib.request

import http2
import support
from http2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, Peer, call, field, frame, message
from support import stanza

from bimip.v1 import session_service_pb2

REFUSED_STREAM, ENHANCE_YOUR_CALM = b"\x00\x00\x00\x07", b"\x00\x00\x00\x0b"
ASKED = call("TopicService/ListTopics")
MB = 1 << 20


class GuardTest(support.ClientTest):
    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=support.WITHIN) as page:
            lines = page.read().decode().splitlines()
        return int(next(line for line in lines if line.startswith(name + " ")).rsplit(" ", 1)[1])

    def ended(self, reason):
        return self.metric(f'bimip_grpc_connections_ended_total{{reason="{reason}"}}')

    def others_are_served(self):
        with Peer(self.grpc) as peer:
            peer.send(frame(HEADERS, END_HEADERS, 1, ASKED), frame(DATA, END_STREAM, 1, message(b"")))
            self.assertIn(b"events", peer.read_until(b"grpc-status\x010"))

    def many_cost(self, at_most, act, peers=8, hello=None):
        """So many strangers at once: act(peer, i), one after the other; they stay until all have been."""
        self.others_are_served()
        before = self.resident_bytes()
        strangers = [Peer(self.grpc, *([hello] if hello else [])) for _ in range(peers)]
        for stranger in strangers:
            self.addCleanup(stranger.socket.close)
        for stranger in strangers:
            try:
                act(stranger)
            except ConnectionError:
                pass  # sent away, and rightly so
        self.others_are_served()
        self.assertLess(self.resident_bytes() - before, at_most)
        return strangers

    def is_sent_away(self, peer, reason, code=ENHANCE_YOUR_CALM):
        got = peer.read_until(reason.encode())
        head = got.rindex(reason.encode()) - 8
        self.assertEqual(got[head + 4:head + 8], code)
        self.assertTrue(peer.is_closed_by_the_server())


class Guard(GuardTest):
    def test_streams_opened_and_reset_at_once_are_read_slower(self):
        """Before: 20 KB each, 2 GB for 100,000."""
        flood = b"".join(frame(HEADERS, END_HEADERS, 1 + 2 * i, ASKED) + frame(RST_STREAM, 0, 1 + 2 * i, b"\x00\x00\x00\x08")
                         for i in range(50_000))
        self.many_cost(64 * MB, lambda peer: peer.flood(flood, at_most=len(flood), within=1))
        self.assertGreater(self.metric('bimip_limit_hits_total{limit="grpc_paced_frames"}'), 8)

    def test_many_who_reset_wait_for_each_other(self):
        """Before: 3 GB by fifty of them in ten seconds."""
        flood = b"".join(frame(HEADERS, END_HEADERS, 1 + 2 * i, ASKED) + frame(RST_STREAM, 0, 1 + 2 * i, b"\x00\x00\x00\x08")
                         for i in range(10_000))

        def act(peer):
            peer.socket.setblocking(False)
            peer.socket.send(flood)
        self.others_are_served()
        before = self.resident_bytes()
        self.many_cost(160 * MB, act, peers=50)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self.others_are_served()
            self.assertLess(self.resident_bytes() - before, 160 * MB)
            time.sleep(0.1)

    def test_a_few_resets_do_no_harm(self):
        with Peer(self.grpc) as peer:
            for i in range(300):
                peer.send(frame(HEADERS, END_HEADERS, 1 + 2 * i, ASKED), frame(RST_STREAM, 0, 1 + 2 * i, b"\x00\x00\x00\x08"))
            peer.send(frame(HEADERS, END_HEADERS, 601, ASKED), frame(DATA, END_STREAM, 601, message(b"")))
            self.assertIn(b"events", peer.read_until(b"grpc-status\x010"))

    def test_answers_that_are_never_read_are_bounded(self):
        """Before: 17 KB each, without end for who acknowledges no SETTINGS. The window of these is 0."""
        calls = b"".join(frame(HEADERS, END_HEADERS, 1 + 2 * i, ASKED) + frame(DATA, END_STREAM, 1 + 2 * i, message(b""))
                         for i in range(5000))
        strangers = self.many_cost(128 * MB, lambda peer: peer.send(calls),
                                   hello=http2.PREFACE + frame(SETTINGS, 0, 0, b"\x00\x04\x00\x00\x00\x00"))
        for stranger in strangers:
            self.is_sent_away(stranger, "streams", REFUSED_STREAM)
        self.assertEqual(self.ended("streams"), len(strangers))
        support.wait_until(lambda: self.metric("bimip_grpc_streams") == 0, what="their calls to be gone")

    def test_a_header_block_without_end_is_cut(self):
        """Before: as much memory as was sent, 4 GB by eight connections."""
        part = frame(CONTINUATION, 0, 1, field("x-more", "y" * 4000) * 4)

        def act(peer):
            peer.send(frame(HEADERS, 0, 1, ASKED))
            self.assertLess(peer.flood(part, at_most=64 * MB), 64 * MB)
        strangers = self.many_cost(32 * MB, act)
        self.assertEqual(self.ended("header_block"), len(strangers))
        with Peer(self.grpc) as peer:
            peer.send(frame(HEADERS, 0, 1, ASKED), part * 5)
            self.is_sent_away(peer, "header_block")

    def test_who_does_not_say_hello_is_closed(self):
        half = (b"", http2.PREFACE[:10], http2.PREFACE, http2.PREFACE + frame(SETTINGS)[:5])
        peers = [Peer(self.grpc, said) for said in half]
        began = time.monotonic()
        for peer in peers:
            with peer:
                self.assertTrue(peer.is_closed_by_the_server())
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(self.ended("hello"), len(half))

    def test_who_speaks_http_is_told_in_words(self):
        with Peer(self.grpc, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") as peer:
            self.assertIn(b"This port speaks gRPC", peer.read_until(b"HTTP/2.\n"))
        self.assertEqual(self.ended("not_http2"), 1)

    def test_a_client_that_never_reads_stalls_and_is_closed(self):
        """Answers fill the sockets on the way; nothing more is read then, and pings wait, too."""
        def act(peer):
            peer.send(frame(HEADERS, END_HEADERS, 1, call("SessionService/Session")))
            peer.flood(frame(PING, 0, 0, b"8 bytes!") * 1000, at_most=20 * MB, within=1)
        self.many_cost(32 * MB, act)

    def test_sessions_show_where_they_come_from(self):
        """By the connection's own address, also when the server uses a descriptor again."""
        for i in range(5):
            with Peer(self.grpc) as peer:
                identity = session_service_pb2.SessionRequest(stanzas=[stanza(1, identity={"protocol_version": 1, "eid": f"e{i}"})])
                peer.send(frame(HEADERS, END_HEADERS, 1, call("SessionService/Session")),
                          frame(DATA, 0, 1, message(identity.SerializeToString())))
                host, port = peer.socket.getsockname()
                shown = lambda: [line.split() for line in self.must("session", "list").splitlines() if " grpc " in line]
                support.wait_until(shown, what="the session")
                self.assertEqual([(line[1], line[2], line[3]) for line in shown()], [(f"e{i}", "grpc", f"{host}:{port}")])
            support.wait_until(lambda: not shown(), what="its end")


class GuardAddresses(GuardTest):
    FLAGS = ("--limits-connections-per-address", "2")

    def test_connections_count_for_their_address(self):
        hello = http2.PREFACE + frame(SETTINGS)
        with Peer(self.grpc, hello) as first, Peer(self.grpc, hello):
            with Peer(self.grpc, hello) as third:
                self.is_sent_away(third, "limits.connections_per_address is reached")
            first.socket.close()
            support.wait_until(self.is_let_in, what="room")

    def is_let_in(self):
        with Peer(self.grpc) as peer:
            try:
                peer.send(frame(HEADERS, END_HEADERS, 1, ASKED), frame(DATA, END_STREAM, 1, message(b"")))
                return b"events" in peer.read_until(b"grpc-status\x010")
            except (AssertionError, ConnectionError):
                return False


if __name__ == "__main__":
    support.main()
