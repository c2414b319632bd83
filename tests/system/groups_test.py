"""Consumer groups, filters, redelivery and dead letters, against the real server."""

import collections
import json
import signal
import subprocess
import time

import case
import programs
import wire
from wire import Session, stanza

WAIT = 30


class Member:
    """A session in a group, and what it was told and given."""

    def __init__(self, server, topic, group="workers", credit=10_000, **subscribe):
        self.session = Session(server)
        self.holds = set()
        self.records = []  # (partition, offset, deliveries before)
        self.generation = 0
        answer = self.session.ask(2, subscribe={"topic": topic, "group": group, "earliest": True, "credit": credit,
                                                **subscribe})
        if answer.WhichOneof("body") != "subscribed":
            raise AssertionError(f"not subscribed: {answer}")
        self.id = answer.subscribed.subscription_id

    def hear(self, is_enough, within=WAIT):
        """Takes what comes until is_enough(self)."""
        deadline = time.monotonic() + within
        self.session.socket.settimeout(0.05)
        while not is_enough(self):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s; it holds {self.holds} and has {len(self.records)} records")
            try:
                self.take(self.session.next())
            except TimeoutError:
                pass

    def listen(self, seconds):
        """Takes what comes for so long."""
        until = time.monotonic() + seconds
        self.hear(lambda _: time.monotonic() >= until, within=seconds + WAIT)

    def take(self, got):
        kind = got.WhichOneof("body")
        if kind == "assignment":
            self.generation = got.assignment.generation
            self.holds = {start.partition for start in got.assignment.partitions}
        elif kind == "delivery":
            for record in got.delivery.records:
                self.records.append((got.delivery.partition, record.offset, record.deliveries_before))
        elif kind == "error":
            raise AssertionError(f"the server complains: {got.error}")

    def acknowledge(self, partition, end=0, ranges=()):
        self.session.send(stanza(0, acknowledge={
            "subscription_id": self.id, "partition": partition, "end_offset": end,
            "ranges": [{"first_offset": first, "end_offset": last} for first, last in ranges]}))

    def reject(self, partition, first, end, after_ms=0):
        self.session.send(stanza(0, reject={"subscription_id": self.id, "partition": partition,
                                            "ranges": [{"first_offset": first, "end_offset": end}],
                                            "redeliver_after_ms": after_ms}))

    def settle(self):
        """Until the server has heard all that was said."""
        self.session.socket.settimeout(wire.ANSWER_WITHIN)
        self.session.send(stanza(77, ping={"sent_at_us": 1}))
        while (got := self.session.next()).id != 77:
            self.take(got)


