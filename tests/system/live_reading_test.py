"""`bimip log ... --live`: what is read of a store while a server writes, rolls, compacts and removes is a whole prefix."""

import json
import time

import case
import programs

LINES = 60_000
ROUNDS = 6


class LiveReading(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.node = self.server()
        self.lines = self.folder / "lines"
        self.lines.write_text("".join(f"{i} {'x' * (i * 37 % 400)}\n" for i in range(LINES)))

    def log(self, *arguments):
        return programs.bimip("log", *arguments)

    def publish(self, topic, *flags):
        return self.background(self.node.start_bimip("pub", topic, "--lines", self.lines, *flags))

    def test_a_store_that_is_written_is_clean_and_whole_up_to_what_was_acknowledged(self):
        create = ("topic", "create", "--segment-bytes", "1MiB")
        self.node.must(*create, "all")
        self.node.must(*create, "short", "--retention-bytes", "2MiB")
        self.node.must(*create, "newest", "--compact")
        self.node.must(*create, "few", "--per-key", "3")
        publishing = [self.publish("all"), self.publish("short"), self.publish("newest", "--key", "k"),
                      self.publish("few", "--key", "k")]
        programs.wait_until(lambda: self.node.records("all") > 100, what="records")
        rounds = 0
        while rounds < ROUNDS or any(process.poll() is None for process in publishing):
            acknowledged = self.node.records("all")
            verified = self.log("verify", "--live", "--deep", "--json", self.node.folder)
            self.assertEqual(verified.returncode, 0, verified.stdout)
            self.assertTrue(json.loads(verified.stdout)["live"])
            dumped = self.log("dump", "--live", "--raw", self.node.folder / "topics/all")
            self.assertEqual(dumped.returncode, 0, dumped.stderr)
            values = dumped.stdout.splitlines()
            self.assertEqual([int(value.split()[0]) for value in values], list(range(len(values))))
            self.assertGreaterEqual(len(values), acknowledged)
            rounds += 1
        for process in publishing:
            self.must_end_well(process)

    def await_quiet(self, folder):
        """Until what is sealed, and packed afterwards, has its tables: files come and go until then."""
        files, since = None, 0.0

        def stays():
            nonlocal files, since
            now = sorted(folder.iterdir())
            if now != files:
                files, since = now, time.monotonic()
            return time.monotonic() - since > 2
        programs.wait_until(stays, what="the folder to stay as it is")

    def test_a_table_that_rots_while_a_server_runs_is_found(self):
        self.node.must("topic", "create", "orders", "--segment-bytes", "1MiB")
        self.node.must("pub", "orders", "--lines", self.lines, "--key", "k")
        folder = self.node.folder / "topics/orders/0"
        self.await_quiet(folder)
        tables = [sorted(folder.glob(f"*.{kind}"))[0] for kind in ("entities", "index", "producers")]
        for table in tables:
            whole = table.read_bytes()
            table.write_bytes(whole[:30] + bytes([whole[30] ^ 4]) + whole[31:])
            verified = self.log("verify", "--live", self.node.folder)
            self.assertEqual(verified.returncode, 1, verified.stdout)
            self.assertIn(f"damage: {table}", verified.stdout)
            table.write_bytes(whole)
        self.assertEqual(self.log("verify", "--live", "--deep", self.node.folder).returncode, 0)

    def test_each_command_that_only_reads_takes_it_and_the_others_are_refused(self):
        self.node.must("topic", "create", "orders")
        self.node.must("pub", "orders", "--lines", self.lines)
        folder = self.node.folder
        stat = json.loads(self.log("stat", "--live", "--json", folder / "topics/orders").stdout)
        self.assertEqual(stat["total"]["records"], LINES)
        layout = self.log("dump", "--live", "--blocks", folder / "topics/orders/0")
        self.assertEqual(layout.returncode, 0, layout.stderr)
        self.assertIn("block", layout.stdout)
        diff = self.log("diff", "--live", folder, folder)
        self.assertEqual((diff.returncode, diff.stdout.splitlines()[-1]), (0, "equal"))
        out = self.folder / "some.jsonl"
        extracted = self.log("extract", "--live", folder / "topics/orders", "--from", 10, "--to", 20, "--out", out)
        self.assertEqual(extracted.returncode, 0, extracted.stderr)
        self.assertEqual(len(out.read_text().splitlines()), 12)
        for command in (("stat",), ("verify",), ("dump",), ("diff", folder), ("reindex", "--dry-run"),
                        ("compact", "--dry-run"), ("salvage", "--dry-run")):
            refused = self.log(command[0], folder, *command[1:])
            self.assertEqual(refused.returncode, 2, command)
            self.assertIn("a server holds this store", refused.stderr)

    def test_stanzas_in_the_servers_own_topics_are_decoded(self):
        self.node.must("--as", "alice", "--device", "phone", "send", "bob", "good morning")
        rows = self.dumped("$inbox.chat")
        self.assertEqual(rows[0]["stanza"], "bimip.v1.InboxMessage")
        self.assertEqual(rows[0]["decoded"]["from"], "alice")
        self.assertIn("value", " ".join(rows[0]), "its bytes are there too")
        sessions = self.dumped("$sessions")
        self.assertEqual(sessions[0]["decoded"]["device"], "phone")
        text = self.log("dump", "--live", self.node.folder / "topics/$inbox.sent").stdout
        self.assertIn('| bimip.v1.InboxMessage {"', text)
        self.assertIn('"to":"bob"', text)

    def dumped(self, topic):
        done = self.log("dump", "--live", "--json", self.node.folder / "topics" / topic)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    case.main()
