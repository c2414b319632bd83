"""More than the server can take: it slows publishers down, refuses with a code to try again, and holds a bounded memory."""

import collections
import json
import os
import signal
import socket
import threading
import time

import case
import programs
import wire
from wire import Code

MIB = 1 << 20


class Overload(case.SystemTest):
    def topic(self, server):
        server.must("topic", "create", "events")
        return server

    def test_more_publishes_than_the_log_can_take_are_slowed_down_or_refused_for_now_and_all_are_stored(self):
        server = self.topic(self.server())
        memory = server.resident_bytes()
        publishers, messages = 12, 60
        outcomes = collections.Counter()
        peak = 0

        def publish(producer):
            value = b"%02d " % producer + b"v" * (MIB - 4096)
            with wire.Session(server, producer_id=bytes([producer + 1]) * 16) as session:
                waiting = list(range(1, messages + 1))
                while waiting:
                    session.send(*(wire.stanza(n, publish={"topic": "events", "value": value, "producer_number": n})
                                   for n in waiting))
                    refused = []
                    for _ in waiting:
                        answer = session.next()
                        outcomes[answer.error.code if answer.HasField("error") else "stored"] += 1
                        if answer.HasField("error"):
                            self.assertTrue(answer.error.retry, answer)
                            refused.append(answer.id)
                    waiting = sorted(refused)
                    time.sleep(0.02 * bool(refused))

        threads = [threading.Thread(target=publish, args=(producer,)) for producer in range(publishers)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, server.resident_bytes())
            time.sleep(0.02)
        self.assertEqual(outcomes["stored"], publishers * messages)
        self.assertEqual(set(outcomes) - {"stored"}, set(outcomes) & {Code.CODE_RESOURCE_EXHAUSTED})
        self.assertLess(peak - memory, publishers * 10 * MIB + 128 * MIB)
        [stored] = {int(line.split()[2]) for line in server.must("topic", "describe", "events").splitlines()
                    if line.split()[:1] == ["0"]}
        self.assertEqual(stored, publishers * messages)

    def test_a_subscriber_falls_behind_and_catches_up_on_one_connection_without_loss(self):
        server = self.topic(self.server())
        value = b"v" * 10_000
        with wire.Session(server, receive_buffer=4096) as reader, wire.Session(server) as publisher:
            reader.ask(2, subscribe={"topic": "events", "earliest": True, "credit": 1_000_000})
            published, read = 0, 0
            for round in range(3):
                for _ in range(50):  # live: each is read as it comes
                    publisher.ask(published + 2, publish={"topic": "events", "value": value})
                    published += 1
                    while read < published:
                        read = self.read_on(reader, read)
                burst = 6000  # far more than what sockets and tail cache hold: it lags
                publisher.send(*(wire.stanza(published + n + 2, publish={"topic": "events", "value": value})
                                 for n in range(burst)))
                for n in range(burst):
                    self.assertEqual(publisher.next().published.offset, published + n)
                published += burst
                while read < published:  # catches up, and is live again in the next round
                    read = self.read_on(reader, read)

    def read_on(self, reader, read):
        stanza = reader.next()
        self.assertEqual(stanza.WhichOneof("body"), "delivery")
        for record in stanza.delivery.records:
            self.assertEqual(record.offset, read)
            read += 1
        return read

    def test_a_socket_that_takes_nothing_is_closed_and_a_slow_one_is_not(self):
        server = self.topic(self.server("--limits-write-stall", "1s"))
        with wire.Session(server, receive_buffer=4096) as stuck, wire.Session(server, receive_buffer=4096) as slow, \
                wire.Session(server) as publisher:
            for session in (stuck, slow):
                session.send(wire.stanza(2, subscribe={"topic": "events", "earliest": True, "credit": 100_000}))
            count = 30
            for number in range(count):
                publisher.ask(number + 2, publish={"topic": "events", "value": b"v" * 1_000_000})
            until = time.monotonic() + 4
            while time.monotonic() < until:  # a little at a time, for several times the limit
                slow.read += slow.socket.recv(200_000)
                time.sleep(0.1)
            read = 0
            while read < count:
                read += len(slow.next().delivery.records)
            self.assertEqual(slow.ask(900, ping={}).id, 900)
            stuck.rest()  # what was on its way, and the end

    def test_a_half_open_connection_is_found_by_its_silence(self):
        server = self.server("--limits-heartbeat", "500ms")
        with wire.Session(server) as silent, wire.Session(server) as alive:
            until = time.monotonic() + 3
            while time.monotonic() < until:
                stanza = alive.next()
                alive.send(wire.stanza(stanza.id, pong={"sent_at_us": stanza.ping.sent_at_us}))
            self.assertEqual(silent.end().code, Code.CODE_TIMEOUT)
            self.assertEqual(alive.ask(5, ping={}).id, 5)

    def test_a_peer_that_is_slow_and_answers_stays(self):
        server = self.server("--limits-heartbeat", "1s", "--limits-heartbeat-least", "200ms")
        with wire.Session(server) as slow:
            pings = 0
            until = time.monotonic() + 6
            while time.monotonic() < until:
                ping = slow.next()
                self.assertTrue(ping.HasField("ping"), ping)
                pings += 1
                time.sleep(0.7)
                slow.send(wire.stanza(ping.id, pong={"sent_at_us": ping.ping.sent_at_us}))
            self.assertGreater(pings, 4, "it is asked more often")
            self.assertEqual(slow.ask(5, ping={}).id, 5)

    def test_a_server_that_was_paused_asks_quiet_peers_and_ends_nobody_for_its_own_silence(self):
        server = self.server("--limits-heartbeat", "1s")
        with wire.Session(server) as quiet, wire.Session(server) as dead:
            os.kill(server.process.pid, signal.SIGSTOP)
            time.sleep(4)
            os.kill(server.process.pid, signal.SIGCONT)
            until = time.monotonic() + 3
            while time.monotonic() < until:
                stanza = quiet.next()
                self.assertTrue(stanza.HasField("ping"), stanza)
                quiet.send(wire.stanza(stanza.id, pong={"sent_at_us": stanza.ping.sent_at_us}))
            self.assertEqual(quiet.ask(5, ping={}).id, 5)
            self.assertEqual(dead.end().code, Code.CODE_TIMEOUT)

    def test_a_busy_session_is_measured_and_believed_only_where_it_answers(self):
        server = self.server("--limits-heartbeat", "1s")
        with wire.Session(server, eid="alice") as busy:
            until = time.monotonic() + 2
            ping = None
            while time.monotonic() < until and ping is None:
                busy.send(wire.stanza(7, ping={}))
                stanza = busy.next()
                ping = stanza.ping if stanza.HasField("ping") else None
                time.sleep(0.05)
            self.assertIsNotNone(ping, "nobody asked")

            def measured():
                lines = server.must("session", "list", "--json").splitlines()
                one = next(one for one in map(json.loads, lines) if one["eid"] == "alice")
                return one["round_trip_us"], one["clock_offset_us"]

            for other in (-1, 0, ping.sent_at_us + 1):
                busy.send(wire.stanza(0, pong={"sent_at_us": other, "received_at_us": 2**63 - 1}))
            self.assertEqual(measured(), (0, 0))
            ahead_us = 3_600_000_000
            busy.send(wire.stanza(0, pong={"sent_at_us": ping.sent_at_us,
                                           "received_at_us": int(time.time() * 1e6) + ahead_us}))
            programs.wait_until(lambda: measured()[0] > 0, what="a round trip")
            self.assertAlmostEqual(measured()[1], ahead_us, delta=5_000_000)

    def test_a_device_takes_its_own_place_however_many_sessions_its_entity_has(self):
        server = self.server("--limits-sessions-per-entity", 1)
        sessions = [wire.Session(server, eid="alice", device="phone")]
        for _ in range(3):
            sessions.append(wire.Session(server, eid="alice", device="phone"))
            self.assertEqual(sessions[-2].end().code, Code.CODE_TAKEN_OVER)
        with wire.Connection(server) as other:
            other.send_bytes(wire.PREFACE)
            other.send(wire.stanza(1, identity={"protocol_version": 1, "eid": "alice", "device": "desk"}))
            self.assertEqual(other.end().code, Code.CODE_RESOURCE_EXHAUSTED)
        self.assertEqual(sessions[-1].ask(5, ping={}).id, 5)
        for session in sessions:
            session.close()

    def test_connections_above_the_most_are_told_to_come_back(self):
        server = self.server("--limits-connections", 5)
        sessions = [wire.Session(server) for _ in range(5)]
        with wire.Connection(server) as sixth:
            goodbye = sixth.end()
        self.assertEqual((goodbye.code, goodbye.retry), (Code.CODE_RESOURCE_EXHAUSTED, True))
        sessions.pop().close()
        programs.wait_until(lambda: server.bimip("topic", "list").returncode == 0, what="there is room again")

    def test_an_address_has_a_most_of_connections(self):
        server = self.server("--limits-connections-per-address", 3)
        sessions = [wire.Session(server) for _ in range(3)]
        with wire.Connection(server) as fourth:
            self.assertEqual(fourth.end().code, Code.CODE_RESOURCE_EXHAUSTED)
        with socket.socket() as elsewhere:  # another address of this machine
            elsewhere.bind(("127.0.0.77", 0))
            elsewhere.connect((server.host, server.port))
            elsewhere.sendall(wire.PREFACE + wire.frame(wire.stanza(1, ping={}).SerializeToString()))
            self.assertGreater(len(elsewhere.recv(100)), 4)
        sessions[0].close()
        programs.wait_until(lambda: server.bimip("topic", "list").returncode == 0, what="there is room again")

    def test_an_address_that_connects_too_often_is_told_to_wait(self):
        server = self.server("--limits-connection-rate-per-address", 20)
        codes = collections.Counter()
        for _ in range(60):
            with wire.Connection(server) as peer:
                try:
                    peer.send_bytes(wire.PREFACE + wire.frame(wire.stanza(1, ping={}).SerializeToString()))
                except ConnectionError:
                    pass  # it was faster with its refusal
                try:
                    peer.next()
                    codes["answered"] += 1
                except wire.Closed as closed:
                    codes[closed.goodbye.code] += 1
                    self.assertGreater(closed.goodbye.retry_after_ms, 0)
        self.assertGreaterEqual(codes["answered"], 20)
        self.assertGreater(codes[Code.CODE_RESOURCE_EXHAUSTED], 0)

    def test_an_entity_has_a_most_of_sessions(self):
        server = self.server("--limits-sessions-per-entity", 3)
        sessions = [wire.Session(server, eid="alice") for _ in range(3)]
        with wire.Connection(server) as fourth:
            fourth.send_bytes(wire.PREFACE)
            fourth.send(wire.stanza(1, identity={"protocol_version": 1, "eid": "alice"}))
            self.assertEqual(fourth.end().code, Code.CODE_RESOURCE_EXHAUSTED)
        wire.Session(server, eid="bob").close()
        sessions.pop().close()

        def is_let_in():
            try:
                wire.Session(server, eid="alice").close()
                return True
            except AssertionError:
                return False
            except wire.Closed:
                return False

        programs.wait_until(is_let_in, what="alice has room again")

    def test_a_session_that_publishes_too_fast_is_slowed_down(self):
        server = self.topic(self.server("--limits-publish-rate", 200))
        with wire.Session(server) as session:
            began = time.monotonic()
            count = 700
            session.send(*(wire.stanza(n + 2, publish={"topic": "events", "value": b"x"}) for n in range(count)))
            for n in range(count):  # what was read at once is taken at once ...
                self.assertEqual(session.next().published.offset, n)
            session.ask(count + 2, ping={})  # ... and waited off before more is read
            took = time.monotonic() - began
        self.assertGreater(took, 0.9 * (count - 200) / 200)
        self.assertLess(took, 30)


if __name__ == "__main__":
    case.main()
