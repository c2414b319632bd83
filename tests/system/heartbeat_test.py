"""What the tool does about a server that is there, and one that is not any more."""

import os
import signal
import socket
import time

import case
import programs
import wire

HEARTBEAT = 0.5


class Pretender(wire.Connection):
    """A server that says Welcome, and then only what it is told to say. Owns what it accepted."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1)
        self.read = bytearray()
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def welcome(self):
        self.listener.settimeout(wire.ANSWER_WITHIN)
        self.socket, _ = self.listener.accept()
        self.socket.settimeout(wire.ANSWER_WITHIN)
        preface = self.socket.recv(len(wire.PREFACE), socket.MSG_WAITALL)
        assert preface == wire.PREFACE, preface
        identity = self.next()
        self.send(wire.stanza(identity.id, welcome={"session_id": "1", "heartbeat_ms": int(HEARTBEAT * 1000)}))

    def close(self):
        self.socket.close()
        self.listener.close()


class Heartbeat(case.SystemTest):
    def test_the_tool_asks_a_silent_server_and_says_what_its_own_clock_shows(self):
        server = Pretender()
        tool = self.background(programs.start_bimip("awareness", "watch", server=server.address, text=True))
        server.welcome()
        watch = server.next()
        server.send(wire.stanza(watch.id, awareness_watched={}))
        server.send(wire.stanza(0, ping={"sent_at_us": 7}))
        pong = server.next().pong
        self.assertEqual(pong.sent_at_us, 7)
        self.assertAlmostEqual(pong.received_at_us / 1e6, time.time(), delta=10)
        for _ in range(4):  # for as long as it is answered, it stays
            ping = server.next()
            self.assertTrue(ping.HasField("ping"), ping)
            self.assertGreater(ping.ping.sent_at_us, 0)
            server.send(wire.stanza(ping.id, pong={"sent_at_us": ping.ping.sent_at_us}))
        answered = time.monotonic()
        _, complaint = tool.communicate(timeout=20)
        self.assertEqual(tool.returncode, 2, complaint)
        self.assertIn("the server does not answer", complaint)
        took = time.monotonic() - answered
        self.assertGreater(took, 2 * HEARTBEAT - 0.1)
        self.assertLess(took, 2 * HEARTBEAT + 3)
        server.close()

    def test_the_tool_gives_up_on_a_server_that_stands_still_and_lives_through_a_pause_of_its_own(self):
        node = self.server("--limits-heartbeat", "1s")
        for command in (("inbox",), ("awareness", "set", "busy")):
            tool = self.background(node.start_bimip("--as", "bob", "--device", "phone", *command, text=True))
            programs.wait_until(lambda: "bob" in node.must("session", "list"), what="its session")
            os.kill(tool.pid, signal.SIGSTOP)
            time.sleep(1.5)  # less than the server waits
            os.kill(tool.pid, signal.SIGCONT)
            time.sleep(1.5)
            self.assertIsNone(tool.poll(), "it was itself the one that did not read")
            os.kill(node.process.pid, signal.SIGSTOP)
            stopped = time.monotonic()
            _, complaint = tool.communicate(timeout=20)
            os.kill(node.process.pid, signal.SIGCONT)
            self.assertEqual(tool.returncode, 2, complaint)
            self.assertIn("the server does not answer", complaint)
            self.assertLess(time.monotonic() - stopped, 2 + 3)


if __name__ == "__main__":
    case.main()
