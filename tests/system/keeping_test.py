"""What a topic keeps, of the real server: the newest of each key, what consumers have not read, and nothing of an erased key."""

import json
import time

import case
import programs
from wire import Session, stanza


class Keeping(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.node = self.server()

    def fill(self, topic, count, keys=4, first=0):
        with Session(self.node, producer_id=b"p" * 16) as session:
            for number in range(first + 1, first + count + 1):
                session.send(stanza(100 + number, publish={
                    "topic": topic, "key": f"key-{number % keys}".encode(), "producer_number": number,
                    "value": (f"{number} " + "x" * 3000).encode()}))
                if number % 50 == 0:
                    while session.next().id != 100 + number:
                        pass

    def partition(self, topic):
        described = json.loads(self.node.must("topic", "describe", topic, "--json"))
        return described["partitions"][0]

    def test_settings_are_shown_and_changed(self):
        self.node.must("topic", "create", "t", "--per-key", "10", "--per-key-age", "90d", "--retention-floor", "cursors")
        shown = json.loads(self.node.must("topic", "describe", "t", "--json"))
        self.assertEqual((shown["entity_records_max"], shown["entity_age_s"], shown["retention_floor"]),
                         (10, 90 * 86400, "cursors"))
        self.node.must("topic", "alter", "t", "--per-key", "forever", "--retention-floor", "none")
        shown = json.loads(self.node.must("topic", "describe", "t", "--json"))
        self.assertEqual((shown["entity_records_max"], shown["entity_age_s"], shown["retention_floor"]),
                         (0, 90 * 86400, "none"))
        self.assertIn("no other older than", self.node.must("topic", "describe", "t"))
        self.refused(self.node.bimip("topic", "create", "c", "--compact", "--per-key", "2"), 1, "compacted")
        self.refused(self.node.bimip("topic", "alter", "t", "--per-key", "-3"), 2, "--per-key")

    def test_of_each_key_the_newest_records_stay(self):
        self.node.must("topic", "create", "t", "--per-key", "5", "--segment-bytes", "64KiB")
        self.fill("t", 400)
        programs.wait_until(lambda: self.stored_bytes("t") < 400_000, within=60, what="old records of keys to go")
        history = [json.loads(line) for line in
                   self.node.must("entity", "history", "t", "key-1", "--json", "--newest-first").splitlines()]
        self.assertEqual([one["increment"] for one in history[:5]], [100, 99, 98, 97, 96])
        self.node.kill()
        self.node.start()
        self.assertEqual(len(self.node.must("entity", "history", "t", "key-1", "--from", "96").splitlines()), 5)

    def stored_bytes(self, topic):
        return sum(file.stat().st_size for file in (self.node.folder / "topics" / topic / "0").glob("*.segment")
                   if file.exists())

    def test_nothing_goes_that_a_group_has_not_acknowledged(self):
        self.node.must("topic", "create", "jobs", "--retention-bytes", "128KiB", "--segment-bytes", "64KiB",
                       "--retention-floor", "cursors")
        with Session(self.node) as session:
            session.ask(2, subscribe={"topic": "jobs", "group": "workers", "earliest": True, "credit": 10})
        self.fill("jobs", 200)
        time.sleep(8)
        self.assertEqual(self.partition("jobs")["log_start_offset"], 0)
        self.node.kill()
        self.node.start()
        time.sleep(8)
        self.assertEqual(self.partition("jobs")["log_start_offset"], 0, "forgotten by a restart")
        with Session(self.node) as session:
            answer = session.ask(2, subscribe={"topic": "jobs", "group": "workers", "earliest": True, "credit": 1000})
            seen = 0
            while seen < 100:
                got = session.next()
                if got.WhichOneof("body") == "delivery":
                    seen += len(got.delivery.records)
            session.send(stanza(0, acknowledge={"subscription_id": answer.subscribed.subscription_id, "partition": 0,
                                                "end_offset": 100}))
            session.ask(3, ping={"sent_at_us": 1})
        programs.wait_until(lambda: self.partition("jobs")["log_start_offset"] > 60, within=30, what="acknowledged records to go")
        self.assertLessEqual(self.partition("jobs")["log_start_offset"], 100)

    def test_offline_compaction_and_erasure_take_the_stores_place(self):
        self.node.must("topic", "create", "prices", "--compact", "--segment-bytes", "64KiB")
        self.node.must("topic", "create", "people", "--segment-bytes", "64KiB")
        self.fill("prices", 200)
        self.fill("people", 200, keys=8)
        self.refused(programs.bimip("log", "compact", self.node.folder, "--replace"), 2, "a server holds this store")
        self.node.stop()
        stat = json.loads(programs.bimip("log", "stat", self.node.folder, "--json").stdout)
        self.assertGreater(stat["total"]["freeable"]["superseded"]["records"], 100)
        compacted = json.loads(self.did("compact", "--replace", "--json"))
        self.assertLess(compacted["after"]["bytes"], compacted["before"]["bytes"])
        erased = json.loads(self.did("erase", "--topic", "people", "--key", "key-3", "--replace", "--json"))
        self.assertEqual((erased["records"], erased["proof"]["traces"]), (25, 0))
        self.assertEqual(programs.bimip("log", "verify", "--deep", self.node.folder).returncode, 0)
        self.assertEqual([each.name for each in self.folder.iterdir() if "rewriting" in each.name], [])
        self.node.start()
        for key in range(4):
            self.assertEqual(self.node.must("entity", "get", "prices", f"key-{key}").split()[0], str(196 + (key or 4)))
        self.refused(self.node.bimip("entity", "get", "people", "key-3"), 1, "no record of this key")
        self.assertEqual(json.loads(self.node.must("entity", "get", "people", "key-2", "--json"))["increment"], 25)

    def did(self, command, *flags):
        done = programs.bimip("log", command, self.node.folder, *flags)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


if __name__ == "__main__":
    case.main()
