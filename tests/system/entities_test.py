"""The keys of a topic, by their numbers, against the real server."""

import json

import case
import programs
from wire import Session, Code


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Entities(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.bimipd = self.server()

    def publish(self, topic, key, *values):
        self.bimipd.must("pub", topic, "-", "--key", key, input="".join(f"{value}\n" for value in values))

    def test_a_keys_newest_record_and_its_history(self):
        self.bimipd.must("topic", "create", "prices", "--partitions", "3")
        self.publish("prices", "EURUSD", *range(1, 301))
        self.publish("prices", "USDJPY", "150")
        self.assertEqual(self.bimipd.must("entity", "get", "prices", "EURUSD"), "300\n")
        newest = json.loads(self.bimipd.must("entity", "get", "prices", "USDJPY", "--json"))
        self.assertEqual((newest["increment"], newest["value"], newest["key"]), (1, "150", "USDJPY"))
        history = self.bimipd.must("entity", "history", "prices", "EURUSD", "--from", "290")
        self.assertEqual(history, "".join(f"{i}\t{i}\n" for i in range(290, 301)))
        history = self.bimipd.must("entity", "history", "prices", "EURUSD", "--newest-first", "--count", "2", "--json")
        self.assertEqual([one["increment"] for one in lines(history)], [300, 299])
        listed = lines(self.bimipd.must("entity", "list", "prices", "--json"))
        self.assertEqual({one["key"]: one["last_increment"] for one in listed}, {"EURUSD": 300, "USDJPY": 1})

    def test_a_long_history_comes_in_several_answers_and_survives_a_kill(self):
        self.bimipd.must("topic", "create", "log")
        values = [f"{i} " + "x" * 2000 for i in range(400)]
        self.publish("log", "key", *values)
        self.bimipd.kill()
        self.bimipd.start()
        history = lines(self.bimipd.must("entity", "history", "log", "key", "--json"))
        self.assertEqual([one["value"] for one in history], values)
        self.assertEqual([one["increment"] for one in history], list(range(1, 401)))
        back = lines(self.bimipd.must("entity", "history", "log", "key", "--newest-first", "--json"))
        self.assertEqual(back, history[::-1])

    def test_what_is_not_there_is_said(self):
        self.bimipd.must("topic", "create", "t")
        self.publish("t", "there", "1")
        self.refused(self.bimipd.bimip("entity", "get", "t", "nobody"), 1, "no record of this key")
        self.refused(self.bimipd.bimip("entity", "get", "nothing", "there"), 1, "nothing")
        self.refused(self.bimipd.bimip("entity", "history", "t", "nobody"), 1, "no record of this key")
        self.refused(self.bimipd.bimip("entity", "history", "t", "there", "--from", "-1"), 2, "--from")
        self.assertEqual(self.bimipd.must("entity", "history", "t", "there", "--from", "5"), "")
        self.bimipd.must("pub", "t", "--key", "there", "--tombstone")
        self.refused(self.bimipd.bimip("entity", "get", "t", "there"), 1, "tombstone")

    def test_an_erased_key_is_nowhere(self):
        self.bimipd.must("topic", "create", "t", "--partitions", "2", "--segment-bytes", "64KiB")
        for i in range(20):
            self.publish("t", f"user-{i % 4}", *(f"of-user-{i % 4} " + "x" * 900 for _ in range(10)))
        self.publish("t", "writer", "a letter to user-1234567")
        self.publish("t", "user-1234567", "secret-of-1234567", *("y" * 3000 for _ in range(30)))
        self.assertTrue(self.stored(b"secret-of-1234567"))
        erased = json.loads(self.bimipd.must("entity", "erase", "t", "user-1234567", "--json"))
        self.assertEqual((erased["records"], erased["mentions"]), (31, 1))
        self.assertGreater(erased["files_proven"], 4)
        self.assertFalse(self.stored(b"secret-of-1234567"))
        self.refused(self.bimipd.bimip("entity", "get", "t", "user-1234567"), 1, "no record of this key")
        self.publish("t", "user-1234567", "again")
        self.bimipd.kill()
        self.bimipd.start()
        for i in range(4):
            history = lines(self.bimipd.must("entity", "history", "t", f"user-{i}", "--json"))
            self.assertEqual([one["increment"] for one in history], list(range(1, 51)))
        history = lines(self.bimipd.must("entity", "history", "t", "user-1234567", "--json"))
        self.assertEqual([(one["increment"], one["value"]) for one in history], [(1, "again")])
        self.bimipd.must("entity", "erase", "t", "nobody")
        self.refused(self.bimipd.bimip("entity", "erase", "nothing", "x"), 1, "nothing")

    def stored(self, what):
        return [file for file in self.bimipd.folder.rglob("*") if file.is_file() and what in file.read_bytes()]

    def test_requests_that_make_no_sense_are_refused(self):
        self.bimipd.must("topic", "create", "t")
        with Session(self.bimipd) as session:
            answer = session.ask(2, get_entity={"topic": "t"})
            self.assertEqual(answer.error.code, Code.CODE_INVALID_ARGUMENT)
            answer = session.ask(3, list_entities={"topic": "t", "partition": 1})
            self.assertEqual(answer.error.code, Code.CODE_NOT_FOUND)
            answer = session.ask(4, list_entities={"topic": "t", "from": b"nonsense"})
            self.assertEqual(answer.error.code, Code.CODE_INVALID_ARGUMENT)

    def test_entities_are_listed_page_by_page_each_once(self):
        self.bimipd.must("topic", "create", "many", "--partitions", "2")
        for start in range(0, 40, 4):
            with Session(self.bimipd) as session:
                for i in range(start, start + 4):
                    session.ask(i + 2, publish={"topic": "many", "key": f"key {i}".encode(), "value": b"v"})
        with Session(self.bimipd) as session:
            seen = []
            for partition in range(2):
                cursor = b""
                while True:
                    answer = session.ask(2, list_entities={"topic": "many", "partition": partition, "from": cursor,
                                                           "entities_max": 3}).entity_list
                    seen += [entity.key.decode() for entity in answer.entities]
                    cursor = answer.next
                    if not cursor:
                        break
        self.assertEqual(sorted(seen), sorted(f"key {i}" for i in range(40)))

    def test_a_compacted_topic_keeps_the_newest_and_says_what_is_gone(self):
        self.bimipd.must("topic", "create", "state", "--compact", "--segment-bytes", "1MiB")
        for round in range(4):
            self.publish("state", "a", *[f"{round} {i} " + "x" * 2000 for i in range(300)])
        self.publish("state", "b", "kept")

        def is_compacted():
            history = self.bimipd.bimip("entity", "history", "state", "a")
            return "superseded" in history.stderr
        programs.wait_until(is_compacted, within=60, what="the compaction")
        self.assertTrue(self.bimipd.must("entity", "get", "state", "a").startswith("3 299 "))
        self.assertEqual(self.bimipd.must("entity", "get", "state", "b"), "kept\n")


if __name__ == "__main__":
    case.main()
