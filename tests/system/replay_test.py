"""A server that records, and its recording run again without it."""

import json

import case
import programs
import wire
from programs import bimip


class Replay(case.SystemTest):
    def recorded_server(self, *flags):
        return self.server("--record", self.folder / "recording", *flags)

    def replayed(self, core="sessions"):
        done = bimip("replay", self.folder / "recording", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return [one for one in map(json.loads, done.stdout.splitlines()) if one["core"] == core]

    def work(self, node):
        """Publishes, reads, groups, inboxes and entities, over many sessions."""
        node.must("topic", "create", "events", "--partitions", 2)
        lines = "".join(f"line {i}\n" for i in range(500))
        node.must("pub", "events", "--lines", "-", input=lines)
        node.must("pub", "events", "a value", "--key", "user-1")
        reader = self.background(node.start_bimip("sub", "events", "--from", "earliest", "--count", 501))
        member = self.background(node.start_bimip("sub", "events", "--from", "earliest", "--group", "g", "--count", 501))
        self.must_end_well(reader)
        self.must_end_well(member)
        node.must("--as", "alice", "send", "bob", "hello")
        node.must("--as", "bob", "inbox", "--until-end")
        node.must("topic", "list")
        node.must("session", "list", "--closed")
        self.assertNotEqual(node.bimip("pub", "nowhere", "x").returncode, 0)

    def test_what_a_server_recorded_replays_to_the_same_states_and_outputs(self):
        node = self.recorded_server("--shards", 2)
        self.work(node)
        self.assertEqual(node.stop(), 0)
        shards = self.replayed()
        self.assertEqual([one["file"] for one in shards], ["shard-0.recording", "shard-1.recording"])
        self.assertEqual({one["end"] for one in shards}, {"whole"})
        self.assertGreaterEqual(sum(one["sessions"] for one in shards), 8)
        self.assertTrue(all(one["outputs_compared"] > 0 and one["states_compared"] > 0 for one in shards))
        self.assertGreater(sum(one["outputs_compared"] for one in shards), 20)

    def test_what_awareness_was_told_replays_through_two_lives(self):
        """The second life begins with what the first one left in the log."""
        people = [f"person-{i}" for i in range(1, 9)]
        for life in ("recording", "again"):
            node = self.server("--record", self.folder / life, "--shards", 1)
            for person in people:
                node.must("--as", person, "awareness", "subscribe", "person-0")
                node.must("--as", "person-0", "awareness", "grant", person)
                watcher = self.background(node.start_bimip("--as", person, "awareness", "watch", "--count", 1))
                setter = self.background(node.start_bimip("--as", "person-0", "awareness", "set", "busy"))
                self.must_end_well(watcher)
                setter.terminate()
            self.assertEqual(node.stop(), 0)
            done = bimip("replay", self.folder / life)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("awareness.recording: awareness, ", done.stdout)
        told = self.replayed("awareness")
        self.assertEqual(told[0]["end"], "whole")
        self.assertGreater(told[0]["inputs"], 24)
        self.assertGreater(told[0]["outputs_compared"], 16)

    def test_what_offers_were_told_replays_through_two_lives(self):
        for life in ("recording", "again"):
            node = self.server("--record", self.folder / life, "--shards", 2)
            for call in range(4):
                node.must("--as", "ann", "offer", "propose", "bob", "--id", f"{life}-{call}")
            node.must("--as", "bob", "--device", "phone", "offer", "accept", "ann", f"{life}-0", "yes")
            self.assertNotEqual(node.bimip("--as", "bob", "offer", "accept", "ann", f"{life}-0").returncode, 0)
            node.must("--as", "ann", "offer", "cancel", "ann", f"{life}-1")
            self.assertEqual(node.stop(), 0)
            done = bimip("replay", self.folder / life)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("offers.recording: offers, ", done.stdout)
        told = self.replayed("offers")
        self.assertEqual(told[0]["end"], "whole")
        self.assertGreaterEqual(told[0]["inputs"], 15)
        self.assertEqual(told[0]["outputs_compared"], told[0]["inputs"])
        self.assertGreaterEqual(told[0]["states_compared"], 1)

    def test_what_offers_were_told_is_there_after_a_kill(self):
        node = self.recorded_server("--shards", 1)
        node.must("--as", "ann", "offer", "propose", "bob")
        programs.wait_until(lambda: self.replayed("offers")[0]["inputs"] >= 2, what="a flush of the recording")
        node.kill()
        self.assertGreaterEqual(self.replayed("offers")[0]["inputs"], 2)

    def test_a_recording_is_good_up_to_where_the_server_was_killed(self):
        node = self.recorded_server("--shards", 1)
        self.work(node)
        with wire.Session(node, eid="alice", device="phone") as alice:
            for number in range(100):
                alice.ask(number + 2, set_awareness={"state": 1 + number % 3, "text": str(number)})
        programs.wait_until(lambda: self.replayed()[0]["sessions"] >= 9, what="a flush of the recording")
        node.kill()
        self.assertIn(self.replayed()[0]["end"], ("open", "torn"))
        told = bimip("replay", self.folder / "recording").stdout
        self.assertIn("kill", told)
        self.assertGreater(self.replayed("awareness")[0]["states_compared"], 0)

    def test_a_recording_ends_at_its_bound_and_the_server_does_not(self):
        node = self.recorded_server("--shards", 1, "--record-bytes", "1MiB")
        node.must("topic", "create", "events")
        lines = "".join("x" * 1000 + "\n" for _ in range(3000))
        node.must("pub", "events", "--lines", "-", input=lines)
        self.assertEqual(node.records("events"), 3000)
        programs.wait_until(lambda: "recording has ended" in node.log(), what="the warning")
        self.assertEqual(node.stop(), 0)
        self.assertEqual(self.replayed()[0]["end"], "full")
        recorded = sum(file.stat().st_size for file in (self.folder / "recording").iterdir())
        self.assertLessEqual(recorded, (1 << 20) + 1024)

    def test_a_change_of_what_was_recorded_is_found(self):
        node = self.recorded_server("--shards", 1)
        self.work(node)
        self.assertEqual(node.stop(), 0)
        file = self.folder / "recording" / "shard-0.recording"
        good = file.read_bytes()
        at = len(good) // 2
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        # Its block is not believed, and what follows neither.
        done = bimip("replay", self.folder / "recording", "--json")
        self.assertEqual(done.returncode, 1)
        told = next(one for one in map(json.loads, done.stdout.splitlines()) if one["file"] == file.name)
        self.assertEqual((told["end"], told["same"]), ("damaged", True))
        self.assertGreater(told["bytes_not_run"], len(good) // 2 - (1 << 17))
        self.assertIn("DAMAGED at block", bimip("replay", self.folder / "recording").stdout)
        file.write_bytes(good[:-7])
        torn = self.replayed()[0]
        self.assertEqual((torn["end"], torn["same_build"]), ("torn", True))
        self.assertGreater(torn["bytes_not_run"], 0)
        file.write_bytes(good)

    def test_a_file_that_is_missing_or_under_anothers_name_is_noticed(self):
        node = self.recorded_server("--shards", 2)
        self.work(node)
        self.assertEqual(node.stop(), 0)
        folder = self.folder / "recording"
        self.replayed()
        aside = self.folder / "aside"
        for name in ("shard-1.recording", "awareness.recording"):
            (folder / name).rename(aside)
            done = bimip("replay", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn(name + " is missing", done.stderr)
            aside.rename(folder / name)
        (folder / "shard-1.recording").write_bytes((folder / "awareness.recording").read_bytes())
        done = bimip("replay", folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("shard-1.recording is what was recorded as awareness.recording", done.stderr)

    def test_what_is_no_recording_is_refused(self):
        node = self.recorded_server("--shards", 1)
        self.assertEqual(node.stop(), 0)
        for every in (self.folder / "recording").iterdir():
            every.write_bytes(b"no recording")
        self.refused(bimip("replay", self.folder / "recording"), 2, "no recording")
        self.refused(bimip("replay", self.folder / "nowhere"), 2, "no recording")

    def test_a_folder_with_something_in_it_is_refused(self):
        node = self.recorded_server("--shards", 1)
        node.stop()
        with self.assertRaisesRegex(AssertionError, "name another folder"):
            self.servers[0].start()

    def test_no_token_is_recorded(self):
        keys, public, token = (self.folder / name for name in ("keys.json", "public.json", "token"))
        self.assertEqual(bimip("keys", "generate", keys, "--public", public).returncode, 0)
        issued = bimip("token", "issue", "alice", "--keys", keys, "--publish", "*", "--subscribe", "*", "--admin", "*")
        self.assertEqual(issued.returncode, 0, issued.stderr)
        token.write_text(issued.stdout)
        node = programs.Server(self.folder / "data", "--record", self.folder / "recording", "--shards", 1, "--dev=false",
                               "--tokens-keys", public)
        self.servers.append(node)
        node.start()
        for command in (("topic", "create", "events"), ("pub", "events", "hello")):
            node.must("--token-file", token, *command)
        self.assertEqual(node.stop(), 0)
        recorded = b"".join(file.read_bytes() for file in (self.folder / "recording").iterdir())
        self.assertIn(b"alice", recorded)
        for part in issued.stdout.strip().split("."):
            self.assertNotIn(part.encode(), recorded)
        self.assertEqual(self.replayed()[0]["sessions"], 2)


if __name__ == "__main__":
    case.main()
