"""Real lines through a server that is killed again and again: they come back, in order, once each."""

import itertools
import os
import pathlib
import subprocess

import case
import programs

APT_LISTS = pathlib.Path("/var/lib/apt/lists")
SHARED_TEXTS = (pathlib.Path("/usr/share/dict"), pathlib.Path("/usr/share/doc"), pathlib.Path("/usr/include"))
LINES = None if os.environ.get("BIMIP_ALL_LINES") else 400_000  # of the million and more
KILLS, KILLS_LEAST = 12, 3


def package_lists():
    """The lines of the package lists that apt keeps, as bytes with their ends."""
    for path in sorted(APT_LISTS.glob("*_Packages*")):
        if path.suffix == ".lz4":
            with subprocess.Popen(["lz4", "-dc", path], stdout=subprocess.PIPE) as unpacked:
                yield from unpacked.stdout
        elif path.suffix not in (".gz", ".xz"):
            with path.open("rb") as plain:
                yield from plain


def shared_texts():
    for folder in SHARED_TEXTS:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in (".gz", ".png", ".svg"):
                with path.open("rb") as text:
                    yield from text


def real_lines(path, most):
    """Writes up to `most` of them; what they are, and how many."""
    for source, lines in (("the package lists of apt", package_lists()), ("texts below /usr", shared_texts())):
        with path.open("wb") as out:
            count = 0
            for line in itertools.islice(lines, most):
                out.write(line.rstrip(b"\n") + b"\n")
                count += 1
        if count > 0:
            return source, count
    raise AssertionError("this machine has no text to publish")


class RealInput(case.SystemTest):
    def publish_through_kills(self, lines):
        """bimip pub --lines while the server is killed; the number of kills."""
        server = self.server()
        server.must("topic", "create", "packages", "--segment-bytes", "8MiB")
        publishing = self.background(server.start_bimip("pub", "packages", "--lines", lines, "--reconnect-for", "60s"))
        kills = server.kill_as_it_grows("packages", KILLS, lambda: publishing.poll() is None)
        self.must_end_well(publishing)
        return server, kills

    def test_every_line_comes_back_in_order_and_once_although_the_server_was_killed(self):
        lines, replayed = self.folder / "lines", self.folder / "replayed"
        source, count = real_lines(lines, LINES)
        server, kills = self.publish_through_kills(lines)
        self.assertGreaterEqual(kills, KILLS_LEAST)
        server.kill()
        server.start()
        with replayed.open("wb") as out:
            self.must_end_well(self.background(
                server.start_bimip("sub", "packages", "--from", "earliest", "--count", count, stdout=out)))
        self.assertEqual(subprocess.run(["cmp", lines, replayed]).returncode, 0, f"{lines} and {replayed} differ")
        described = server.must("topic", "describe", "packages")
        self.assertRegex(described, rf"\n +0 +0 +{count}\n", "more is stored than was published")
        self.assertEqual(server.stop(), 0)
        verified = programs.bimip("log", "verify", "--deep", server.folder)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        print(f"{count} lines of {source}, {kills} kills")


if __name__ == "__main__":
    case.main()
