"""Real lines through a server that is killed again and again: they come back, in order, once each."""

import os
import subprocess

import case
import programs
import real_input

LINES = None if os.environ.get("BIMIP_ALL_LINES") else 400_000  # of the million and more
KILLS, KILLS_LEAST = 12, 3


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
        source, count = real_input.real_lines(lines, LINES)
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
