"""A disk that fails under one partition: through a real file system, whose calls answer EIO, EROFS or ENOSPC when told to.

Each time the partition refuses with the cause, the other goes on, an operator sees which and why, and once the cause is gone
nothing that was acknowledged is missing, nor is anything there that was not sent.
"""

import json
import os
import subprocess
import time
import unittest
import urllib.request

import case
import programs
import wire
from wire import Code

FAILING_FS = os.environ.get("FAILING_FS", "")
SEGMENT = 64 * 1024
VALUE = b"v" * 3000
WITHIN = 30


def wait_until(is_so, what):
    deadline = time.monotonic() + WITHIN
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {WITHIN} s")
        time.sleep(0.02)


@unittest.skipIf(os.geteuid() != 0, "only root can mount a file system")
@unittest.skipUnless(os.path.exists("/dev/fuse"), "this kernel has no FUSE")
@unittest.skipUnless(FAILING_FS, "built without libfuse3")
class FailingDisk(case.SystemTest):
    def setUp(self):
        super().setUp()
        for name in ("below", "disk"):
            (self.folder / name).mkdir()
            self.addCleanup(lambda at=self.folder / name: subprocess.run(["umount", "-l", at], capture_output=True))
        # In memory: what is looked at is what becomes of errors, and nobody else's writes are waited for.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.folder / "below"], check=True)
        self.rules, self.hits = self.folder / "rules", self.folder / "hits"
        self.rules.touch()
        self.disk = self.folder / "disk"
        mounted = self.background(subprocess.Popen([FAILING_FS, self.folder / "below", self.disk, self.rules, self.hits],
                                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        while not self.disk.is_mount():
            if mounted.poll() is not None:
                self.skipTest(f"cannot mount here: {mounted.stderr.read().decode().strip()}")
            time.sleep(0.01)
        self.sent = {}  # number -> value
        self.stored = {"ill": {}, "well": {}}  # offset -> number of what was acknowledged
        self.numbers = 0

    def tearDown(self):
        self.fail_nothing()  # or the server could not end
        super().tearDown()

    # The disk.
    def fail(self, *rules):
        """Each "operation ERROR": on all that belongs to the one topic."""
        aside = self.folder / "rules.new"
        aside.write_text("".join(f"{rule} /topics/ill/\n" for rule in rules))
        self.hits.unlink(missing_ok=True)
        aside.rename(self.rules)

    def fail_nothing(self):
        aside = self.folder / "rules.new"
        aside.touch()
        aside.rename(self.rules)

    def failed(self, operation):
        hits = self.hits.read_text() if self.hits.exists() else ""
        return sum(line.startswith(operation + " ") for line in hits.splitlines())

    # The server.
    def begin(self, *options):
        self.node = self.server("--http", f"{programs.own_address()}:0", name="disk/data", log=self.folder / "log")
        self.hear_http()
        for topic in self.stored:
            self.node.must("topic", "create", topic, "--segment-bytes", str(SEGMENT), *options)

    def hear_http(self):
        self.http = self.node.process.stdout.readline().decode().removeprefix("http on ").strip()

    def restart(self):
        self.node.kill()
        self.node.start()
        self.hear_http()

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=20) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise AssertionError(f"no metric {name}")

    def described(self, topic):
        return json.loads(self.node.must("topic", "describe", topic, "--json"))["partitions"][0]

    def publish(self, session, topic):
        """What it was refused with; nothing when it was stored."""
        self.numbers += 1
        self.sent[self.numbers] = b"%d " % self.numbers + VALUE
        answer = session.ask(self.numbers + 10, publish={"topic": topic, "value": self.sent[self.numbers]})
        if answer.HasField("error"):
            return answer.error
        self.stored[topic][answer.published.offset] = self.numbers
        return None

    def publish_some(self, topic, count=30):
        with wire.Session(self.node) as session:
            for _ in range(count):
                error = self.publish(session, topic)
                self.assertIsNone(error, error)

    def publish_until_refused(self, topic="ill"):
        deadline = time.monotonic() + WITHIN
        with wire.Session(self.node) as session:
            while time.monotonic() < deadline:
                if error := self.publish(session, topic):
                    return error
        raise AssertionError("never refused")

    def read(self, topic):
        """offset -> value of all there is"""
        end = self.described(topic)["log_end_offset"]
        records = {}
        with wire.Session(self.node) as session:
            session.send(wire.stanza(2, subscribe={"topic": topic, "earliest": True, "credit": 1_000_000}))
            position = 0
            while position < end:
                got = session.next()
                if got.WhichOneof("body") != "delivery":
                    continue
                for record in got.delivery.records:
                    records[record.offset] = record.value
                    position = record.offset + 1
        return records

    # What holds after every trouble.
    def expect_all_stored(self):
        for topic, stored in self.stored.items():
            there = self.read(topic)
            self.assertEqual(sorted(there), list(range(len(there))))
            for offset, number in stored.items():
                self.assertEqual(there[offset], self.sent[number])
            self.assertLessEqual(set(there.values()), set(self.sent.values()))
            self.assertEqual(len(set(there.values())), len(there), "something is there twice")

    def expect_trouble_of_one(self, error, cause):
        self.assertEqual(error.code, Code.CODE_DEGRADED, error.message)
        self.assertIn(cause, error.message)
        self.assertIn("/topics/ill/0", error.message)
        self.assertIn(cause, self.described("ill")["trouble"])
        self.assertEqual(self.described("well")["trouble"], "")
        self.assertEqual(self.metric("bimip_partitions_degraded"), 1)
        self.assertEqual(self.metric("bimip_partition_failures_total"), 1)
        self.publish_some("well")
        with wire.Session(self.node) as session:
            self.assertEqual(self.publish(session, "ill").code, Code.CODE_DEGRADED)
        self.expect_all_stored()

    def expect_back(self):
        self.node.must("topic", "reopen", "ill")
        self.assertEqual(self.described("ill")["trouble"], "")
        self.assertEqual(self.metric("bimip_partitions_degraded"), 0)
        self.assertEqual(self.metric("bimip_partition_reopens_total"), 1)
        for _ in range(2):
            self.publish_some("ill")
            self.expect_all_stored()
            self.restart()
            self.expect_all_stored()

    def check_one_partitions_trouble(self, rule, cause):
        self.publish_some("ill")
        self.fail(rule)
        error = self.publish_until_refused()
        self.assertGreater(self.failed(rule.split()[0]), 0)
        self.expect_trouble_of_one(error, cause)
        refused = self.node.bimip("topic", "reopen", "ill")
        if refused.returncode != 0:  # opening it again may not need what fails
            self.assertIn("/topics/ill/0", refused.stderr)
        self.fail_nothing()

    def test_a_write_that_fails_is_the_trouble_of_one_partition(self):
        self.begin()
        self.check_one_partitions_trouble("write EIO", "Input/output error")
        self.expect_back()

    def test_a_file_system_that_turns_read_only_is_the_trouble_of_one_partition(self):
        self.begin()
        self.publish_some("ill")
        self.fail("write EROFS", "change EROFS", "allocate EROFS", "sync EROFS")
        self.expect_trouble_of_one(self.publish_until_refused(), "Read-only file system")
        self.assertEqual(self.node.bimip("topic", "reopen", "ill").returncode, 1)
        self.fail_nothing()
        self.expect_back()

    def test_a_new_segment_that_cannot_be_made_is_the_trouble_of_one_partition(self):
        self.begin()
        self.check_one_partitions_trouble("change EIO", "Input/output error")
        self.expect_back()

    def test_a_sync_that_fails_is_the_trouble_of_one_partition(self):
        self.begin("--durability", "written")
        self.check_one_partitions_trouble("sync EIO", "Input/output error")
        self.expect_back()

    def test_what_was_refused_for_a_failed_write_is_not_lost_when_the_server_dies_of_it(self):
        self.begin()
        self.publish_some("ill")
        self.fail("write EIO", "sync EIO")
        self.expect_trouble_of_one(self.publish_until_refused(), "Input/output error")
        self.node.kill()
        self.node.start()  # and one whose partition cannot be opened serves the others
        self.hear_http()
        self.publish_some("well")
        self.fail_nothing()
        self.node.must("topic", "reopen", "ill")
        self.publish_some("ill")
        self.expect_all_stored()

    def test_a_disk_without_room_refuses_and_goes_on_by_itself(self):
        self.begin()
        self.publish_some("ill")
        self.fail("write ENOSPC", "allocate ENOSPC")
        error = self.publish_until_refused()
        self.assertIn("No space left on device", error.message)
        self.publish_some("well")
        self.expect_all_stored()
        self.fail_nothing()

        def is_taken():
            with wire.Session(self.node) as session:
                return self.publish(session, "ill") is None

        wait_until(is_taken, "a publish is taken again")
        self.publish_some("ill")
        self.expect_all_stored()
        self.restart()
        self.expect_all_stored()

    def test_a_read_that_fails_is_answered_and_nothing_is_passed_over(self):
        self.begin()
        self.publish_some("ill", 100)
        self.restart()  # nothing is in memory
        self.fail("read EIO")
        with wire.Session(self.node) as session:
            session.send(wire.stanza(2, subscribe={"topic": "ill", "earliest": True, "credit": 1000}))
            while (got := session.next()).WhichOneof("body") != "error":
                self.assertNotEqual(got.WhichOneof("body"), "delivery", "what cannot be read was delivered")
            self.assertIn("Input/output error", got.error.message)
        self.assertGreater(self.failed("read"), 0)
        self.publish_some("well")
        self.fail_nothing()
        if self.described("ill")["trouble"]:
            self.node.must("topic", "reopen", "ill")
        self.publish_some("ill")
        self.expect_all_stored()


if __name__ == "__main__":
    case.main()
