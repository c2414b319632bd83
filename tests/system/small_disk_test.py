"""Offline commands whose target has no room: refused early, or ended in the midst of it; either way nothing is left that looks whole."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import case
import programs

KIB = 1 << 10
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def may_mount():
    return os.geteuid() == 0 or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


class SmallDisk(case.SystemTest):
    """A store with many small files: they take more of a disk than they have bytes, so that the first look at it may say yes to what will not fit."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", self.disk], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount here: {mounted.stderr.decode().strip()}")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", self.disk], check=True))
        self.make_store()

    def make_store(self):
        lines = self.folder / "lines"
        lines.write_text("".join(f"{number} {'x' * 900}\n" for number in range(3000)))
        node = self.server()
        node.must("topic", "create", "prices", "--segment-bytes", "1MiB", "--compact")
        node.must("topic", "create", "orders", "--segment-bytes", "1MiB", "--partitions", "24")
        node.must("pub", "prices", "--lines", lines, "--key", "k")
        node.must("pub", "orders", "--lines", lines)
        self.assertEqual(node.stop(), 0)
        self.store = node.folder
        self.backup = self.folder / "backup"
        self.log("backup", self.store, "--to", self.backup)

    def log(self, *arguments, code=0):
        done = programs.bimip("log", *arguments)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def resize(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", self.disk], check=True)

    def free(self):
        facts = os.statvfs(self.disk)
        return facts.f_bavail * facts.f_frsize

    def commands(self, to):
        prices = self.store / "topics/prices"
        return {
            "salvage": ("salvage", self.store, "--to", to),
            "backup": ("backup", self.store, "--to", to),
            "restore": ("restore", self.backup, "--to", to),
            "reindex": ("reindex", self.store, "--to", to),
            "extract": ("extract", prices, "--out", to),
            "compact": ("compact", self.store, "--to", to),
            "erase": ("erase", prices, "--key", "k", "--to", to),
        }

    def missing_bytes(self, said):
        return int(said.split(" bytes) are missing")[0].rsplit("(", 1)[1])

    def resize_too_small_for(self, name):
        """What is derived is small; everything else is not. Answers how small the disk is now."""
        size = 4 * KIB if name == "reindex" else 200 * KIB
        self.resize(size)
        return size

    def test_what_cannot_fit_is_refused_before_anything_is_written(self):
        to = self.disk / "made" / "to"
        for name, command in self.commands(to).items():
            with self.subTest(name):
                self.resize_too_small_for(name)
                for flags in ((), ("--dry-run",)):
                    refused = self.log(*command, *flags, code=2)
                    self.assertIn("are missing; nothing was written", refused.stderr)
                    self.assertEqual(refused.stdout, "")
                    self.assertEqual(os.listdir(self.disk), [])

    def test_a_disk_that_fills_in_the_midst_of_it_ends_the_command_and_holds_nothing_that_looks_whole(self):
        to = self.disk / "to"
        for name, command in self.commands(to).items():
            with self.subTest(name):
                size = self.resize_too_small_for(name)
                size += self.missing_bytes(self.log(*command, "--dry-run", code=2).stderr)
                self.resize(-(-size // 4096) * 4096)
                failed = self.log(*command, code=2)
                self.assertIn("No space left on device", failed.stderr)
                self.assertEqual(failed.stdout, "")
                if name == "backup":
                    self.assertIn("no backup was finished", failed.stderr)
                    self.assertIn("no backup was finished", self.log("restore", to, "--dry-run", code=2).stderr)
                    self.resize(64 * KIB * KIB)
                    again = json.loads(self.log(*command, "--json").stdout)
                    self.assertGreater(again["files_kept"], 0)
                    shutil.rmtree(to)
                self.assertEqual(os.listdir(self.disk), [])

    def test_a_store_is_not_harmed_by_a_disk_that_fills_while_it_is_written_anew_in_its_place(self):
        moved = self.disk / "store"
        shutil.copytree(self.store, moved)
        shutil.rmtree(moved / "spare", ignore_errors=True)
        self.resize(64 * KIB * KIB - self.free() + 128 * KIB)
        before = self.disk_tree()
        for command in (("compact",), ("erase", "--topic", "prices", "--key", "k")):
            with self.subTest(command[0]):
                failed = self.log(command[0], moved, *command[1:], "--replace", code=2)
                self.assertRegex(failed.stderr, "No space left on device|are missing")
                self.assertEqual(self.disk_tree(), before)
                self.log("verify", "--deep", moved)

    def disk_tree(self):
        return {path: path.read_bytes() for path in self.disk.rglob("*") if path.is_file()}

    def test_a_mount_point_is_no_folder_whose_place_another_can_take(self):
        shutil.copytree(self.store, self.disk, dirs_exist_ok=True)
        for flags in (("--replace",), ("--to", self.disk)):
            source = self.store if "--to" in flags else self.disk
            if "--to" in flags:
                for path in self.disk.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            refused = self.log("compact", source, *flags, code=2)
            self.assertIn("is a mount point", refused.stderr)
            self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith(".")], [])


if __name__ == "__main__":
    if os.geteuid() != 0 and may_mount():
        os.execvp(NAMESPACE[0], [*NAMESPACE, sys.executable, "-B", *sys.argv])
    case.main()
