#!/usr/bin/env python3
"""Puts the same loads on Bimip and on its peers, side by side in one run, and prints the ratios beside their goals.

    bench/peers/run.py [--install] [--build build/release] [--seconds 4] [--rounds 3] [--dir DIR] [--json] [--only TEXT]

Peers, all from Debian: Redis (Streams, appendfsync always), nats-server (JetStream's file store with its default,
not durable, sync; core for fan-out), Mosquitto (fan-out). Each runs on this machine, alone, on a free port, with its data
in DIR. Server and load share the processors, for every one of them alike.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PACKAGES = ("redis-server", "nats-server", "mosquitto")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"run.py: {process.args[0]} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"run.py: nobody listens on port {port}")


@contextlib.contextmanager
def running(command, port, folder):
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, cwd=folder)
        try:
            await_port(port, process)
            yield
        finally:
            process.terminate()
            process.wait(20)


def figures_of(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"run.py: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return {figure["name"]: figure["value"] for figure in map(json.loads, done.stdout.splitlines())}


class Bimip:
    def __init__(self, arguments):
        self.binaries = arguments.build / "bin"
        self.seconds = arguments.seconds

    def measure(self, folder, load):
        port = free_port()
        server = [self.binaries / "bimipd", "--data-dir", folder / "data", "--dev", "--tcp", f"127.0.0.1:{port}"]
        bench = [self.binaries / "bimip", "--server", f"127.0.0.1:{port}", "bench", load["kind"], "--json", "--time",
                 f"{self.seconds}s", "--connections", load["connections"], "--depth", load["depth"]]
        if load["kind"] == "fanout":
            bench += ["--subscribers", load["subscribers"]]
        with running(server, port, folder):
            figures = figures_of(bench)
        wanted = ".deliveries" if load["kind"] == "fanout" else ".rate"
        return {end: next(value for name, value in figures.items() if name.endswith(ending))
                for end, ending in (("rate", wanted), ("p50", ".p50"), ("p99", ".p99"))}


class Other:
    def __init__(self, arguments, name, command):
        self.load = arguments.build / "bin" / "peer_load"
        self.seconds = arguments.seconds
        self.name = name
        self.command = command

    def measure(self, folder, load):
        port = free_port()
        with running(self.command(port, folder), port, folder):
            if self.name == "jetstream":
                make_stream(port)
            figures = figures_of([self.load, self.name, load["kind"], port, "--connections", load["connections"], "--depth",
                                  load["depth"], "--subscribers", load.get("subscribers", 0), "--seconds", self.seconds])
        rate = figures["deliveries" if load["kind"] == "fanout" else "publishes"]
        return {"rate": rate, "p50": figures["p50"], "p99": figures["p99"]}


def make_stream(port):
    config = json.dumps({"name": "BENCH", "subjects": ["bench"], "storage": "file", "retention": "limits",
                         "max_msgs": -1, "max_bytes": -1, "num_replicas": 1})
    with socket.create_connection(("127.0.0.1", port)) as nats:
        nats.sendall(b'CONNECT {"verbose":false}\r\nSUB _INBOX.make 1\r\n'
                     + f"PUB $JS.API.STREAM.CREATE.BENCH _INBOX.make {len(config)}\r\n{config}\r\n".encode())
        answer = b""
        while b"stream_create_response" not in answer:
            answer += nats.recv(65536)
    if b'"error"' in answer:
        sys.exit(f"run.py: JetStream refuses the stream: {answer.decode(errors='replace')}")


def redis(port, folder):
    return [shutil.which("redis-server"), "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly",
            "yes", "--appendfsync", "always"]


def nats(port, folder):
    return [shutil.which("nats-server"), "-a", "127.0.0.1", "-p", port]


def jetstream(port, folder):
    return [*nats(port, folder), "-js", "-sd", folder / "jetstream"]


def mosquitto(port, folder):
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n")
    return [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", config]


def loads():
    for depth, goal in ((1, 2), (16, 3), (64, 3)):
        yield {"kind": "publish", "connections": 50, "depth": depth, "peers": {"redis": goal, "jetstream": 1}}
    yield {"kind": "fanout", "connections": 1, "depth": 1, "subscribers": 1000, "peers": {"nats": 1, "mqtt": 3}}
    yield {"kind": "fanout", "connections": 1, "depth": 16, "subscribers": 1000, "peers": {"nats": 1, "mqtt": 3}}


def name_of(load):
    name = f"{load['kind']}_128B_{load['connections']}x{load['depth']}"
    return name + (f"_to_{load['subscribers']}" if "subscribers" in load else "")


def measure(server, arguments, load):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bimip-peers-", dir=arguments.dir))
    try:
        return server.measure(folder, load)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(arguments, load, servers):
    """Rounds in which each server has its turn, so that a slow minute of the machine is everybody's."""
    rounds = {name: [] for name in ("bimip", *load["peers"])}
    for _ in range(arguments.rounds):
        for name, results in rounds.items():
            results.append(measure(servers[name], arguments, load))
    middle = {name: {figure: statistics.median(result[figure] for result in results) for figure in ("rate", "p50", "p99")}
              for name, results in rounds.items()}
    ours = middle["bimip"]
    for peer, goal in load["peers"].items():
        theirs = middle[peer]
        ratio = ours["rate"] / theirs["rate"]
        if arguments.json:
            print(json.dumps({"name": f"{name_of(load)} vs {peer}", "value": ours["rate"], "unit": "messages/s",
                              "baseline": theirs["rate"], "ratio": round(ratio, 3), "goal": goal}))
        else:
            print(f"{name_of(load):28} {ours['rate']:11,.0f}/s p50 {ours['p50']:9,.0f} p99 {ours['p99']:9,.0f} us | {peer:9} "
                  f"{theirs['rate']:11,.0f}/s p50 {theirs['p50']:9,.0f} p99 {theirs['p99']:9,.0f} us | ratio {ratio:6.2f}, "
                  f"goal {goal}: {'reached' if ratio >= goal else 'NOT reached'}")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="install the peers from Debian first (as root)")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--dir", default=None, help="where the servers keep their data: the disk to be measured")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    if arguments.install:
        # Their services are not to be started: every run starts its own.
        subprocess.run(["sh", "-c", "RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "
                        + " ".join(PACKAGES)], check=True, stdout=subprocess.DEVNULL)
    servers = {"bimip": Bimip(arguments), "redis": Other(arguments, "redis", redis), "nats": Other(arguments, "nats", nats),
               "jetstream": Other(arguments, "jetstream", jetstream), "mqtt": Other(arguments, "mqtt", mosquitto)}
    for load in loads():
        if arguments.only in name_of(load):
            compare(arguments, load, servers)


if __name__ == "__main__":
    main()
