"""Awareness over each of the transports: a viewer is told of somebody on TCP, over a WebSocket, in JSON, over gRPC."""

import asyncio
import json

import support
from grpc_test import Stream, grpc
from support import stanza, stanza_pb2, websockets

ANSWER_WITHIN = 20
ONLINE, BUSY = 1, 3
WATCH = {"eids": ["alice"]}


class Awareness(support.ClientTest):
    FLAGS = ("--awareness-coalesce", "50ms")

    def setUp(self):
        super().setUp()
        self.alice = self.session(eid="alice")
        self.alice.ask(2, set_awareness_privacy={"presence": 1})
        self.set(ONLINE)

    def set(self, state):
        self.assertEqual(self.alice.ask(3, set_awareness={"state": state}).awareness_set.state, state)

    def check(self, changes):
        """Of the pushes that `changes()` gives: the snapshot, and then the change."""
        first = next(changes)
        self.assertEqual([(view.eid, view.state) for view in first.views], [("alice", ONLINE)])
        self.assertTrue(first.complete)
        self.set(BUSY)
        self.assertEqual([(view.eid, view.state) for view in next(changes).views], [("alice", BUSY)])

    def test_over_tcp(self):
        bob = self.session(eid="bob")
        self.assertEqual(bob.ask(4, watch_awareness=WATCH).awareness_watched.entities, 1)
        self.check(bob.next().awareness_changed for _ in range(2))

    def test_over_grpc(self):
        if grpc is None:
            self.skipTest("python3-grpcio is not installed")
        channel = grpc.insecure_channel(self.grpc)
        self.addCleanup(channel.close)
        bob = Stream(channel)
        bob.identify()
        bob.send(stanza(4, watch_awareness=WATCH))
        self.assertEqual(next(bob.answers).awareness_watched.entities, 1)
        self.check(next(bob.answers).awareness_changed for _ in range(2))
        bob.half_close()

    def test_over_a_websocket(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")

        async def run():
            async with websockets.connect(f"ws://{self.http}/", subprotocols=["bimip.v1"]) as bob:
                async def hear():
                    return stanza_pb2.Stanza.FromString(await asyncio.wait_for(bob.recv(), ANSWER_WITHIN))
                await bob.send(stanza(1, identity={"protocol_version": 1, "eid": "bob"}).SerializeToString())
                await hear()
                await bob.send(stanza(2, watch_awareness=WATCH).SerializeToString())
                self.assertEqual((await hear()).awareness_watched.entities, 1)
                first = (await hear()).awareness_changed
                self.assertEqual([(view.eid, view.state) for view in first.views], [("alice", ONLINE)])
                await asyncio.to_thread(self.set, BUSY)
                self.assertEqual((await hear()).awareness_changed.views[0].state, BUSY)
        asyncio.run(run())

    def test_in_json(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")

        async def run():
            async with websockets.connect(f"ws://{self.http}/", subprotocols=["bimip.v1.json"]) as bob:
                async def ask(stanza):
                    await bob.send(json.dumps(stanza))
                    return await hear()

                async def hear():
                    return json.loads(await asyncio.wait_for(bob.recv(), ANSWER_WITHIN))
                await ask({"id": 1, "identity": {"protocolVersion": 1, "eid": "bob"}})
                self.assertEqual(await ask({"id": 2, "watchAwareness": WATCH}),
                                 {"id": "2", "awarenessWatched": {"entities": 1}})
                first = (await hear())["awarenessChanged"]
                self.assertEqual((first["views"][0]["eid"], first["views"][0]["state"], first["complete"]),
                                 ("alice", "USER_STATE_ONLINE", True))
                await asyncio.to_thread(self.set, BUSY)
                self.assertEqual((await hear())["awarenessChanged"]["views"][0]["state"], "USER_STATE_BUSY")
                refused = await ask({"id": 3, "setLocation": {"location": {"latitude": "NaN"}}})
                self.assertEqual(refused["error"]["code"], "CODE_INVALID_ARGUMENT")
        asyncio.run(run())


if __name__ == "__main__":
    support.main()