class Groups(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.node = self.server()

    def topic(self, name="jobs", partitions=1, records=0):
        self.node.must("topic", "create", name, "--partitions", partitions)
        with Session(self.node, producer_id=b"p" * 16) as session:
            for number in range(1, records + 1):
                session.send(stanza(100 + number, publish={
                    "topic": name, "partition": number % partitions, "producer_number": number,
                    "value": f"job {number}".encode()}))
            while records and session.next().id != 100 + records:
                pass

    def test_members_share_the_partitions_and_a_dead_ones_come_to_the_others(self):
        self.topic(partitions=4, records=400)
        ann = Member(self.node, "jobs")
        ann.hear(lambda m: len(m.records) == 400)
        self.assertEqual(ann.holds, {0, 1, 2, 3})
        bob = Member(self.node, "jobs")
        ann.hear(lambda m: len(m.holds) == 2)
        bob.listen(0.5)
        self.assertEqual(bob.holds, set(), "given while Ann has unacknowledged records of it")
        taken = {0, 1, 2, 3} - ann.holds
        for partition in range(4):
            ann.acknowledge(partition, end=100)
        bob.hear(lambda m: m.holds == taken)
        self.assertEqual(bob.records, [], "acknowledged, and delivered once more")
        self.assertEqual(ann.generation, bob.generation)
        bob.session.close()
        ann.hear(lambda m: m.holds == {0, 1, 2, 3})

    def test_what_a_member_left_unacknowledged_comes_to_the_next_with_its_count(self):
        self.topic(records=10)
        ann = Member(self.node, "jobs")
        ann.hear(lambda m: len(m.records) == 10)
        ann.acknowledge(0, end=3, ranges=[(5, 7)])
        ann.settle()
        ann.session.close()
        bob = Member(self.node, "jobs")
        bob.hear(lambda m: len(m.records) == 7)
        self.assertEqual([offset for _, offset, _ in bob.records], [3, 4, 5, 6, 7, 8, 9])
        self.assertEqual([before for _, _, before in bob.records], [1, 1, 0, 0, 1, 1, 1])

    def test_cursors_survive_a_kill(self):
        self.topic(records=50)
        ann = Member(self.node, "jobs")
        ann.hear(lambda m: len(m.records) == 50)
        answer = ann.session.ask(5, acknowledge={"subscription_id": ann.id, "partition": 0, "end_offset": 20})
        self.assertEqual(answer.acknowledged.end_offset, 20)
        self.node.kill()
        self.node.start()
        bob = Member(self.node, "jobs")
        bob.hear(lambda m: len(m.records) == 30)
        self.assertEqual(bob.records[0][1], 20)

    def test_a_record_that_is_not_acknowledged_in_time_comes_again_and_ends_with_the_dead(self):
        self.topic(records=3)
        self.topic("dead")
        ann = Member(self.node, "jobs", redeliver_after_ms=300, deliveries_max=3, dead_letter_topic="dead")
        ann.hear(lambda m: len(m.records) == 3)
        ann.acknowledge(0, ranges=[(0, 1), (2, 3)])
        ann.hear(lambda m: len(m.records) == 5)
        self.assertEqual(ann.records[3:], [(0, 1, 1), (0, 1, 2)])
        dead = json.loads(self.node.must("sub", "dead", "--from", "earliest", "--count", 1, "--json"))
        headers = {header["name"]: header["value"] for header in dead["headers"]}
        self.assertEqual(dead["value"], "job 2")
        self.assertEqual(headers, {"bimip-dead-letter-topic": "jobs", "bimip-dead-letter-partition": "0",
                                   "bimip-dead-letter-offset": "1", "bimip-dead-letter-deliveries": "3"})
        ann.listen(1)
        self.assertEqual(len(ann.records), 5)
        ann.session.close()
        bob = Member(self.node, "jobs")
        bob.listen(0.5)
        self.assertEqual(bob.records, [], "what is with the dead counts as acknowledged")

    def test_a_record_that_kills_its_consumers_ends_with_the_dead_as_well(self):
        self.topic(records=1)
        self.topic("dead")
        for before in range(3):
            member = Member(self.node, "jobs", deliveries_max=3, dead_letter_topic="dead")
            member.hear(lambda m: m.records)
            self.assertEqual(member.records, [(0, 0, before)])
            member.session.close()
        member = Member(self.node, "jobs", deliveries_max=3, dead_letter_topic="dead")
        self.assertEqual(self.node.must("sub", "dead", "--from", "earliest", "--count", 1), "job 1\n")
        self.assertEqual(member.records, [])

    def test_a_rejected_record_comes_again(self):
        self.topic(records=3)
        ann = Member(self.node, "jobs")
        ann.hear(lambda m: len(m.records) == 3)
        ann.reject(0, 1, 2)
        ann.hear(lambda m: len(m.records) == 4)
        self.assertEqual(ann.records[3], (0, 1, 1))

    def test_a_filter_passes_what_it_names_and_moves_the_group_over_the_rest(self):
        self.node.must("topic", "create", "events")
        for key, kind in (("a/1", "login"), ("b/1", "login"), ("a/2", "logout"), ("a/3", "login")):
            self.node.must("pub", "events", f"{key} {kind}", "--key", key, "--header", f"type={kind}")
        read = lambda *flags: self.node.must("sub", "events", "--from", "earliest", *flags).splitlines()
        self.assertEqual(read("--until-end", "--key-prefix", "a/"), ["a/1 login", "a/2 logout", "a/3 login"])
        self.assertEqual(read("--until-end", "--key", "b/1", "--key", "a/3"), ["b/1 login", "a/3 login"])
        self.assertEqual(read("--count", 2, "--key-prefix", "a/", "--header", "type=login"), ["a/1 login", "a/3 login"])
        self.assertEqual(read("--until-end", "--header", "type"), read("--until-end"))
        self.assertEqual(read("--count", 1, "--group", "g", "--key", "b/1"), ["b/1 login"])
        time.sleep(0.6)  # the cursor follows what was passed over with the next tick
        member = Member(self.node, "events", group="g")
        member.listen(0.5)
        self.assertLessEqual(len(member.records), 2, "what was delivered and acknowledged came again")

    def test_the_tool_acknowledges_only_what_it_has_written(self):
        self.node.must("topic", "create", "events")
        self.node.must("pub", "events", "precious")
        member = ("sub", "events", "--group", "workers", "--from", "earliest", "--count", "1")
        with open("/dev/full", "w") as full:
            done = subprocess.run([programs.BIN / "bimip", *member], env=programs.environment(self.node.address), stdout=full,
                                  text=True, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (2, "bimip: standard output: No space left on device\n"))
        self.assertEqual(self.node.must(*member), "precious\n")

    def test_the_tool_ends_when_no_kill_gives_again_what_it_has_written(self):
        self.topic(records=50)
        written = []
        for _ in range(5):
            written += self.node.must("sub", "jobs", "--group", "workers", "--from", "earliest", "--count", "10").splitlines()
            self.node.kill()
            self.node.start()
        self.assertEqual(written, [f"job {number}" for number in range(1, 51)])

    def test_wrong_wishes_are_refused_in_words(self):
        self.topic()
        with Session(self.node) as session:
            number = iter(range(10, 100))
            for wish, words in (
                    ({"group": "g" * 129}, "group"),
                    ({"group": "g", "partitions": [0]}, "group"),
                    ({"deliveries_max": 3}, "dead_letter_topic"),
                    ({"dead_letter_topic": "jobs"}, "deliveries_max"),
                    ({"deliveries_max": 3, "dead_letter_topic": "nowhere"}, "nowhere"),
                    ({"acknowledges_itself": True, "redeliver_after_ms": 5}, "acknowledges itself"),
                    ({"redeliver_after_ms": 100_000_000}, "redeliver_after_ms"),
                    ({"filter": {}}, "filter"),
                    ({"filter": {"key_prefix": b"x" * 70_000}}, "filter"),
                    ({"filter": {"headers": [{"name": ""}]}}, "name")):
                answer = session.ask(next(number), subscribe={"topic": "jobs", "latest": True, "credit": 1, **wish})
                self.assertEqual(answer.WhichOneof("body"), "error", wish)
                self.assertIn(words, answer.error.message)
            answer = session.ask(99, subscribe={"topic": "$cursors", "earliest": True, "credit": 1})
            self.assertEqual(answer.error.code, wire.Code.Value("CODE_PERMISSION_DENIED"))

    def test_every_line_reaches_a_member_though_members_and_the_server_are_killed(self):
        self.topic(partitions=3)
        lines = [f"line {number}" for number in range(3000)]
        source = self.folder / "lines"
        source.write_text("".join(line + "\n" for line in lines))
        outs = [self.folder / f"out-{number}" for number in range(6)]
        members = []
        for number, out in enumerate(outs[:3]):
            members.append(self.member(out))
        publishing = self.background(self.node.start_bimip("pub", "jobs", "--lines", source))
        for number, out in enumerate(outs[3:]):
            time.sleep(0.3)
            members[number].send_signal(signal.SIGKILL)
            members.append(self.member(out))
            if number == 1:
                self.node.kill()
                self.node.start()
        self.must_end_well(publishing)
        def received():
            return collections.Counter(line for out in outs for line in out.read_text().splitlines() if line in known)
        known = set(lines)
        programs.wait_until(lambda: len(received()) == len(lines), 60, "every line")

    def member(self, out):
        with out.open("wb") as file:
            return self.background(self.node.start_bimip("sub", "jobs", "--group", "workers", "--from", "earliest",
                                                         stdout=file))


if __name__ == "__main__":
    case.main()
