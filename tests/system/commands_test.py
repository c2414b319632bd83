"""The commands as the README and --help show them, on a server that starts, stops and goes away in between."""

import datetime
import json
import re
import subprocess
import time

import case
import programs
import wire
from programs import bimip

COMMANDS = ("topic create", "topic list", "topic describe", "topic reopen", "pub", "sub", "log stat", "log verify",
            "log dump", "log salvage", "log reindex", "log diff", "log backup", "log restore",
            "log extract", "log import", "log compact", "log erase", "replay", "request", "reply")


class Commands(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.node = self.server()

    def published(self, topic, *values, **options):
        if topic not in self.node.must("topic", "list"):
            self.node.must("topic", "create", topic)
        for value in values:
            self.node.must("pub", topic, value, **options)

    def read(self, topic, start, *flags):
        return self.node.must("sub", topic, "--from", start, "--until-end", *flags).splitlines()

    def test_every_command_and_the_server_explain_themselves_with_an_example(self):
        for command in ("", "topic", "log", *COMMANDS):
            text = bimip(*command.split(), "--help")
            self.assertEqual(text.returncode, 0, command)
            self.assertRegex(text.stdout, rf"(?m)^Examples?:\n(  .*\n)*  .*bimip {command}", command)
        text = subprocess.run([programs.BIN / "bimipd", "--help"], text=True, capture_output=True)
        self.assertIn("Example:\n  bimipd --data-dir", text.stdout)
        for program in ("bimipd", "bimip"):
            text = subprocess.run([programs.BIN / program, "--version"], text=True, capture_output=True).stdout
            self.assertRegex(text, rf"^{program} \d+\.\d+\.\d+\n$")

    def test_topics_are_created_listed_and_described(self):
        self.node.must("topic", "create", "b", "--partitions", 3, "--durability", "written", "--segment-bytes", "1MiB",
                       "--segment-age", "1h")
        self.node.must("topic", "create", "a")
        self.node.must("topic", "create", "a")  # again: fine
        self.published("b", "x", "y")
        table = [line.split() for line in self.node.must("topic", "list").splitlines()]
        self.assertEqual(table, [["TOPIC", "PARTITIONS", "RECORDS", "DURABILITY"], ["a", "1", "0", "durable"],
                                 ["b", "3", "2", "written"]])
        listed = [json.loads(line) for line in self.node.must("topic", "list", "--json").splitlines()]
        described = json.loads(self.node.must("topic", "describe", "b", "--json"))
        self.assertEqual(listed[1], described)
        self.assertEqual((described["segment_bytes"], described["segment_age_s"]), (1 << 20, 3600))
        self.assertEqual(sum(p["log_end_offset"] for p in described["partitions"]), 2)

    def test_a_subscription_begins_where_it_was_asked_to(self):
        self.published("events", "one", "two")
        time.sleep(0.02)
        between = datetime.datetime.now(datetime.timezone.utc)
        self.published("events", "three", "four")
        self.assertEqual(self.read("events", "earliest"), ["one", "two", "three", "four"])
        self.assertEqual(self.read("events", "1"), ["two", "three", "four"])
        self.assertEqual(self.read("events", "4"), [])
        self.assertEqual(self.read("events", "last:3"), ["two", "three", "four"])
        self.assertEqual(self.read("events", "last:99"), ["one", "two", "three", "four"])
        self.assertEqual(self.read("events", between.strftime("%Y-%m-%dT%H:%M:%S.%fZ")), ["three", "four"])
        self.assertEqual(self.read("events", "-1h"), ["one", "two", "three", "four"])
        self.assertEqual(self.read("events", "latest"), [])
        self.assertEqual(self.node.must("sub", "events", "--from", "earliest", "--count", 1), "one\n")

    def test_a_partition_whose_folder_went_away_is_brought_back(self):
        self.published("events", "one")
        folder = self.node.folder / "topics" / "events" / "0"
        aside = self.folder / "aside"
        folder.rename(aside)
        stored = ["one"]
        while True:  # a folder that is gone is noticed within a second of writing
            refused = self.node.bimip("pub", "events", "more", "--reconnect-for", "1s")
            if refused.returncode != 0:
                break
            stored.append("more")
        described = json.loads(self.node.must("topic", "describe", "events", "--json"))
        self.assertRegex(described["partitions"][0]["trouble"], "vanished|No such file or directory")
        self.assertNotEqual(self.node.bimip("topic", "reopen", "events").returncode, 0)
        aside.rename(folder)
        self.assertIn("TROUBLE", self.node.must("topic", "reopen", "events", "--partition", 0))
        described = json.loads(self.node.must("topic", "describe", "events", "--json"))
        self.assertEqual(described["partitions"][0]["trouble"], "")
        self.published("events", "two")
        # The one that was refused may have been stored.
        self.assertIn(self.read("events", "earliest"), ([*stored, "two"], [*stored, "more", "two"]))

    def test_a_subscription_from_latest_gets_what_is_published_from_then_on(self):
        self.published("events", "before")
        reading = self.background(self.node.start_bimip("sub", "events", "--count", 3))
        with wire.Session(self.node) as publisher:
            for number in range(1, 1000):  # when it began cannot be seen from here: until it has its three
                publisher.ask(number + 1, publish={"topic": "events", "value": b"%d" % number})
                if reading.poll() is not None:
                    break
                time.sleep(0.01)
        first, second, third = map(int, self.must_end_well(reading).split())
        self.assertEqual([second, third], [first + 1, first + 2])

    def test_json_says_all_of_a_record(self):
        self.published("events")
        self.node.must("pub", "events", "plain", "--key", "user-7", "--header", "a=1", "--header", "b=")
        self.node.must("pub", "events", "-", input=b"\xff\x00\n", text=False)
        first, second = map(json.loads, self.read("events", "earliest", "--json"))
        self.assertRegex(first.pop("time"), r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(first, {"topic": "events", "partition": 0, "offset": 0, "key": "user-7", "value": "plain",
                                 "increment": 1,
                                 "headers": [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]})
        self.assertEqual((second["offset"], second["value_base64"]), (1, "/wA="))

    def test_messages_of_a_key_stay_together_and_in_order(self):
        self.node.must("topic", "create", "keyed", "--partitions", 8)
        for key in ("a", "b", "c"):
            lines = "".join(f"{key}{n}\n" for n in range(50))
            self.node.must("pub", "keyed", "-", "--key", key, input=lines)
        homes = {}
        values = {"a": [], "b": [], "c": []}
        for line in self.read("keyed", "earliest", "--json"):
            record = json.loads(line)
            self.assertEqual(homes.setdefault(record["key"], record["partition"]), record["partition"])
            values[record["key"]].append(record["value"])
        for key, got in values.items():
            self.assertEqual(got, [f"{key}{n}" for n in range(50)])

    def test_lines_of_a_file_and_of_standard_input_are_published_as_they_are(self):
        self.published("lines")
        text = b"first\n\nthird with \r\nlast without an end"
        file = self.folder / "file"
        file.write_bytes(text)
        self.node.must("pub", "lines", "--lines", file)
        self.node.must("pub", "lines", "-", input=text, text=False)
        got = self.node.must("sub", "lines", "--from", "earliest", "--until-end", text=False)
        self.assertEqual(got, (text + b"\n") * 2)
        stored = self.node.must("pub", "lines", "--lines", file, "--json")
        self.assertEqual([json.loads(line)["offset"] for line in stored.splitlines()], [8, 9, 10, 11])

    def test_sigterm_stops_the_server_cleanly(self):
        self.published("events", "one")
        with wire.Session(self.node) as idle:
            self.assertEqual(self.node.stop(), 0)
            goodbye = idle.end()
        self.assertEqual((goodbye.code, goodbye.retry), (wire.Code.CODE_UNAVAILABLE, True))
        self.node.start()
        opened = [line for line in self.node.log().splitlines() if "closed cleanly" in line][-1]
        self.assertRegex(opened, r" (\d+) partitions \(\1 closed cleanly\)")
        self.node.kill()
        self.node.start()
        self.assertEqual(self.read("events", "earliest"), ["one"])

    def test_what_is_on_its_way_when_the_server_stops_is_answered(self):
        self.published("events")
        with wire.Session(self.node) as publisher:
            count = 5000
            publisher.send(*(wire.stanza(n + 2, publish={"topic": "events", "value": b"%d" % n}) for n in range(count)))
            answers = [publisher.next()]
            self.assertEqual(self.node.stop(), 0)
            try:
                while True:
                    answer = publisher.next()
                    if not answer.HasField("draining"):
                        answers.append(answer)
            except wire.Closed as closed:
                self.assertEqual(closed.goodbye.code, wire.Code.CODE_UNAVAILABLE)
        self.node.start()
        stored = self.read("events", "earliest")
        self.assertEqual(stored, [str(n) for n in range(len(stored))])
        self.assertEqual([answer.published.offset for answer in answers], list(range(len(answers))))
        self.assertGreaterEqual(len(stored), len(answers))

    def test_a_client_comes_back_after_a_growing_pause(self):
        self.published("events", "one")
        reading = self.background(self.node.start_bimip("sub", "events", "--from", "earliest", "--count", 2))
        self.assertEqual(reading.stdout.readline(), b"one\n")
        self.node.kill()
        began = time.monotonic()
        time.sleep(1.5)
        self.node.start()
        self.node.must("pub", "events", "two")
        self.assertEqual(self.must_end_well(reading), b"two\n")
        self.assertLess(time.monotonic() - began, 10)

    def test_a_client_gives_up_when_no_server_comes_back(self):
        self.published("events", "one")
        reading = self.background(self.node.start_bimip("sub", "events", "--from", "earliest", "--reconnect-for", "1s"))
        self.assertEqual(reading.stdout.readline(), b"one\n")
        self.node.kill()
        _, said = reading.communicate(timeout=20)
        self.assertEqual(reading.returncode, 2)
        self.assertIn(b"no server at", said)

    def test_an_interrupted_subscription_says_so_by_its_exit_code(self):
        self.published("events", "one")
        reading = self.background(self.node.start_bimip("sub", "events", "--from", "earliest"))
        self.assertEqual(reading.stdout.readline(), b"one\n")
        reading.terminate()
        reading.communicate(timeout=20)
        self.assertEqual(reading.returncode, 130)

    def test_the_offline_commands_read_a_stopped_store_and_leave_a_running_one_alone(self):
        self.published("events", "one", "two")
        for command in ("stat", "verify", "dump"):
            self.refused(bimip("log", command, self.node.folder), 2, "server")
        self.assertEqual(self.node.stop(), 0)
        self.assertIn("events", bimip("log", "stat", self.node.folder).stdout)
        self.assertEqual(bimip("log", "verify", "--deep", self.node.folder).returncode, 0)
        dumped = bimip("log", "dump", "--json", self.node.folder / "topics" / "events").stdout.splitlines()
        self.assertEqual([json.loads(line)["value"] for line in dumped], ["one", "two"])
        self.node.start()
        self.assertEqual(self.read("events", "earliest"), ["one", "two"])


if __name__ == "__main__":
    case.main()
