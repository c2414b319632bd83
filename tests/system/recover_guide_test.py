"""docs/guides/recover.md, step by step: every command it shows is run, on a store that was damaged as stores are."""

import json
import pathlib
import re
import subprocess

import case
import programs

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/guides/recover.md"
COMMAND = re.compile(r"^    (\S.*?)    # exits with (\d)$")


def commands():
    """What the guide shows, and what each ends with."""
    shown = [line for line in GUIDE.read_text().splitlines() if line.startswith("    ")]
    found = [COMMAND.match(line) for line in shown]
    assert all(found), f"without an exit code: {[line for line, match in zip(shown, found) if not match]}"
    return [(match[1], int(match[2])) for match in found]


class RecoverGuide(case.SystemTest):
    def publish(self, server, first, end):
        lines = self.folder / "lines"
        lines.write_text("".join(f"order {n}\n" for n in range(first, end)))
        server.must("pub", "orders", "--lines", lines)

    def damaged_store(self):
        """The server is stopped; its catalog is overwritten, a segment too, and a manifest is gone."""
        server = self.server(name="bimip")
        server.must("topic", "create", "orders", "--segment-bytes", "64KiB")
        self.publish(server, 0, 5000)
        self.assertEqual(server.stop(), 0)
        backed_up = programs.bimip("log", "backup", server.folder, "--to", self.folder / "backup")
        self.assertEqual(backed_up.returncode, 0, backed_up.stderr)
        server.start()
        self.publish(server, 5000, 8000)
        self.assertEqual(server.stop(), 0)
        partition = server.folder / "topics/orders/0"
        segment = sorted(partition.glob("*.segment"))[1]
        with segment.open("r+b") as file:
            file.seek(segment.stat().st_size // 2)
            file.write(self.random.randbytes(3000))
        with (server.folder / "catalog").open("r+b") as file:
            file.seek(30)
            file.write(b"not what was written")
        (partition / "manifest").unlink()
        return server

    def run_command(self, command, gap):
        """As a shell does, with the guide's places in the test's folder."""
        for place, here in (("/var/lib", self.folder), ("/mnt/rescue", self.folder / "rescue"),
                            ("/mnt/backup", self.folder / "backup")):
            command = command.replace(place, str(here))
        command = command.replace("FIRST", str(gap.get("first"))).replace("END", str(gap.get("end")))
        environment = programs.environment()
        environment["PATH"] = f"{programs.BIN}:{environment['PATH']}"
        return subprocess.run(["sh", "-c", command], env=environment, text=True, timeout=100, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def gap_of_orders(self):
        report = self.folder / "rescue/loss.json"
        if not report.exists():
            return {}
        partitions = json.loads(report.read_text())["partitions"]
        gaps, = (p["gaps"] for p in partitions if p["topic"] == "orders")
        self.assertEqual(len(gaps), 1)
        return gaps[0]["offsets"]

    def test_every_command_of_the_guide_does_what_it_says(self):
        server = self.damaged_store()
        (self.folder / "rescue").mkdir()
        shown = commands()
        self.assertGreater(len(shown), 12)
        for command, code in shown:
            ran = self.run_command(command, self.gap_of_orders())
            self.assertEqual(ran.returncode, code, f"{command}\n{ran.stdout}")

        gap = json.loads((self.folder / "bimip/salvage/report.json").read_text())
        gap, = (p["gaps"][0]["offsets"] for p in gap["partitions"] if p["topic"] == "orders")
        lost = gap["end"] - gap["first"]
        server.start()
        received = server.bimip("sub", "orders", "--from", "earliest", "--until-end", "--json")
        self.assertEqual(received.returncode, 1, received.stderr)
        self.assertIn(f"offsets [{gap['first']}, {gap['end']}) of partition 0 cannot be read", received.stderr)
        values = [json.loads(line)["value"] for line in received.stdout.splitlines()]
        expected = [f"order {n}" for n in range(8000) if not gap["first"] <= n < gap["end"]]
        expected += [f"order {n}" for n in range(gap["first"], gap["end"])]
        self.assertEqual(values, expected)
        self.assertGreater(lost, 0)
        server.must("pub", "orders", "goes on")
        self.assertEqual(server.records("orders"), 8000 + lost + 1)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    case.main()
