"""A server that stops with thousands of sessions: they are told, leave at a bounded rate, and come back to lose nothing."""

import os
import signal
import time

import case
import wire
from crowd import Crowd
from wire import Code

SESSIONS = int(os.environ.get("BIMIP_SESSIONS", 3_000))
RATE = 2_000  # limits.drain_rate in these tests
RECORDS = 20


class Drain(case.SystemTest):
    def node(self, *flags):
        server = self.server("--limits-drain-rate", RATE, "--limits-drain-within", "20s", "--limits-connections",
                             SESSIONS + 100, *flags)
        server.must("topic", "create", "events")
        return server

    def crowd(self, server, count=SESSIONS):
        crowd = Crowd(server, "events", count, self.seed)
        self.addCleanup(crowd.close)
        crowd.run(crowd.all_up, what="everybody connects")
        return crowd

    def publish(self, server, count):
        server.must("pub", "events", "-", input="".join(f"record {n}\n" for n in range(count)))

    def test_all_sessions_are_told_leave_at_a_bounded_rate_and_come_back_without_loss(self):
        server = self.node()
        crowd = self.crowd(server)
        self.publish(server, RECORDS)
        crowd.run(lambda: crowd.all_read(RECORDS), what="everybody has read")
        crowd.comes_back = False
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        crowd.run(lambda: crowd.connected() == 0, within=30, what="everybody is let go")
        self.assertEqual(server.process.wait(10), 0)
        server._forget()
        took = time.monotonic() - began
        self.assertEqual(crowd.goodbyes, {Code.CODE_UNAVAILABLE: SESSIONS})
        self.assertGreater(took, 0.9 * SESSIONS / RATE, "faster than the rate")
        times = sorted(member.draining.leave_within_ms for member in crowd.members)
        some = RATE // 2
        for at in range(SESSIONS - some):  # as it was told: half as many as leave in a second leave in half of one
            self.assertGreater(times[at + some] - times[at], 0.9 * 500)
        server.start()
        opened = [line for line in server.log().splitlines() if "closed cleanly" in line][-1]
        self.assertRegex(opened, r" (\d+) partitions \(\1 closed cleanly\)")
        crowd.comes_back = True
        back = time.monotonic()
        crowd.run(crowd.all_up, what="everybody is back")
        back = time.monotonic() - back
        self.publish(server, RECORDS)
        crowd.run(lambda: crowd.all_read(2 * RECORDS), what="everybody has read the rest")
        self.assertEqual({member.connects for member in crowd.members}, {2})
        print(f"{SESSIONS} sessions let go in {took:.2f} s, all back in {back:.2f} s")

    def test_all_sessions_come_back_without_loss_after_a_kill(self):
        server = self.node()
        crowd = self.crowd(server, SESSIONS // 3)
        self.publish(server, RECORDS)
        crowd.run(lambda: any(member.next for member in crowd.members), what="somebody has read")
        server.kill()
        server.start()
        self.publish(server, RECORDS)
        crowd.run(lambda: crowd.all_read(2 * RECORDS), what="everybody has read all")

    def test_a_session_works_on_until_its_time_has_come(self):
        server = self.server("--limits-drain-rate", 1, "--limits-drain-within", "10s")
        server.must("topic", "create", "events")
        sessions = [wire.Session(server) for _ in range(4)]
        server.process.send_signal(signal.SIGTERM)
        told = [session.next().draining.leave_within_ms for session in sessions]
        last = sessions[told.index(max(told))]
        self.assertEqual(last.ask(9, publish={"topic": "events", "value": b"in time"}).published.offset, 0)
        for session in sessions:
            self.assertEqual(session.end().code, Code.CODE_UNAVAILABLE)
            session.close()
        self.assertEqual(server.process.wait(15), 0)
        server._forget()
        server.start()
        self.assertEqual(server.must("sub", "events", "--from", "earliest", "--until-end"), "in time\n")

    def test_a_peer_that_takes_nothing_does_not_hold_the_server_up(self):
        server = self.server("--limits-drain-within", "2s")
        server.must("topic", "create", "events")
        with wire.Session(server, receive_buffer=4096) as stuck, wire.Session(server) as publisher:
            stuck.send(wire.stanza(2, subscribe={"topic": "events", "earliest": True, "credit": 100_000}))
            for number in range(20):
                publisher.ask(number + 2, publish={"topic": "events", "value": b"x" * 1_000_000})
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 10)

    def test_nobody_is_let_in_while_the_server_stops(self):
        server = self.server("--limits-drain-rate", 1, "--limits-drain-within", "3s")
        sessions = [wire.Session(server) for _ in range(3)]
        server.process.send_signal(signal.SIGTERM)
        sessions[0].next()
        with self.assertRaises((ConnectionError, wire.Closed, AssertionError)):
            wire.Session(server)
        for session in sessions:
            session.close()
        self.assertEqual(server.process.wait(15), 0)
        server._forget()


if __name__ == "__main__":
    case.main()
