"""kill -9 of a server under load, again and again, and a check of everything it acknowledged."""

import collections
import json
import pathlib

import case
import no_uring
import programs

PRODUCERS = 6
PARTITIONS = 4
MESSAGES = 40_000  # of each producer
KILLS, KILLS_LEAST = 12, 4


class Kill(case.SystemTest):
    def produce(self, server, topic, producer):
        """A `bimip pub` of numbered lines to one partition; it writes where each was stored to a file."""
        lines = self.folder / f"{producer}.lines"
        lines.write_text("".join(f"{producer} {n} {'x' * self.random.randrange(200)}\n"
                                 for n in range(1, MESSAGES + 1)))
        with (self.folder / f"{producer}.stored").open("wb") as stored:
            return self.background(server.start_bimip(
                "pub", topic, "--lines", lines, "--partition", producer % PARTITIONS, "--key", f"key-{producer}",
                "--json", "--reconnect-for", "60s", stdout=stored))

    def kill_again_and_again(self, server, producing):
        return server.kill_as_it_grows("load", KILLS, lambda: any(process.poll() is None for process in producing))

    def check_everything(self, server, topic):
        """Each acknowledged message is where it was said to be; each message is stored once, in its producer's order."""
        stored = {}
        orders = collections.defaultdict(list)
        for line in server.must("sub", topic, "--from", "earliest", "--until-end", "--json").splitlines():
            record = json.loads(line)
            producer, number, _ = record["value"].split(" ")
            self.assertEqual(record["key"], f"key-{producer}")
            place = (record["partition"], record["offset"])
            self.assertNotIn((producer, number), stored, "stored twice")
            stored[producer, number] = place
            orders[producer].append(int(number))
        for producer in map(str, range(PRODUCERS)):
            self.assertEqual(orders[producer], list(range(1, MESSAGES + 1)), f"the order of producer {producer}")
            for line in pathlib.Path(self.folder / f"{producer}.stored").read_text().splitlines():
                answer = json.loads(line)
                self.assertEqual(stored[producer, str(answer["message"])], (answer["partition"], answer["offset"]))

    def lose_nothing(self, durability, **popen):
        server = self.server(**popen)
        server.must("topic", "create", "load", "--partitions", PARTITIONS, "--durability", durability,
                    "--segment-bytes", "4MiB")
        producing = [self.produce(server, "load", producer) for producer in range(PRODUCERS)]
        kills = self.kill_again_and_again(server, producing)
        for process in producing:
            self.must_end_well(process)
        self.assertGreaterEqual(kills, KILLS_LEAST)
        server.kill()
        server.start()
        self.check_everything(server, "load")
        self.assertEqual(server.stop(), 0)
        verified = programs.bimip("log", "verify", "--deep", server.folder)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        print(f"{PRODUCERS} producers of {MESSAGES} messages, {kills} kills")
        return server

    def test_what_a_durable_topic_acknowledged_survives_kills(self):
        self.lose_nothing("durable")

    def test_what_a_written_topic_acknowledged_survives_kills(self):
        self.lose_nothing("written")

    def test_without_io_uring_the_portable_device_keeps_the_same_promises(self):
        server = self.lose_nothing("durable", preexec_fn=no_uring.forbid)
        self.assertRegex(server.log(), r"warning.*io_uring")

    def test_a_subscriber_misses_nothing_and_sees_nothing_twice_across_kills(self):
        server = self.server()
        server.must("topic", "create", "load")
        reading = self.background(server.start_bimip("sub", "load", "--from", "earliest", "--count", MESSAGES, "--reconnect-for", "60s"))
        producing = [self.produce(server, "load", 0)]
        self.kill_again_and_again(server, producing)
        self.must_end_well(producing[0])
        numbers = [int(line.split()[1]) for line in self.must_end_well(reading).splitlines()]
        self.assertEqual(numbers, list(range(1, MESSAGES + 1)))


if __name__ == "__main__":
    case.main()
