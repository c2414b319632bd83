"""Devices, their sessions, and what is known of them, against the real server."""

import json
import time

import case
import programs
import wire


class Registry(case.SystemTest):
    def devices(self, node):
        lines = node.must("session", "list", "--devices", "--json").splitlines()
        return {(one["eid"], one["device"]): one for one in map(json.loads, lines)}

    def state(self, node, eid="alice", device="phone"):
        return self.devices(node)[eid, device]["state"]

    def test_the_newest_session_of_a_device_takes_over_on_any_shard(self):
        node = self.server("--shards", 2)
        node.must("topic", "create", "events")
        sessions = [wire.Session(node, eid="alice", device="phone")]
        for epoch in range(2, 6):  # shards take turns
            newer = wire.Session(node, eid="alice", device="phone")
            goodbye = sessions[-1].end()
            self.assertEqual(wire.Code.Name(goodbye.code), "CODE_TAKEN_OVER")
            self.assertFalse(goodbye.retry)
            self.assertEqual(self.devices(node)["alice", "phone"]["epoch"], epoch)
            sessions.append(newer)
        other = wire.Session(node, eid="alice", device="laptop")
        answer = sessions[-1].ask(9, publish={"topic": "events", "value": b"still here"})
        self.assertTrue(answer.HasField("published"))
        other.close()
        sessions[-1].close()

    def test_nobody_stays_connected_for_ever_after_a_kill_and_nobody_flaps(self):
        node = self.server()
        gone = wire.Session(node, eid="alice", device="phone")
        stays = wire.Session(node, eid="bob", device="phone")
        self.assertEqual(self.state(node), "connected")
        node.must("topic", "create", "events")
        node.must("pub", "events", "durable, and what was handed over before it too")
        node.kill()
        node.start()
        back = wire.Session(node, eid="bob", device="phone")
        self.assertEqual(self.state(node), "connected")
        began = time.monotonic()
        programs.wait_until(lambda: self.state(node) == "suspended", what="suspended")
        self.assertGreater(time.monotonic() - began, 5)
        self.assertEqual(self.state(node, "bob"), "connected")
        self.assertEqual(self.devices(node)["bob", "phone"]["epoch"], 2)
        for session in (gone, stays, back):
            session.close()

    def test_a_request_is_replied_to_or_refused_at_once(self):
        node = self.server()
        node.must("topic", "create", "prices")
        self.refused(node.bimip("request", "prices", "how much?"), 1, "nobody answers")
        replier = self.background(node.start_bimip("--as", "shop", "reply", "prices", "--with", "42", "--count", 2))
        programs.wait_until(lambda: node.bimip("request", "prices", "how much?").stdout == "42\n", what="a reply")
        told = json.loads(node.must("request", "prices", "and now?", "--json"))
        self.assertEqual(told, {"value": "42", "from": "shop"})
        self.must_end_well(replier)
        silent = self.background(node.start_bimip("sub", "prices"))
        programs.wait_until(lambda: "TIMEOUT" in (done := node.bimip("request", "prices", "?", "--timeout", "300ms")).stderr
                            or "no reply" in done.stderr, what="a timeout")
        silent.kill()


if __name__ == "__main__":
    case.main()
