"""Backups of a server under load, killed in their midst: those that were finished are whole, and come back as they were."""

import base64
import json
import time

import case
import programs
import real_input

LINES = 150_000
KILLS = 6


def value_of(row):
    return row["value"].encode() if "value" in row else base64.b64decode(row["value_base64"])


class Backup(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.lines = self.folder / "lines"
        _, self.count = real_input.real_lines(self.lines, LINES)
        self.node = self.server()
        self.node.must("topic", "create", "packages", "--segment-bytes", "1MiB")
        self.backup = self.folder / "backup"
        self.publishing = self.background(self.node.start_bimip("pub", "packages", "--lines", self.lines,
                                                                "--reconnect-for", "60s"))

    def start_backup(self):
        return self.background(programs.start_bimip("log", "backup", self.node.folder, "--live", "--to", self.backup))

    def killed_backup(self):
        """kill -9 after a moment; whether it was killed before its end."""
        process = self.start_backup()
        time.sleep(self.random.random() * 0.05)
        process.kill()
        return process.wait() != 0

    def restored(self, name, *flags):
        folder = self.folder / name
        done = programs.bimip("log", "restore", self.backup, "--to", folder, *flags)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return folder

    def values(self, folder):
        dumped = programs.bimip("log", "dump", "--json", folder / "topics/packages")
        self.assertEqual(dumped.returncode, 0, dumped.stderr)
        return [(row["offset"], value_of(row)) for row in map(json.loads, dumped.stdout.splitlines())]

    def expect_prefix(self, folder, least):
        verified = programs.bimip("log", "verify", "--deep", folder)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        values = self.values(folder)
        lines = self.lines.read_bytes().splitlines()
        self.assertEqual(values, list(enumerate(lines[:len(values)])))
        self.assertGreaterEqual(len(values), least)

    def test_a_killed_backup_of_a_live_server_costs_nothing_and_the_next_one_is_whole(self):
        programs.wait_until(lambda: self.node.records("packages") > 1000, what="records")
        killed = sum(self.killed_backup() for _ in range(KILLS))
        self.assertGreater(killed, 0, "no backup was killed in its midst")
        stored = self.node.records("packages")
        self.assertEqual(self.start_backup().wait(60), 0)
        self.expect_prefix(self.restored("midway"), stored)

        self.must_end_well(self.publishing)
        self.node.kill()
        self.node.start()
        self.assertEqual(self.node.stop(), 0)
        done = programs.bimip("log", "backup", self.node.folder, "--to", self.backup, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(json.loads(done.stdout)["files_kept"], 0, "nothing of the earlier backups was used")
        last = self.restored("last")
        self.assertEqual(len(self.values(last)), self.count)
        diff = programs.bimip("log", "diff", self.node.folder, last)
        self.assertEqual(diff.returncode, 0, diff.stdout)

    def test_a_store_comes_back_as_it_was_before_a_time(self):
        self.must_end_well(self.publishing)
        self.assertEqual(self.node.stop(), 0)
        self.assertEqual(programs.bimip("log", "backup", self.node.folder, "--to", self.backup).returncode, 0)
        rows = programs.bimip("log", "dump", "--json", "--from", self.count // 3, "--count", 1,
                              self.node.folder / "topics/packages/0")
        moment = json.loads(rows.stdout)["time"]
        folder = self.restored("was", "--until", moment)
        before = programs.bimip("log", "dump", "--raw", "--until", moment, self.node.folder / "topics/packages")
        after = programs.bimip("log", "dump", "--raw", folder / "topics/packages")
        self.assertEqual(after.returncode, 0, after.stderr)
        self.assertTrue(after.stdout == before.stdout and before.stdout, "other records than were there before the time")
        server = programs.Server(folder)
        self.servers.append(server)
        server.start()
        ended = server.records("packages")
        server.must("pub", "packages", "goes on")
        self.assertEqual(server.records("packages"), ended + 1)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    case.main()
