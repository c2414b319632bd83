"""Every offline command as somebody types it in trouble: wrong paths, no right to read, a server that runs, a reader that goes away, Ctrl-C."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import case
import programs

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/guides/offline.md"
NOBODY = 65534
# What a path that is none of ours is called.
NOT_OURS = ("is not a Bimip data directory", "is not a segment", "nothing of a Bimip store is there", "is not a backup",
            "is a folder, not a file", "is not a file that extract wrote")
READING = ("stat", "verify", "dump", "dump --blocks", "diff", "extract", "backup")  # may be told --live


class OfflineCommands(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.out = self.folder / "out"
        self.out.mkdir()
        self.out.chmod(0o777)

    def make_store(self, lines=3000):
        """Two topics in several segments; a backup and an extract of them."""
        text = self.folder / "lines"
        text.write_text("".join(f"{number} {'x' * 900}\n" for number in range(lines)))
        self.node = self.server()
        self.node.must("topic", "create", "orders", "--segment-bytes", "1MiB", "--partitions", "2")
        self.node.must("topic", "create", "prices", "--segment-bytes", "1MiB", "--compact")
        self.node.must("pub", "orders", "--lines", text, "--partition", "0")
        self.node.must("pub", "orders", "--lines", text, "--partition", "1", "--key", "k")
        self.node.must("pub", "prices", "--lines", text, "--key", "k")
        self.store = self.node.folder
        self.backup = self.folder / "backup"
        self.extract = self.folder / "extract.jsonl"
        self.log("backup", self.store, "--live", "--to", self.backup)
        self.log("extract", self.store / "topics/orders", "--live", "--count", "20", "--out", self.extract)

    def stop(self):
        self.assertEqual(self.node.stop(), 0)

    def log(self, *arguments, code=0, **popen):
        done = programs.bimip("log", *arguments, **popen)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def remove_output(self):
        shutil.rmtree(self.out / "to", ignore_errors=True)
        (self.out / "to").unlink(missing_ok=True)

    def commands(self, path, topic=None):
        """Each command with `path` where a store is to be given, or its topic where that is read or erased in."""
        to = self.out / "to"
        whole_or_topic = ("--key", "k") if topic else ("--topic", "orders", "--key", "k")
        return {
            "stat": ("stat", path),
            "verify": ("verify", "--deep", path),
            "dump": ("dump", topic or path),
            "dump --blocks": ("dump", "--blocks", path),
            "diff": ("diff", path, path),
            "extract": ("extract", topic or path, "--out", to),
            "salvage": ("salvage", path, "--to", to),
            "salvage --dry-run": ("salvage", path, "--dry-run"),
            "reindex": ("reindex", path, "--to", to),
            "reindex --replace": ("reindex", path, "--replace"),
            "backup": ("backup", path, "--to", to),
            "compact": ("compact", path, "--to", to),
            "compact --replace": ("compact", path, "--replace"),
            "erase": ("erase", topic or path, *whole_or_topic, "--to", to),
            "erase --replace": ("erase", path, "--topic", "orders", "--key", "k", "--replace"),
            "import": ("import", self.extract, "--into", path),
        }

    def commands_with_any_path(self, path):
        return self.commands(path) | {
            "restore": ("restore", path, "--to", self.out / "to"),
            "restore --list": ("restore", path, "--list"),
            "restore --dry-run": ("restore", path, "--dry-run"),
            "import of it": ("import", path, "--into", self.store),
            "diff with it": ("diff", self.store, path),
        }

    def refused(self, command, *words, **popen):
        done = self.log(*command, code=2, **popen)
        self.assertTrue(done.stderr.startswith("bimip log: "), done.stderr)
        self.assertTrue(any(word in done.stderr for word in words), f"{command}: {done.stderr}")
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(os.listdir(self.out), [])

    def test_every_command_says_alike_what_is_wrong_with_a_path(self):
        self.make_store()
        self.stop()
        missing, empty, file = (self.folder / name for name in ("missing", "empty", "file"))
        empty.mkdir()
        file.write_text("no store\n")
        for path, words in ((missing, (f"{missing}: No such file or directory",)), (empty, NOT_OURS), (file, NOT_OURS)):
            for name, command in self.commands_with_any_path(path).items():
                with self.subTest(f"{name} of {path.name}"):
                    self.refused(command, *words)

    def test_a_word_that_is_no_command_is_said_to_be_that(self):
        for command, word in (("log",), "verfy"), ((), "lgo"):
            wrong = programs.bimip(*command, word)
            self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
            self.assertIn(f"'{word}' is no command of {' '.join(('bimip', *command))} (see", wrong.stderr)

    def test_what_may_not_be_read_is_said_to_be_that_and_is_no_damage(self):
        self.make_store()
        self.stop()
        as_other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if as_other:
            subprocess.run(["chown", "-R", str(NOBODY), self.store, self.extract], check=True)
        locked = self.folder / "locked"
        locked.mkdir()
        locked.chmod(0)
        segment = self.store / "topics/orders/1/0000000001.segment"
        if as_other:
            os.chown(segment, 0, 0)
        for name, command in self.commands_with_any_path(locked).items():
            with self.subTest(f"{name} of a folder"):
                self.refused(command, f"{locked}: Permission denied", **as_other)
        segment.chmod(0)
        for name, command in self.commands(self.store, topic=self.store / "topics/orders").items():
            if "import" in name or "--replace" in name or name == "backup":  # end for other reasons, or in the midst
                continue
            with self.subTest(f"{name} with a segment"):
                self.refused(command, "Permission denied", **as_other)
        backed_up = self.log("backup", self.store, "--to", self.out / "to", code=2, **as_other)
        self.assertIn("Permission denied", backed_up.stderr)
        locked.chmod(0o700)

    def test_a_store_that_a_server_holds_is_refused_and_read_with_live(self):
        self.make_store()
        topic = self.store / "topics/orders"
        for name, command in self.commands(self.store, topic).items():
            with self.subTest(name):
                self.refused(command, f"a server holds this store (process {self.node.process.pid})")
        for name, command in self.commands(self.store, topic).items():
            with self.subTest(f"{name} --live"):
                if name in READING:
                    self.log(*command, "--live")
                    self.remove_output()
                else:
                    self.assertIn("--live", self.log(*command, "--live", code=2).stderr)
        self.stop()

    def test_json_is_whole_and_has_no_field_that_the_guide_does_not_name(self):
        self.make_store()
        self.stop()
        next(self.store.glob("topics/orders/0/*.index")).unlink()
        guide = GUIDE.read_text().split("\n## JSON\n")[1]
        commands = self.commands(self.store, topic=self.store / "topics/orders") | {
            "restore": ("restore", self.backup, "--to", self.out / "to"),
            "restore --list": ("restore", self.backup, "--list"),
            "dump --block": ("dump", "--block", "0", self.store / "topics/orders/0"),
        }
        for name, command in commands.items():
            for flags in ((), ("--dry-run",)):
                if flags and (name.split()[0] in ("stat", "verify", "dump", "diff") or "--" in name):
                    continue
                with self.subTest(f"{name} {flags}"):
                    done = programs.bimip("log", *command, "--json", *flags)
                    self.assertIn(done.returncode, (0, 1), done.stderr)
                    lines = [json.loads(line) for line in done.stdout.splitlines()]
                    self.assertTrue(lines)
                    for line in lines[:200]:
                        self.assert_documented(line, guide)
                    if "schema" in lines[0]:
                        self.assertEqual(lines[0]["schema"], f"bimip.log.{command[0]}/1")
                        self.assertEqual(len(lines), 1)
                    self.remove_output()

    def assert_documented(self, value, guide):
        if isinstance(value, list):
            for one in value:
                self.assert_documented(one, guide)
        elif isinstance(value, dict):
            for field, inner in value.items():
                self.assertRegex(guide, rf"`{re.escape(field.removesuffix('_base64'))}`", f"{field} is in no table of the guide")
                if field not in ("decoded", "mentions", "elsewhere"):  # a stanza; by topic
                    self.assert_documented(inner, guide)

    def test_a_reader_that_goes_away_ends_a_command_quietly(self):
        self.make_store()
        self.stop()
        for name, command in self.commands(self.store, topic=self.store / "topics/orders").items():
            if "--replace" in name or name == "import":
                continue
            with self.subTest(name):
                line = " ".join(map(str, (programs.BIN / "bimip", "log", *command)))
                done = subprocess.run(["bash", "-c", f"{line} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertLessEqual(len(done.stdout.splitlines()), 1)
                self.remove_output()

    def test_output_that_cannot_be_written_is_no_success(self):
        self.make_store()
        self.stop()
        for command in (("stat",), ("verify",), ("dump",), ("dump", "--blocks")):
            with self.subTest(command), open("/dev/full", "w") as full:
                done = subprocess.run([programs.BIN / "bimip", "log", *command, self.store], stdout=full, text=True,
                                      stderr=subprocess.PIPE)
                self.assertEqual((done.returncode, done.stderr), (2, "bimip log: standard output: No space left on device\n"))

    def test_an_interrupted_command_leaves_nothing(self):
        self.make_store(12000)
        self.stop()
        commands = self.commands(self.store, topic=self.store / "topics/orders")
        commands["restore"] = ("restore", self.backup, "--to", self.out / "to")
        siblings = sorted(os.listdir(self.folder))
        for name in ("salvage", "restore", "extract", "compact", "erase", "backup"):
            with self.subTest(name):
                was_interrupted = any(self.interrupt_midway(commands[name], name) for _ in range(30))
                self.assertTrue(was_interrupted, "it always was quicker")
                self.assertEqual(sorted(os.listdir(self.folder)), siblings)
        self.log("verify", "--deep", self.store)

    def interrupt_midway(self, command, name):
        """Whether it was still at it."""
        running = self.background(programs.start_bimip("log", *command, text=True))
        while running.poll() is None and not any(self.out.rglob("*")):
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.03))
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        if running.returncode == 0:
            self.remove_output()
            return False
        self.assertEqual(running.returncode, -signal.SIGINT, said)
        if name == "backup":
            self.assertNotIn("points/", str(list((self.out / "to").rglob("*.json"))))
            self.remove_output()
        self.assertEqual(list(self.out.rglob("*")), [], said)
        return True

    def test_what_was_copied_out_of_a_store_is_read_as_what_it_is(self):
        self.make_store()
        self.stop()
        orders = self.store / "topics/orders"
        copies = self.folder / "copies"
        copies.mkdir()
        shutil.copytree(self.store, copies / "whole")
        shutil.copytree(orders, copies / "topic")
        shutil.copytree(orders / "0", copies / "partition")
        shutil.copy(orders / "0/0000000001.segment", copies / "segment")
        for path, scope in (("whole", "store"), ("topic", "topic"), ("partition", "partition"), ("segment", "segment")):
            with self.subTest(scope):
                self.assertEqual(json.loads(self.log("stat", copies / path, "--json").stdout)["scope"], scope)
                self.log("verify", "--deep", copies / path)
                self.log("dump", copies / path, "--count", "3")
                self.log("dump", copies / path, "--blocks")
                self.log("diff", copies / path, copies / path)
                if scope != "store":
                    self.log("extract", copies / path, "--dry-run")
                    self.refused(("compact", copies / path, "--replace"), "neither a data directory nor a topic in one")
                    self.refused(("backup", copies / path, "--to", self.out / "to"), "is not a Bimip data directory")
                if scope != "segment":
                    self.log("reindex", copies / path, "--dry-run")
                salvaged = self.log("salvage", copies / path, "--to", self.out / "to", code=0 if scope == "store" else 1)
                self.assertNotIn("lost: offsets", salvaged.stdout)
                self.remove_output()


if __name__ == "__main__":
    case.main()
