"""A server with all its ports for each test, and what the tests say to it."""

import os
import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import types
import unittest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "system"))
from wire import Code, Session, stanza, stanza_pb2  # noqa: E402, F401

try:
    import websockets  # noqa: F401
except ImportError:
    websockets = None

BIN = pathlib.Path(os.environ["PROGRAMS_UNDER_TEST"])
SKIPPED = 77
WITHIN = 30


def wait_until(is_so, within=WITHIN, what="it"):
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(0.01)


class RawPeer:
    """A connection by hand, which begins with what is to be said first. Closed by `with`."""

    def __init__(self, address, first):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=WITHIN)
        self.socket.sendall(first)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))


def cache_folder():
    """Where tools/install.sh puts what is of no Debian package."""
    of_user = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("BIMIP_CACHE_DIR") or pathlib.Path(of_user) / "bimip")


def make_certificate(folder, name, *options, address="IP:127.0.0.1"):
    """A key and a certificate that is its own authority: NAME.key, NAME.pem."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={address}", *options], check=True, capture_output=True, timeout=60)


class ClientTest(unittest.TestCase):
    FLAGS = ()
    trust = ()  # flags of bimip
    dev = ("--dev",)

    def before_start(self):
        """Files that the server is to find."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bimip-clients-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = (self.folder / "log").open("w+b")
        self.addCleanup(self.log.close)
        self.flags = self.FLAGS
        self.before_start()
        any_port = "127.0.0.1:0"
        command = [BIN / "bimipd", "--data-dir", self.folder / "data", *self.dev, "--tcp", any_port, "--http", any_port,
                   "--grpc", any_port, *self.flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        bufsize=0)  # select() must see what readline() has not
        self.addCleanup(self._end)
        self.tcp, self.http, self.grpc = (self._said(words) for words in ("listening on ", "http on ", "grpc on "))
        self.must("topic", "create", "events")

    def _said(self, words):
        if select.select([self.process.stdout], [], [], WITHIN)[0]:
            line = self.process.stdout.readline().decode()
            if line.startswith(words):
                return line.removeprefix(words).strip()
        self.log.seek(0)
        raise AssertionError(f"bimipd did not say {words!r}: {self.log.read().decode(errors='replace')}")

    def session(self, eid="tester"):
        """A session over TCP that has said who it is."""
        host, port = self.tcp.rsplit(":", 1)
        session = Session(types.SimpleNamespace(host=host, port=int(port)), eid=eid)
        self.addCleanup(session.close)
        return session

    def _end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.process.wait(WITHIN)

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def bimip(self, *arguments, **options):
        """Runs the tool to its end: returncode, stdout, stderr."""
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        return subprocess.run([BIN / "bimip", *self.trust, *arguments], env={**os.environ, "BIMIP_SERVER": self.tcp}, text=True,
                              capture_output=True, timeout=100, **options)

    def must(self, *arguments, **options):
        done = self.bimip(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


def main():
    """One test by name, or all of the file."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    wanted = set(sys.argv[1:])
    chosen = unittest.TestSuite(test for group in suite for test in group
                                if not wanted or test._testMethodName in wanted)
    if chosen.countTestCases() == 0:
        sys.exit(f"{sys.argv[0]}: no such test")
    result = unittest.TextTestRunner(verbosity=2).run(chosen)
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if len(result.skipped) == chosen.countTestCases() else 0)
