"""kill -9 under consumer groups: what a member was answered for is given to nobody again, nothing is passed over."""

import collections
import threading
import time

import case
import programs
import wire
from wire import Session, stanza

PARTITIONS = 4
MEMBERS = 3
A_LIFE = 8000  # messages published
KILLS = 12
ANSWERED_A_LIFE = 1500  # records at most, of more
WITHIN = 60


class Group:
    """What its members did, together."""

    def __init__(self):
        self.lock = threading.Lock()
        self.said = set()  # (partition, offset) that some member acknowledged
        self.answered = set()  # of those, what the server has answered for
        self.given_again = 0  # after it was said, and not answered
        self.wrongly_given = []
        self.refused = collections.Counter()

    def given(self, place):
        with self.lock:
            if place in self.answered:
                self.wrongly_given.append(place)
            self.given_again += place in self.said


class Member(threading.Thread):
    """Acknowledges in order and out of order, with and without an id, and comes back after each kill."""

    def __init__(self, test, group):
        super().__init__(daemon=True)
        self.server, self.random, self.group = test.bimipd, test.random, group
        self.is_over = test.is_over
        self.is_thorough = False  # leaves nothing that it has unacknowledged
        self.trouble = None
        self.last_id = 10

    def run(self):
        try:
            while not self.is_over.is_set():
                try:
                    self.live()
                except (wire.Closed, ConnectionError, TimeoutError):
                    time.sleep(0.05)
        except Exception as trouble:  # the test tells it
            self.trouble = trouble

    def live(self):
        self.has = collections.defaultdict(set)  # delivered and not acknowledged, by partition
        self.asked = {}
        with Session(self.server) as self.session:
            self.session.send(stanza(2, subscribe={"topic": "jobs", "group": "workers", "earliest": True, "credit": 500}))
            while not self.is_over.is_set():
                self.take(self.session.next())
                self.acknowledge()

    def take(self, got):
        kind = got.WhichOneof("body")
        if kind == "subscribed":
            self.id = got.subscribed.subscription_id
        elif kind == "assignment":
            for partition in got.assignment.taken:
                self.has.pop(partition, None)
        elif kind == "delivery":
            for record in got.delivery.records:
                self.group.given((got.delivery.partition, record.offset))
                self.has[got.delivery.partition].add(record.offset)
        elif kind == "acknowledged":
            with self.group.lock:
                self.group.answered |= self.asked.pop(got.id)
        elif kind == "error":
            self.asked.pop(got.id, None)
            self.group.refused[wire.Code.Name(got.error.code)] += 1

    def acknowledge(self):
        """The older half of a partition, or a few of its records wherever they are; now and then all."""
        for partition, has in self.has.items():
            if not has:
                continue
            offsets = sorted(has)
            body = {"subscription_id": self.id, "partition": partition}
            how = 1 if self.is_thorough else self.random.randrange(4)
            if how == 0:
                named = self.random.sample(offsets, min(3, len(offsets)))
                body["ranges"] = [{"first_offset": one, "end_offset": one + 1} for one in named]
            else:
                named = offsets if how == 1 else offsets[:len(offsets) // 2 + 1]
                body["end_offset"] = named[-1] + 1
            has.difference_update(named)
            places = {(partition, offset) for offset in named}
            with self.group.lock:
                self.group.said |= places
            id = 0
            if self.random.randrange(2):
                id = self.last_id = self.last_id + 1
                self.asked[id] = places
            self.session.send(stanza(id, acknowledge=body))


class GroupKill(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.bimipd = self.server()
        self.is_over = threading.Event()
        self.bimipd.must("topic", "create", "jobs", "--partitions", PARTITIONS)

    def publish(self):
        lines = self.folder / "lines"
        if not lines.exists():
            lines.write_text("".join(f"job {number} {'x' * self.random.randrange(100)}\n" for number in range(A_LIFE)))
        return self.background(self.bimipd.start_bimip("pub", "jobs", "--lines", lines, "--reconnect-for", "60s"))

    def drain(self, group):
        """What is left is given to one more member, which acknowledges it."""
        published = {(partition, offset) for partition, end in self.ends() for offset in range(end)}
        last = Member(self, group)
        last.is_thorough = True
        self.is_over.clear()
        last.start()
        programs.wait_until(lambda: last.trouble or published <= group.said, WITHIN, "every record acknowledged")
        self.is_over.set()
        self.bimipd.must("pub", "jobs", "wakes it up")
        last.join(WITHIN)
        self.assertIsNone(last.trouble)

    def ends(self):
        with Session(self.bimipd) as session:
            described = session.ask(2, describe_topic={"topic": "jobs"}).topic_description
            return [(one.partition, one.log_end_offset) for one in described.partitions]

    def test_no_member_is_given_again_what_one_was_answered_for(self):
        group = Group()
        members = [Member(self, group) for _ in range(MEMBERS)]
        for member in members:
            member.start()
        publishing = []
        for _ in range(KILLS):
            publishing.append(self.publish())
            enough = len(group.answered) + self.random.randrange(1, ANSWERED_A_LIFE)
            programs.wait_until(lambda: len(group.answered) >= enough, WITHIN, "answers")
            self.bimipd.kill()
            self.bimipd.start()
        for process in publishing:
            self.must_end_well(process)
        self.is_over.set()
        self.bimipd.kill()
        for member in members:
            member.join(WITHIN)
            self.assertIsNone(member.trouble)
        self.bimipd.start()
        self.drain(group)
        self.assertEqual(group.wrongly_given, [], "answered, and given again")
        self.assertEqual(set(group.refused) - {"CODE_NOT_FOUND"}, set())
        print(f"{len(group.answered)} of {len(group.said)} records answered for, {group.given_again} given again that were not, "
              f"{KILLS + 1} kills, refused {dict(group.refused)}")


if __name__ == "__main__":
    case.main()
