"""Messages that expire and messages that come later, against the real server: restarts, kills, the command line."""

import json
import time

import case
import programs


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Delay(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.bimipd = self.server()
        self.bimipd.must("topic", "create", "t")

    def values(self, *flags):
        return self.bimipd.must("sub", "t", "--from", "earliest", "--until-end", *flags).splitlines()

    def wait_for(self, *values):
        programs.wait_until(lambda: self.values() == list(values), what=f"{values}")

    def test_a_message_comes_at_its_time_to_whoever_listens_then(self):
        listener = self.background(self.bimipd.start_bimip("sub", "t", "--from", "earliest", "--count", "2", "--json"))
        began = time.monotonic()
        stored = lines(self.bimipd.must("pub", "t", "later", "--deliver-in", "2s", "--json"))[0]
        self.bimipd.must("pub", "t", "now")
        self.assertEqual(self.values(), ["now"])
        first, second = lines(self.must_end_well(listener))
        self.assertGreaterEqual(time.monotonic() - began, 2)
        self.assertEqual((first["value"], second["value"]), ("now", "later"))
        self.assertEqual(second["held_at"], stored["offset"])
        self.assertGreater(second["offset"], stored["offset"])
        self.assertNotIn("held_at", first)

    def test_pending_messages_survive_a_stop_and_a_kill(self):
        for i in range(50):
            self.bimipd.must("pub", "t", f"soon {i}", "--deliver-in", "3s")
        self.bimipd.must("pub", "t", "far", "--deliver-in", "1h")
        self.bimipd.stop()
        self.bimipd.start()
        self.assertEqual(self.values(), [])
        self.bimipd.kill()
        time.sleep(3)
        self.bimipd.start()
        self.wait_for(*(f"soon {i}" for i in range(50)))
        self.bimipd.kill()
        self.bimipd.start()
        self.wait_for(*(f"soon {i}" for i in range(50)))

    def test_nobody_is_given_what_has_expired_and_nobody_waits_for_it(self):
        self.bimipd.must("pub", "t", "kept")
        self.bimipd.must("pub", "t", "gone", "--expires-in", "1s")
        self.bimipd.must("pub", "t", "stays", "--expires-at", "2100-01-01")
        self.bimipd.must("pub", "t", "goes too", "--expires-in", "1s")
        self.assertEqual(len(self.values()), 4)
        time.sleep(1.1)
        self.assertEqual(self.values(), ["kept", "stays"])
        self.assertEqual([one.get("expires") for one in lines("\n".join(self.values("--json")))],
                         [None, "2100-01-01T00:00:00.000000Z"])
        self.bimipd.kill()
        self.bimipd.start()
        self.assertEqual(self.values(), ["kept", "stays"])

    def test_what_cannot_be_held_is_refused(self):
        self.refused(self.bimipd.bimip("pub", "t", "x", "--deliver-in", "8d"), 1, "hold_max_s")
        self.refused(self.bimipd.bimip("pub", "t", "x", "--deliver-in", "2s", "--expires-in", "1s"), 1, "expire")
        self.refused(self.bimipd.bimip("pub", "t", "x", "--deliver-in", "soon"), 2, "duration")
        self.refused(self.bimipd.bimip("pub", "t", "x", "--deliver-at", "soon"), 2, "--deliver-at")
        self.refused(self.bimipd.bimip("pub", "t", "x", "--expires-in", "1s", "--expires-at", "2100-01-01"), 2,
                     "--expires-in")
        described = json.loads(self.bimipd.must("topic", "alter", "t", "--hold-max", "30d", "--json"))
        self.assertEqual(described["hold_max_s"], 30 * 24 * 3600)
        self.bimipd.must("pub", "t", "x", "--deliver-in", "8d")
        self.bimipd.must("topic", "create", "short", "--hold-max", "1m")
        self.refused(self.bimipd.bimip("pub", "short", "x", "--deliver-in", "2m"), 1, "hold_max_s")

    def test_dump_extract_and_import_carry_both_times(self):
        self.bimipd.must("pub", "t", "delivered", "--deliver-in", "1s")
        self.bimipd.must("pub", "t", "pending", "--deliver-in", "1h", "--expires-in", "2h")
        self.wait_for("delivered")
        self.bimipd.stop()
        topic = self.folder / "data" / "topics" / "t"
        dumped = lines(programs.bimip("log", "dump", topic, "--json").stdout)
        self.assertEqual([one["value"] for one in dumped], ["delivered", "pending", "delivered"])
        self.assertIn("not_before", dumped[0])
        self.assertIn("expires", dumped[1])
        self.assertEqual(dumped[2]["held_at"], 0)
        verified = programs.bimip("log", "verify", self.folder / "data")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        extract = self.folder / "t.jsonl"
        self.assertEqual(programs.bimip("log", "extract", topic, "--out", extract).returncode, 0)
        other = self.server(name="other")
        other.must("topic", "create", "t")
        other.stop()
        done = programs.bimip("log", "import", extract, "--into", self.folder / "other")
        self.assertEqual(done.returncode, 0, done.stderr)
        other.start()
        self.assertEqual(other.must("sub", "t", "--from", "earliest", "--until-end").splitlines(), ["delivered"])
        other.stop()
        dumped = lines(programs.bimip("log", "dump", self.folder / "other" / "topics" / "t", "--json").stdout)
        self.assertEqual([(one["value"], "not_before" in one) for one in dumped],
                         [("pending", True), ("delivered", False)])

    def test_a_restore_to_a_moment_before_a_release_holds_the_message_again(self):
        self.bimipd.must("pub", "t", "later", "--deliver-in", "2s")
        time.sleep(0.5)
        before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
        self.wait_for("later")
        self.bimipd.must("pub", "t", "after")
        self.bimipd.stop()
        backup = self.folder / "backup"
        for arguments in (("backup", self.folder / "data", "--to", backup),
                          ("restore", backup, "--to", self.folder / "restored", "--until", before)):
            done = programs.bimip("log", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
        dumped = lines(programs.bimip("log", "dump", self.folder / "restored" / "topics" / "t", "--json").stdout)
        self.assertEqual([(one["value"], "not_before" in one) for one in dumped], [("later", True)])
        restored = self.server(name="restored")
        programs.wait_until(
            lambda: restored.must("sub", "t", "--from", "earliest", "--until-end").splitlines() == ["later"],
            what="the message again")

    def test_salvage_holds_what_was_held(self):
        self.bimipd.must("pub", "t", "far", "--deliver-in", "1h")
        self.bimipd.must("pub", "t", "soon", "--deliver-in", "3s")
        self.bimipd.stop()
        done = programs.bimip("log", "salvage", self.folder / "data", "--to", self.folder / "rescued")
        self.assertEqual(done.returncode, 0, done.stderr)
        rescued = self.server(name="rescued")
        programs.wait_until(
            lambda: rescued.must("sub", "t", "--from", "earliest", "--until-end").splitlines() == ["soon"],
            what="the message")

    def test_inboxes_hold_and_expire(self):
        bob = ("--as", "bob", "inbox", "--from", "earliest", "--until-end", "--json")
        self.bimipd.must("--as", "alice", "send", "bob", "now")
        self.bimipd.must("--as", "alice", "send", "bob", "later", "--deliver-in", "2s")
        self.bimipd.must("--as", "alice", "send", "bob", "gone", "--expires-in", "1s")
        self.assertEqual([one["body"] for one in lines(self.bimipd.must(*bob))], ["now", "gone"])
        follower = self.background(self.bimipd.start_bimip("--as", "bob", "--device", "phone", "inbox", "--count", "2",
                                                           "--from", "2", "--json"))
        out, _ = follower.communicate(timeout=30)
        self.assertIn("later", [one["body"] for one in lines(out.decode())])
        self.assertEqual([one["body"] for one in lines(self.bimipd.must(*bob))], ["now", "later"])
        self.refused(self.bimipd.bimip("--as", "alice", "send", "bob", "x", "--deliver-in", "400d"), 1, "hold_max_s")


if __name__ == "__main__":
    case.main()
