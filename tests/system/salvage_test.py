"""A store of real lines, damaged as disks and people do it: what still checks comes back, and the server goes on with it."""

import base64
import json
import pathlib
import shutil

import case
import programs
import real_input

LINES = 60_000
DAMAGES = 12


def segments(folder):
    return sorted(pathlib.Path(folder).glob("topics/packages/0/*.segment"))


class Salvage(case.SystemTest):
    def store_of_real_lines(self):
        """Its folder, and its lines."""
        lines = self.folder / "lines"
        real_input.real_lines(lines, LINES)
        server = self.server()
        server.must("topic", "create", "packages", "--segment-bytes", "512KiB")
        server.must("pub", "packages", "--lines", lines)
        self.assertEqual(server.stop(), 0)
        return server.folder, lines.read_bytes().splitlines()

    def overwrite(self, path):
        """Some bytes, somewhere, by others."""
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(self.random.randrange(size))
            file.write(self.random.randbytes(self.random.choice((1, 100, 20_000))))

    def damage(self, folder):
        for _ in range(DAMAGES):
            victim = self.random.choice(segments(folder))
            harm = self.random.choice(("overwrite", "overwrite", "halve", "remove", "rename"))
            if harm == "overwrite":
                self.overwrite(victim)
            elif harm == "halve":
                with victim.open("r+b") as file:
                    file.truncate(victim.stat().st_size // 2)
            elif harm == "remove":
                victim.unlink()
            else:
                victim.rename(victim.with_name("lost+found-" + victim.name))
        (folder / "topics/packages/0/manifest").unlink()

    def records(self, folder):
        """Offset to value."""
        dumped = programs.bimip("log", "dump", "--json", folder / "topics/packages")
        self.assertIn(dumped.returncode, (0, 1), dumped.stderr)
        rows = map(json.loads, dumped.stdout.splitlines())
        return {row["offset"]: row["value"].encode() if "value" in row else base64.b64decode(row["value_base64"])
                for row in rows}

    def test_a_damaged_store_of_real_lines_comes_back_but_for_what_the_report_names(self):
        folder, lines = self.store_of_real_lines()
        damaged, salvaged = self.folder / "damaged", self.folder / "salvaged"
        shutil.copytree(folder, damaged)
        self.damage(damaged)
        self.assertEqual(programs.bimip("log", "verify", damaged).returncode, 1)

        ran = programs.bimip("log", "salvage", damaged, "--to", salvaged, "--json")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        partition, = (p for p in json.loads(ran.stdout)["partitions"] if p["topic"] == "packages")
        verified = programs.bimip("log", "verify", "--deep", salvaged)
        self.assertEqual(verified.returncode, 0, verified.stdout)

        lost = {offset for gap in partition["gaps"] for offset in range(gap["offsets"]["first"], gap["offsets"]["end"])}
        records = self.records(salvaged)
        end = partition["offsets"]["end"]
        self.assertEqual(partition["records"], len(records))
        self.assertEqual(set(range(end)) - lost, set(records))
        self.assertTrue(lost, "nothing was lost: the damage was none")
        for offset, value in records.items():
            self.assertEqual(value, lines[offset])

        server = programs.Server(salvaged)
        self.servers.append(server)
        server.start()
        server.must("pub", "packages", "one more")
        self.assertEqual(server.records("packages"), end + 1)
        self.assertEqual(server.stop(), 0)
        print(f"{len(records)} of {len(lines)} lines came back, {len(lost)} in {len(partition['gaps'])} gaps did not")

    def must_log(self, *arguments):
        done = programs.bimip("log", *arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_compacted_topic_that_is_written_anew_keeps_its_holes_and_is_clean(self):
        server = self.server()
        server.must("topic", "create", "prices", "--segment-bytes", "1MiB", "--compact")
        lines = self.folder / "lines"
        lines.write_text(("x" * 500 + "\n") * 3000)
        for key in ("a", "b", "c"):
            server.must("pub", "prices", "--lines", lines, "--key", key)
        self.assertEqual(server.stop(), 0)
        self.must_log("compact", server.folder, "--replace")
        kept = [json.loads(line) for line in self.must_log("dump", "--json", server.folder / "topics/prices").splitlines()]
        self.assertLess(len(kept), 9000, "nothing was superseded")

        backup, cut = self.folder / "backup", self.folder / "cut"
        self.must_log("backup", server.folder, "--to", backup)
        self.must_log("restore", backup, "--until", kept[2]["time"], "--to", cut)
        self.must_log("verify", "--deep", cut)

        (server.folder / "topics/prices/0/manifest").unlink()
        salvaged = self.folder / "salvaged"
        self.assertIn(programs.bimip("log", "salvage", server.folder, "--to", salvaged).returncode, (0, 1))
        self.must_log("verify", "--deep", salvaged)
        again = [json.loads(line) for line in self.must_log("dump", "--json", salvaged / "topics/prices").splitlines()]
        self.assertEqual([(row["offset"], row["increment"]) for row in again],
                         [(row["offset"], row["increment"]) for row in kept])


if __name__ == "__main__":
    case.main()
