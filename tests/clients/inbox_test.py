"""Inboxes over gRPC and a binary WebSocket: open, deliver, acknowledge, mark read, receipts, explain, gone through once by
a device that has a message before and one after it came."""

import asyncio

import support
from grpc_test import Stream, grpc
from support import stanza, stanza_pb2, websockets

ANSWER_WITHIN = 20
ACKNOWLEDGED, AWAY, LEFT_OUT = 1, 6, 9


class GrpcPeer:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.stream = Stream(self.channel)
        self.send = self.stream.send

    def next(self):
        return next(self.stream.answers)

    def close(self):
        self.stream.half_close()
        self.channel.close()


class WebSocketPeer:
    def __init__(self, address):
        self.loop = asyncio.new_event_loop()
        self.socket = self._run(self._connected(f"ws://{address}/"))

    @staticmethod
    async def _connected(url):
        return await websockets.connect(url, subprotocols=["bimip.v1"])

    def _run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, ANSWER_WITHIN))

    def send(self, said):
        self._run(self.socket.send(said.SerializeToString()))

    def next(self):
        return stanza_pb2.Stanza.FromString(self._run(self.socket.recv()))

    def close(self):
        self._run(self.socket.close())
        self.loop.close()


class Inboxes(support.ClientTest):
    def peer(self, eid, device):
        peer = self.connect()
        self.addCleanup(peer.close)
        self.pushed = []
        self.ask(peer, 1, identity={"protocol_version": 1, "eid": eid, "device": device})
        return peer

    def ask(self, peer, id, **body):
        peer.send(stanza(id, **body))
        while (got := peer.next()).id != id:
            self.pushed.append(got)
        return got

    def delivered(self, peer, inbox, up_to):
        """The messages that came, when everything up to there has; and the last delivery."""
        items = []
        while True:
            got = self.pushed.pop(0) if self.pushed else peer.next()
            if got.WhichOneof("body") != "inbox_delivery" or got.inbox_delivery.inbox_id != inbox:
                continue
            items += got.inbox_delivery.items
            if got.inbox_delivery.up_to >= up_to:
                return items, got.inbox_delivery

    def go_through(self):
        alice = self.session(eid="alice")
        for i, to_device in enumerate(("phone", "", "tablet"), 1):
            self.assertTrue(alice.ask(10 + i, send={"to": "bob", "message_id": f"m{i}", "body": b"hello %d" % i,
                                                    "to_device": to_device}).HasField("sent"))
        bob = self.peer("bob", "phone")
        opened = self.ask(bob, 2, open_inbox={"category": "chat"}).inbox_opened
        self.assertEqual((opened.from_increment, opened.state.last_increment, opened.state.unread), (1, 3, 3))
        # The last one is for another device: that everything came is told all the same.
        items, delivery = self.delivered(bob, opened.inbox_id, 3)
        self.assertEqual([(one.increment, one.message.body) for one in items], [(1, b"hello 1"), (2, b"hello 2")])
        self.assertEqual((delivery.up_to, delivery.last_increment), (3, 3))
        done = self.ask(bob, 3, acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": 3})
        self.assertEqual(done.inbox_acknowledged.up_to, 3)
        state = self.ask(bob, 4, mark_read={"category": "chat", "up_to": 2}).inbox_state
        self.assertEqual((state.last_increment, state.read_up_to, state.unread), (3, 2, 1))
        self.assertTrue(self.ask(bob, 5, send_receipt={"category": "chat", "name": "played", "first_increment": 2,
                                                       "last_increment": 2}).HasField("inbox_state"))
        told = self.ask(bob, 6, explain_message={"message_id": "m2"}).message_explanation
        self.assertEqual([(one.device, one.cursor, one.delivery) for one in told.devices], [("phone", 3, ACKNOWLEDGED)])
        self.assertTrue(told.is_read and told.is_durable)
        told = self.ask(bob, 7, explain_message={"message_id": "m3"}).message_explanation
        self.assertIn(("tablet", 0, AWAY), [(one.device, one.cursor, one.delivery) for one in told.devices])
        # A device that begins behind the messages has not had them, also when it acknowledges what follows.
        watch = self.peer("bob", "watch")
        opened = self.ask(watch, 2, open_inbox={"category": "chat", "latest": True}).inbox_opened
        alice.ask(14, send={"to": "bob", "message_id": "m4", "body": b"live"})
        items, _ = self.delivered(watch, opened.inbox_id, 4)
        self.assertEqual([one.message.body for one in items], [b"live"])
        self.ask(watch, 3, acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": 4})
        told = self.ask(watch, 4, explain_message={"message_id": "m2"}).message_explanation
        self.assertIn(("watch", 4, LEFT_OUT), [(one.device, one.cursor, one.delivery) for one in told.devices])
        self.assertTrue(self.ask(watch, 5, close_inbox={"inbox_id": opened.inbox_id}).HasField("inbox_closed"))
        self.receipts_of(self.peer("alice", "reader"))

    def receipts_of(self, alice):
        opened = self.ask(alice, 2, open_inbox={"category": "receipt", "only_looks": True}).inbox_opened
        told, expected = [], [("delivered", "m1"), ("delivered", "m2"), ("delivered", "m4"), ("played", "m2"), ("read", "m1"),
                              ("read", "m2")]
        while len(told) < len(expected):
            items, _ = self.delivered(alice, opened.inbox_id, 1)
            told += [(one.message.receipt.name, id) for one in items for id in one.message.receipt.message_ids]
        self.assertEqual(sorted(told), expected)

    def test_over_grpc(self):
        if grpc is None:
            self.skipTest("python3-grpcio is not installed")
        self.connect = lambda: GrpcPeer(self.grpc)
        self.go_through()

    def test_over_a_websocket(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")
        self.connect = lambda: WebSocketPeer(self.http)
        self.go_through()


if __name__ == "__main__":
    support.main()
