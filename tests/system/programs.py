"""The real programs: a server of a test's own, and the tool, run as a person runs it."""

import json
import os
import pathlib
import select
import signal
import subprocess
import time

BIN = pathlib.Path(os.environ["PROGRAMS_UNDER_TEST"])
START_WITHIN = 30
STOP_WITHIN = 30


def own_address():
    """A loopback address that no other running test has: ports of one need not be shared with anybody."""
    pid = os.getpid()
    return f"127.{1 + (pid >> 16) % 254}.{pid >> 8 & 255}.{1 + pid % 254}"


class Server:
    """A bimipd on a data directory. It keeps its port when it is started again."""

    def __init__(self, folder, *flags, log=None, trust=("--dev",), **popen):
        self.folder = pathlib.Path(folder)
        self.trust = trust  # without it, the flags say whom it believes
        self.flags = tuple(map(str, flags))
        self.popen = popen  # user, preexec_fn
        self.host, self.port = own_address(), 0
        self.log_path = log or self.folder.with_name(self.folder.name + ".log")
        self.process = None

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def start(self):
        command = [BIN / "bimipd", "--data-dir", self.folder, *self.trust, "--tcp", self.address, *self.flags]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
                                            env=environment(), **self.popen)
        ready, _, _ = select.select([self.process.stdout], [], [], START_WITHIN)
        said = self.process.stdout.readline().decode() if ready else ""
        if not said.startswith("listening on "):
            self.kill()
            raise AssertionError(f"bimipd did not listen; it said {said!r} and\n{self.log()}")
        self.port = int(said.rsplit(":", 1)[1])
        return self

    def kill(self):
        """kill -9, as the machine does it."""
        self.process.kill()
        self._forget()

    def stop(self):
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_WITHIN)
        return self._forget()

    def _forget(self):
        code = self.process.wait(STOP_WITHIN)
        self.process.stdout.close()
        self.process = None
        return code

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def records(self, topic):
        """How many the topic has, over its partitions."""
        described = json.loads(self.must("topic", "describe", topic, "--json"))
        return sum(partition["log_end_offset"] for partition in described["partitions"])

    def kill_as_it_grows(self, topic, most, still_going):
        """kill -9 and start, again and again, each time once more was stored since; how often."""
        kills = seen = 0
        while still_going() and kills < most:
            time.sleep(0.02)
            records = self.records(topic)
            if records == seen:
                continue
            self.kill()
            self.start()
            kills, seen = kills + 1, self.records(topic)
        return kills

    # The tool against this server.
    def bimip(self, *arguments, **options):
        return bimip(*arguments, server=self.address, **options)

    def start_bimip(self, *arguments, **options):
        return start_bimip(*arguments, server=self.address, **options)

    def must(self, *arguments, **options):
        """What `bimip ARGUMENTS` writes; it has to succeed."""
        done = self.bimip(*arguments, **options)
        if done.returncode != 0:
            raise AssertionError(f"bimip {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
        return done.stdout


def environment(server=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BIMIP_")}
    environment["LC_ALL"] = "C"
    if server:
        environment["BIMIP_SERVER"] = server
    return environment


def bimip(*arguments, server=None, text=True, timeout=100, **options):
    """Runs it to its end: returncode, stdout, stderr."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([BIN / "bimip", *map(str, arguments)], env=environment(server), text=text, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def start_bimip(*arguments, server=None, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen([BIN / "bimip", *map(str, arguments)], env=environment(server), **options)


def wait_until(is_so, within=30, what="it"):
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(0.01)
