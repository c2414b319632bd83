"""Offers over each of the transports: one made over TCP is accepted over gRPC, over a WebSocket and in JSON."""

import asyncio
import json

import support
from grpc_test import Stream, grpc
from support import stanza, stanza_pb2, websockets

ANSWER_WITHIN = 20
PROPOSED, ACCEPTED = 1, 3
ACCEPT = 2


class Offers(support.ClientTest):
    def setUp(self):
        super().setUp()
        self.alice = self.session(eid="alice")
        offer = self.alice.ask(2, propose_offer={"to": "bob", "offer_id": "call", "description": b"video"})
        self.assertEqual(offer.offer_changed.offer.state, PROPOSED)

    def accepted_by(self, device):
        """As alice finds it."""
        self.alice.send(stanza(3, watch_offers={}))
        while (got := self.alice.next()).WhichOneof("body") != "offer_changed":
            pass
        offer = got.offer_changed.offer
        self.assertEqual((offer.state, offer.to_device, offer.answer), (ACCEPTED, device, b"audio"))

    def test_over_grpc(self):
        if grpc is None:
            self.skipTest("python3-grpcio is not installed")
        channel = grpc.insecure_channel(self.grpc)
        self.addCleanup(channel.close)
        bob = Stream(channel)
        bob.send(stanza(1, identity={"protocol_version": 1, "eid": "bob", "device": "grpc"}))
        next(bob.answers)
        bob.send(stanza(2, watch_offers={}))
        self.assertEqual(next(bob.answers).offers_watched.offers, 1)
        self.assertEqual(next(bob.answers).offer_changed.offer.description, b"video")
        bob.send(stanza(3, act_on_offer={"from": "alice", "offer_id": "call", "action": ACCEPT, "description": b"audio"}))
        while (got := next(bob.answers)).id != 3:
            pass
        self.assertEqual(got.offer_changed.offer.to_device, "grpc")
        self.accepted_by("grpc")
        bob.half_close()

    def test_over_a_websocket(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")

        async def run():
            async with websockets.connect(f"ws://{self.http}/", subprotocols=["bimip.v1"]) as bob:
                async def ask(id, **body):
                    await bob.send(stanza(id, **body).SerializeToString())
                    while (got := stanza_pb2.Stanza.FromString(await asyncio.wait_for(bob.recv(), ANSWER_WITHIN))).id != id:
                        pass
                    return got
                await ask(1, identity={"protocol_version": 1, "eid": "bob", "device": "page"})
                accepted = await ask(2, act_on_offer={"from": "alice", "offer_id": "call", "action": ACCEPT,
                                                      "description": b"audio"})
                self.assertEqual(accepted.offer_changed.offer.state, ACCEPTED)
        asyncio.run(run())
        self.accepted_by("page")

    def test_in_json(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")

        async def run():
            async with websockets.connect(f"ws://{self.http}/", subprotocols=["bimip.v1.json"]) as bob:
                async def ask(stanza):
                    await bob.send(json.dumps(stanza))
                    while (got := json.loads(await asyncio.wait_for(bob.recv(), ANSWER_WITHIN))).get("id") != str(stanza["id"]):
                        pass
                    return got
                await ask({"id": 1, "identity": {"protocolVersion": 1, "eid": "bob", "device": "browser"}})
                accept = {"from": "alice", "offerId": "call", "action": "OFFER_ACTION_ACCEPT", "description": "YXVkaW8="}
                accepted = await ask({"id": 2, "actOnOffer": accept})
                self.assertEqual(accepted["offerChanged"]["offer"]["state"], "OFFER_STATE_ACCEPTED")
                refused = await ask({"id": 3, "actOnOffer": {**accept, "action": "OFFER_ACTION_CANCEL"}})
                self.assertEqual(refused["error"]["code"], "CODE_PERMISSION_DENIED")
        asyncio.run(run())
        self.accepted_by("browser")


if __name__ == "__main__":
    support.main()
