"""/metrics, read by Prometheus's own parser, beside the table of the guide and beside what was done."""

import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.request

import support

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "metrics.md"


class Metrics(support.ClientTest):
    def setUp(self):
        if text_string_to_metric_families is None:
            self.skipTest("python3-prometheus-client is not installed")
        super().setUp()

    def families(self):
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=20) as answer:
            self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
            return list(text_string_to_metric_families(answer.read().decode()))

    def values(self):
        """"name" or "name{label}" -> value"""
        return {sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
                for family in self.families() for sample in family.samples}

    def test_the_guides_table_is_what_the_server_answers(self):
        row = re.compile(r"^\| `(\w+)` \| (\w+) \| (\w*) \| (.+) \|$", re.MULTILINE)
        told = {name: (kind, label, meaning) for name, kind, label, meaning in row.findall(GUIDE.read_text())}
        answered = {}
        for family in self.families():
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            self.assertLessEqual(len(labels), 1)
            answered[name] = (family.type, "".join(labels), family.documentation)
        self.assertEqual(told, answered)

    def test_what_was_done_is_counted(self):
        self.must("pub", "events", "-", input="one\ntwo\nthree\n")
        self.must("sub", "events", "--from", "earliest", "--count", "3")
        self.assertNotEqual(self.bimip("topic", "describe", "nowhere").returncode, 0)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://{self.http}/nowhere", timeout=20)
        seen = self.values()
        # $cursors, $sessions and those of inboxes, awareness and offers, too
        self.assertEqual(seen["bimip_topics"], 13)
        self.assertEqual(seen["bimip_published_records_total"], 3)
        self.assertEqual(seen["bimip_published_bytes_total"], len("onetwothree"))
        answers = seen["bimip_publish_ack_seconds_count"]  # several lines may go in one Publish
        self.assertTrue(1 <= answers <= 3, answers)
        self.assertEqual(seen["bimip_publish_ack_seconds_bucket{+Inf}"], answers)
        self.assertGreater(seen["bimip_publish_ack_seconds_sum"], 0)
        self.assertGreater(seen["bimip_commit_seconds_count"], 0)
        self.assertGreater(seen["bimip_commit_seconds_sum"], 0)
        self.assertEqual(seen["bimip_delivered_records_total"], 3)
        self.assertGreater(seen["bimip_device_written_bytes_total"], 0)
        self.assertEqual(seen["bimip_refusals_total{NOT_FOUND}"], 1)
        self.assertEqual(seen["bimip_ready"], 1)
        self.assertGreaterEqual(seen["bimip_sessions_begun_total"], 4)

    def test_what_groups_do_is_counted(self):
        self.must("topic", "create", "dead")
        self.must("pub", "events", "-", input="one\ntwo\nthree\n")
        member = self.session()
        subscribed = member.ask(2, subscribe={"topic": "events", "group": "workers", "earliest": True, "credit": 10,
                                              "deliveries_max": 2, "dead_letter_topic": "dead"}).subscribed
        delivered = 0
        while delivered < 3:
            delivered += len(self.next_delivery(member))
        of = {"subscription_id": subscribed.subscription_id}
        member.send(support.stanza(0, acknowledge={**of, "end_offset": 2}))
        third = support.stanza(0, reject={**of, "ranges": [{"first_offset": 2, "end_offset": 3}]})
        member.send(third)
        self.assertEqual([record.offset for record in self.next_delivery(member)], [2])
        member.send(third)
        self.wait_for("bimip_dead_letters_total", 1)
        seen = self.values()
        self.assertEqual(seen["bimip_delivered_records_total"], 3)
        self.assertEqual(seen["bimip_redelivered_records_total"], 1)
        self.assertEqual(seen["bimip_acknowledged_records_total"], 2)
        self.assertEqual(seen["bimip_rejected_records_total"], 2)
        self.assertEqual((seen["bimip_groups"], seen["bimip_group_members"]), (1, 1))
        self.assertEqual(seen["bimip_group_cursors"], 1)
        self.assertEqual(seen["bimip_group_rebalances_total"], 1)
        member.close()
        self.wait_for("bimip_group_members", 0)
        self.assertEqual(self.values()["bimip_groups"], 0)
        self.assertEqual(self.values()["bimip_group_rebalances_total"], 2)

    def test_what_inboxes_do_is_counted(self):
        for i in range(3):
            self.must("--as", "alice", "send", "bob", f"{i}")
        self.must("--as", "bob", "--device", "phone", "inbox", "--until-end", "--ack")
        self.wait_for("bimip_messages_acknowledged_total", 3)
        seen = self.values()
        self.assertEqual((seen["bimip_messages_sent_total"], seen["bimip_messages_delivered_total"]), (3, 3))
        self.assertEqual(seen["bimip_message_send_seconds_count"], 3)
        self.assertGreater(seen["bimip_message_send_seconds_sum"], 0)

    def next_delivery(self, session):
        while (got := session.next()).WhichOneof("body") != "delivery":
            pass
        return got.delivery.records

    def test_gauges_return(self):
        command = [support.BIN / "bimip", "sub", "events", "--from", "earliest"]
        with subprocess.Popen(command, env={**os.environ, "BIMIP_SERVER": self.tcp}) as subscriber:
            try:
                self.wait_for("bimip_subscriptions", 1)
            finally:
                subscriber.kill()
        self.wait_for("bimip_subscriptions", 0)
        self.wait_for("bimip_sessions", 0)

    def wait_for(self, name, value):
        support.wait_until(lambda: self.values()[name] == value, what=f"{name} {value}")


if __name__ == "__main__":
    support.main()
