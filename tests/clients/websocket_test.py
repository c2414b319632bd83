"""The WebSocket, spoken to by clients that we did not write (python3-websockets, and ws of npm)."""

import asyncio
import base64
import json

import support
from node import run_node
from support import Code, stanza, stanza_pb2

try:
    import websockets
    from websockets.frames import OP_BINARY, OP_CONT, OP_TEXT
except ImportError:
    websockets = None

ANSWER_WITHIN = 20
IDENTITY = {"protocolVersion": 1, "eid": "alice"}


class WebSocket(support.ClientTest):
    def connect(self, subprotocol="bimip.v1", **options):
        return websockets.connect(f"ws://{self.http}/", subprotocols=[subprotocol], compression=None,
                                  ping_interval=None, **options)

    async def ask(self, socket, **body):
        await socket.send(stanza(7, **body).SerializeToString())
        answer = stanza_pb2.Stanza.FromString(await asyncio.wait_for(socket.recv(), ANSWER_WITHIN))
        self.assertEqual(answer.id, 7)
        return answer

    async def identified(self, socket):
        self.assertTrue((await self.ask(socket, identity={"protocol_version": 1, "eid": "alice"})).welcome.session_id)
        return socket

    async def closed(self, socket):
        """The close code; what came before is passed over."""
        try:
            while True:
                await asyncio.wait_for(socket.recv(), ANSWER_WITHIN)
        except websockets.ConnectionClosed:
            return socket.close_code

    def setUp(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")
        super().setUp()

    def test_python_publishes_and_subscribes(self):
        async def run():
            async with self.connect() as peer:
                await self.identified(peer)
                published = await self.ask(peer, publish={"topic": "events", "value": b"over a WebSocket"})
                self.assertEqual(published.published.offset, 0)
                await self.ask(peer, subscribe={"topic": "events", "earliest": True, "credit": 10})
                delivery = stanza_pb2.Stanza.FromString(await peer.recv()).delivery
                self.assertEqual([record.value for record in delivery.records], [b"over a WebSocket"])
        asyncio.run(run())
        self.assertEqual(self.must("sub", "events", "--from", "earliest", "--count", "1"), "over a WebSocket\n")

    def test_python_speaks_json(self):
        async def run():
            async with self.connect("bimip.v1.json") as peer:
                async def ask(stanza):
                    await peer.send(json.dumps(stanza))
                    return json.loads(await asyncio.wait_for(peer.recv(), ANSWER_WITHIN))
                self.assertIn("sessionId", (await ask({"id": 1, "identity": IDENTITY}))["welcome"])
                value = base64.b64encode(b"text and \x00 bytes").decode()
                published = await ask({"id": "2", "publish": {"topic": "events", "value": value}})
                self.assertEqual(published, {"id": "2", "published": {}})
                refused = await ask({"id": "3", "publish": {"topic": "nowhere"}})
                self.assertEqual(refused["error"]["code"], "CODE_NOT_FOUND")
                await ask({"id": 4, "subscribe": {"topic": "events", "earliest": True, "credit": 5}})
                delivery = json.loads(await peer.recv())["delivery"]
                self.assertEqual([record["value"] for record in delivery["records"]], [value])
        asyncio.run(run())

    def test_python_fragments_a_message_with_pings_in_between(self):
        async def run():
            async with self.connect() as peer:
                await self.identified(peer)
                whole = stanza(9, ping={"sent_at_us": 5}).SerializeToString()
                await peer.write_frame(False, OP_BINARY, whole[:1])
                pong = await peer.ping(b"in between")
                await asyncio.wait_for(pong, ANSWER_WITHIN)
                await peer.write_frame(False, OP_CONT, b"")
                await peer.write_frame(True, OP_CONT, whole[1:])
                answer = stanza_pb2.Stanza.FromString(await asyncio.wait_for(peer.recv(), ANSWER_WITHIN))
                self.assertEqual((answer.id, answer.pong.sent_at_us), (9, 5))
        asyncio.run(run())

    def test_python_is_told_by_its_close_code_what_was_wrong(self):
        async def ends(subprotocol, opcode, payload):
            async with self.connect(subprotocol, max_size=None) as peer:
                if opcode is None:
                    await peer.send(payload)
                else:
                    await peer.write_frame(True, opcode, payload)
                return await self.closed(peer)

        async def run():
            self.assertEqual(await ends("bimip.v1.json", OP_TEXT, b"\xff\xfe"), 1007)
            self.assertEqual(await ends("bimip.v1.json", OP_TEXT, b"no JSON"), 1007)
            self.assertEqual(await ends("bimip.v1", OP_BINARY, b"\xff\xff\xff"), 1007)
            self.assertEqual(await ends("bimip.v1", None, b"x" * (3 << 20)), 1009)
            self.assertEqual(await ends("bimip.v1", OP_TEXT, b"{}"), 1003)
            self.assertEqual(await ends("bimip.v1.json", OP_BINARY, b"x"), 1003)
            self.assertEqual(await ends("bimip.v1", OP_CONT, b"x"), 1002)
            publish = stanza(1, publish={"topic": "events"}).SerializeToString()
            self.assertEqual(await ends("bimip.v1", None, publish), 4401)
        asyncio.run(run())

    def test_python_closes_and_is_answered(self):
        async def run():
            async with self.connect() as peer:
                await self.identified(peer)
                await peer.close(4000, "done")
                self.assertEqual(peer.close_code, 4000)
        asyncio.run(run())

    def test_python_is_told_that_the_server_restarts(self):
        async def run():
            async with self.connect() as peer:
                await self.identified(peer)
                self.process.terminate()
                hear = lambda: asyncio.wait_for(peer.recv(), ANSWER_WITHIN)
                self.assertTrue(stanza_pb2.Stanza.FromString(await hear()).HasField("draining"))
                goodbye = stanza_pb2.Stanza.FromString(await hear()).goodbye
                self.assertEqual((goodbye.code, goodbye.retry), (Code.CODE_UNAVAILABLE, True))
                self.assertEqual(await self.closed(peer), 1012)
        asyncio.run(run())
        self.assertEqual(self.stop(), 0)

    def test_a_foreign_page_and_a_foreign_subprotocol_are_refused(self):
        async def status(**options):
            try:
                async with websockets.connect(f"ws://{self.http}/", **options):
                    return 101
            except websockets.InvalidStatusCode as refused:
                return refused.status_code

        async def run():
            self.assertEqual(await status(subprotocols=["bimip.v1"], origin="https://evil.example"), 403)
            self.assertEqual(await status(subprotocols=["bimip.v1"], origin=f"http://{self.http}"), 101)
            self.assertEqual(await status(subprotocols=["chat"]), 400)
            self.assertEqual(await status(), 400)
        asyncio.run(run())

    def test_node_speaks_both_subprotocols(self):
        said = run_node(self, "ws_client.cjs", f"ws://{self.http}/")
        self.assertEqual(said["binary"], {"subprotocol": "bimip.v1", "welcome": True, "pongId": 2})
        self.assertEqual(said["json"]["subprotocol"], "bimip.v1.json")
        self.assertEqual(said["json"]["delivered"], ["from node"])
        self.assertEqual(said["fragments"], {"pongs": ["between"], "pongId": "5"})
        self.assertEqual(said["closes"], {"bad json": 1007, "oversize": 1009, "text": 1003, "own": 4001, "own, no code": 1000})


if __name__ == "__main__":
    support.main()
