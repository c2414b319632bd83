"""The HTTP port, asked by curl, and by those who mean no good."""

import shutil
import signal
import socket
import subprocess
import time

import support


class Http(support.ClientTest):
    FLAGS = ("--limits-drain-within", "5s")

    def curl(self, path, *flags):
        """Status and body."""
        if not shutil.which("curl"):
            self.skipTest("no curl here")
        done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", *flags, f"http://{self.http}{path}"],
                              capture_output=True, text=True, timeout=30)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def connect(self):
        host, port = self.http.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=30)

    def test_it_tells_that_it_lives_is_ready_and_what_it_is(self):
        self.assertEqual(self.curl("/healthz"), (200, "alive\n"))
        self.assertEqual(self.curl("/readyz"), (200, "ready\n"))
        status, version = self.curl("/version")
        self.assertEqual(status, 200)
        self.assertRegex(version, r"^bimipd \d+\.\d+\.\d+\n$")
        self.assertEqual(self.curl("/healthz", "--head")[0], 200)

    def test_it_has_nothing_else(self):
        for path in ("/", "/admin", "/healthz/", "/../etc/passwd"):
            self.assertEqual(self.curl(path, "--path-as-is")[0], 404, path)
        self.assertEqual(self.curl("/healthz", "--request", "PUT")[0], 405)
        self.assertEqual(self.curl("/healthz", "--data", "x")[0], 400)
        self.assertEqual(self.curl("/healthz", "--header", "X: " + "x" * 10_000)[0] // 100, 4)

    def test_who_does_not_finish_a_request_is_sent_away(self):
        with self.connect() as slow, self.connect() as silent:
            slow.sendall(b"GET /healthz HTTP/1.1\r\n")
            began = time.monotonic()
            try:
                while time.monotonic() - began < 30:  # a byte of a header now and then
                    slow.sendall(b"X")
                    slow.settimeout(0.5)
                    try:
                        answer = slow.recv(4096)
                        break
                    except TimeoutError:
                        pass
            except OSError:
                answer = b""
            self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer)
            self.assertLess(time.monotonic() - began, 15)
            self.assertTrue(silent.recv(4096).startswith(b"HTTP/1.1 408 "))

    def test_it_is_not_ready_while_it_stops(self):
        # A session that does not take its leave keeps the server stopping for a while.
        with self.connect() as session:
            session.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                            b"Sec-WebSocket-Protocol: bimip.v1\r\n\r\n")
            self.assertTrue(session.recv(4096).startswith(b"HTTP/1.1 101 "))
            self.process.send_signal(signal.SIGTERM)
            support.wait_until(lambda: self.curl("/readyz") == (503, "stopping\n"), within=4)
            self.assertEqual(self.curl("/healthz")[0], 200)


if __name__ == "__main__":
    support.main()
