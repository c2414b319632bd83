"""A disk that fills up: publishes are refused for a while, nothing acknowledged is lost, and they go on once there is room."""

import os
import subprocess
import unittest

import case
import wire
from wire import Code

MIB = 1 << 20
DISK = 96 * MIB
VALUE = b"v" * 100_000


@unittest.skipIf(os.geteuid() != 0, "only root can mount a small disk")
class FullDisk(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.disk],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount here: {mounted.stderr.decode().strip()}")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", self.disk], check=True))

    def free_bytes(self):
        facts = os.statvfs(self.disk)
        return facts.f_bavail * facts.f_frsize

    def take_space(self, leave):
        """All but so many bytes."""
        with (self.disk / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, self.free_bytes() - leave)

    def publish_until_refused(self, session, stored):
        for number in range(len(stored) + 2, 10_000):
            answer = session.ask(number, publish={"topic": "events", "value": b"%d " % number + VALUE})
            if answer.HasField("error"):
                return answer.error
            stored[answer.published.offset] = b"%d " % number + VALUE
        raise AssertionError("never refused")

    def read_all(self, server, count):
        with wire.Session(server) as session:
            session.send(wire.stanza(2, subscribe={"topic": "events", "earliest": True, "credit": 100_000}))
            records = {}
            while len(records) < count:
                records.update((record.offset, record.value) for record in session.next().delivery.records)
            return records

    def check_refusal_and_recovery(self, floor):
        server = self.server("--free-space-floor", floor, name="disk/data", log=self.folder / "log")
        server.must("topic", "create", "events", "--segment-bytes", "4MiB")
        server.must("topic", "create", "other")
        stored = {}
        with wire.Session(server) as session:
            self.publish_until_refused(session, stored)
            self.take_space(leave=floor)
            for _ in range(3):  # and it stays refused
                error = self.publish_until_refused(session, stored)
                self.assertEqual((error.code, error.retry), (Code.CODE_NO_SPACE, True), error.message)
            self.assertEqual(self.read_all(server, len(stored)), stored)
            self.assertEqual(session.ask(90_000, ping={}).WhichOneof("body"), "pong")
        refused = self.background(server.start_bimip("pub", "events", "at last", "--reconnect-for", "60s"))
        self.assertIn(b"trying again", refused.stderr.readline())
        (self.disk / "ballast").unlink()
        subprocess.run(["mount", "-o", f"remount,size={2 * DISK}", self.disk], check=True)
        self.must_end_well(refused)
        stored[len(stored)] = b"at last"
        self.assertEqual(self.read_all(server, len(stored)), stored)
        server.kill()
        server.start()
        self.assertEqual(self.read_all(server, len(stored)), stored)

    def test_above_the_floor_publishes_are_refused_until_there_is_room(self):
        self.check_refusal_and_recovery(floor=16 * MIB)

    def test_without_a_floor_a_disk_without_a_byte_refuses_publishes_until_there_is_room(self):
        self.check_refusal_and_recovery(floor=0)

    def test_a_server_does_not_start_on_a_disk_without_room_and_says_why(self):
        self.take_space(leave=0)
        with self.assertRaises(AssertionError) as failed:
            self.server(name="disk/data", log=self.folder / "log")
        self.assertIn("No space left on device", str(failed.exception))


if __name__ == "__main__":
    case.main()
