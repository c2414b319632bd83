"""HTTP/2 on the gRPC port: held against the RFC by h2spec, called by h2load and nghttp, and lied to by hand."""

import shutil
import subprocess

import http2
import support
from http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, WINDOW_UPDATE, Peer, call,
                   field, frame, message)

from bimip.v1 import topic_service_pb2

GRPC_HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")


class Http2(support.ClientTest):
    def publish_file(self):
        """A call's body, as a file."""
        request = topic_service_pb2.PublishRequest(publish={"topic": "events", "partition": 0, "value": b"x" * 100})
        file = self.folder / "publish"
        file.write_bytes(message(request.SerializeToString()))
        return file

    def run_tool(self, tool, *arguments):
        if not shutil.which(tool):
            self.skipTest(f"{tool} is not installed (tools/install.sh installs it)")
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def others_are_served(self):
        """A call of somebody else's is answered."""
        with Peer(self.grpc) as peer:
            peer.send(frame(HEADERS, END_HEADERS, 1, call("TopicService/ListTopics")), frame(DATA, END_STREAM, 1, message(b"")))
            answer = peer.read_until(b"grpc-status\x010")
            self.assertIn(b"events", answer)

    def test_h2spec_finds_only_what_is_known(self):
        h2spec = http2.H2spec(self.grpc, "/bimip.v1.TopicService/ListTopics")
        if not h2spec.program.exists():
            self.skipTest("h2spec is not built (tools/install.sh builds it)")
        said = h2spec.run(h2spec.SECTIONS, timeout_s=1)
        self.assertEqual(len(said), h2spec.CASES)
        known = h2spec.known()
        self.assertLessEqual(known, said.keys(), "known failures of cases that are none")
        unknown = {case: wrong for case, wrong in said.items() if wrong and case not in known}
        if unknown:  # a second is little on a busy machine: these once more, with time
            again = h2spec.run(sorted({section for section, _ in unknown}), timeout_s=5)
            unknown = {case: again[case] for case in unknown if again[case]}
        self.assertEqual(unknown, {})
        self.others_are_served()

    def test_h2load_publishes_and_all_of_it_is_stored(self):
        said = self.run_tool("h2load", "-n", "3000", "-c", "6", "-m", "20", "-d", self.publish_file(), *GRPC_HEADERS,
                             f"http://{self.grpc}/bimip.v1.TopicService/Publish")
        self.assertIn("3000 succeeded, 0 failed, 0 errored, 0 timeout", said)
        self.assertIn("status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx", said)
        # gRPC's own status is behind the answer, where h2load does not look: what was refused is not stored.
        session = self.session()
        topic = session.ask(2, describe_topic={"topic": "events"}).topic_description
        self.assertEqual(topic.partitions[0].log_end_offset, 3000)

    def test_nghttp_is_told_the_status_of_both(self):
        calls = lambda method: self.run_tool("nghttp", "-v", "-d", self.publish_file(), *GRPC_HEADERS,
                                             f"http://{self.grpc}/bimip.v1.TopicService/{method}")
        said = calls("Publish")
        self.assertIn(":status: 200", said)
        self.assertIn("grpc-status: 0", said)
        self.assertIn("grpc-status: 12", calls("NoSuchCall"))  # UNIMPLEMENTED

    def test_what_is_no_http2_is_closed(self):
        hello = http2.PREFACE + frame(SETTINGS)
        ends = {
            "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "another preface": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + frame(SETTINGS),
            "no SETTINGS first": http2.PREFACE + frame(PING, 0, 0, b"x" * 8),
            "a frame above the limit": hello + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
            "SETTINGS of five bytes": hello + frame(SETTINGS, 0, 0, b"12345"),
            "a PING of five bytes": hello + frame(PING, 0, 0, b"12345"),
            "CONTINUATION of nothing": hello + frame(CONTINUATION, END_HEADERS, 1),
            "DATA amid headers": hello + frame(HEADERS, 0, 1, call("TopicService/ListTopics")) + frame(DATA, 0, 1, b"x"),
            "headers that cannot be decoded": hello + frame(HEADERS, END_HEADERS, 1, b"\xff" * 6) + frame(PING, 0, 0, b"1"),
            "a window of nothing more": hello + frame(WINDOW_UPDATE, 0, 0, bytes(4)),
        }
        for what, said in ends.items():
            with self.subTest(what), Peer(self.grpc, said) as peer:
                self.assertTrue(peer.is_closed_by_the_server())
        self.others_are_served()

    def costs_little(self, act, at_most=64 << 20):
        """While `act` keeps its connection, the server serves others and has not grown."""
        before = self.resident_bytes()
        with Peer(self.grpc) as peer:
            try:
                act(peer)
            except ConnectionError:
                pass  # sent away, and rightly so
            self.others_are_served()
            self.assertLess(self.resident_bytes() - before, at_most)

    def test_floods_of_small_frames_cost_little(self):
        opened = frame(HEADERS, END_HEADERS, 1, call("SessionService/Session"))
        half = frame(HEADERS, 0, 1, call("SessionService/Session"))
        floods = {"settings": (b"", frame(SETTINGS, 0, 0, b"\x00\x04\x00\x00\xff\xff")), "pings": (b"", frame(PING, 0, 0, b"8 bytes!")),
                  "windows": (b"", frame(WINDOW_UPDATE, 0, 0, b"\x00\x00\x00\x01")), "empty data": (opened, frame(DATA, 0, 1)),
                  "empty continuations": (half, frame(CONTINUATION, 0, 1))}
        for what, (first, one) in floods.items():
            def act(peer, first=first, one=one):
                peer.send(first)
                peer.flood(one * 1000, at_most=20 << 20, within=2)
            with self.subTest(what):
                self.costs_little(act)

    def test_headers_that_unfold_to_much_cost_little(self):
        def bomb(peer):  # one header of 4 KB is kept, then named 16,000 times in one frame
            peer.send(frame(HEADERS, END_HEADERS, 1, call("TopicService/ListTopics", field("x-bomb", "y" * 4000, first=0x40))))
            named = call("TopicService/ListTopics", b"\xbe" * 16_000)
            for i in range(200):
                peer.send(frame(HEADERS, END_HEADERS, 3 + 2 * i, named))

        def long_text(peer):  # a header that is said to have 2 GB
            peer.send(frame(HEADERS, 0, 1, call("TopicService/ListTopics", field("x-long", "", claimed=(1 << 31) - 1))))
            peer.flood(frame(CONTINUATION, 0, 1, b"z" * 16_000), at_most=64 << 20, within=2)
        for act in (bomb, long_text):
            with self.subTest(act.__name__):
                self.costs_little(act)

    def test_sessions_that_say_nothing_cost_little(self):
        def act(peer):
            for i in range(3000):
                peer.send(frame(HEADERS, END_HEADERS, 1 + 2 * i, call("SessionService/Session")))
        self.costs_little(act, at_most=128 << 20)


if __name__ == "__main__":
    support.main()
