"""Who is connected, who was, and why not any more: bimip session, and permissions for it."""

import asyncio
import json
import os
import subprocess
import urllib.error
import urllib.request

import support
from support import stanza, stanza_pb2, websockets

ANSWER_WITHIN = 20


class Sessions(support.ClientTest):
    def listed(self, *flags):
        return [json.loads(line) for line in self.must("session", "list", "--json", *flags).splitlines()]

    def of(self, eid, *flags):
        return self.listed("--eid", eid, *flags)

    def test_a_session_is_listed_shown_ended_and_remembered(self):
        session = self.session()
        session.ask(2, subscribe={"topic": "events", "latest": True, "credit": 1})
        [found] = self.of("tester")
        self.assertEqual((found["transport"], found["subscriptions"]), ("tcp", 1))
        self.assertEqual(found["address"], "%s:%d" % session.socket.getsockname())
        self.assertEqual(found["session_id"], session.welcome.session_id)
        self.assertIn("tester", self.must("session", "show", found["session_id"]))
        self.assertEqual(self.must("session", "kick", found["session_id"], "--reason", "too busy"), "ended 1\n")
        goodbye = session.end()
        self.assertEqual((goodbye.code, goodbye.retry), (support.Code.CODE_KICKED, False))
        self.assertEqual(goodbye.message, "ended by bimip: too busy")
        self.assertEqual(self.of("tester"), [])
        [gone] = self.of("tester", "--closed")
        self.assertEqual((gone["code"], gone["message"]), ("KICKED", "ended by bimip: too busy"))
        self.assertEqual(gone["address"], found["address"])
        self.assertIn("KICKED", self.must("session", "show", found["session_id"]))
        self.assertEqual(self.bimip("session", "kick", found["session_id"]).returncode, 1)
        self.assertEqual(self.bimip("session", "show", "none").returncode, 1)
        self.assertEqual(self.bimip("session", "kick").returncode, 2)

    def test_a_websocket_is_closed_with_its_code(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")

        async def run():
            async with websockets.connect(f"ws://{self.http}/", subprotocols=["bimip.v1"]) as peer:
                await peer.send(stanza(1, identity={"protocol_version": 1, "eid": "alice", "device": "tab"})
                                .SerializeToString())
                await asyncio.wait_for(peer.recv(), ANSWER_WITHIN)
                [found] = await asyncio.to_thread(self.of, "alice")
                self.assertEqual((found["transport"], found["device"]), ("websocket", "tab"))
                kick = lambda device: self.bimip("session", "kick", "--eid", "alice", "--device", device).returncode
                self.assertEqual(await asyncio.to_thread(kick, "phone"), 1)
                self.assertEqual(await asyncio.to_thread(kick, "tab"), 0)
                goodbye = stanza_pb2.Stanza.FromString(await asyncio.wait_for(peer.recv(), ANSWER_WITHIN)).goodbye
                self.assertEqual(goodbye.code, support.Code.CODE_KICKED)
                await peer.wait_closed()
                self.assertEqual(peer.close_code, 4423)
        asyncio.run(run())

    def test_a_client_that_ends_its_connection_is_remembered_so(self):
        self.session().close()
        support.wait_until(lambda: self.of("tester", "--closed"), what="its end")
        [gone] = self.of("tester", "--closed")
        self.assertEqual((gone["code"], gone["message"]), ("-", "the peer ended the connection"))


class Permissions(support.ClientTest):
    dev = ()

    def before_start(self):
        def run(*arguments):
            done = subprocess.run([support.BIN / "bimip", *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        keys, public = self.folder / "keys.json", self.folder / "public.json"
        run("keys", "generate", keys, "--public", public)
        for eid, flags in (("boss", ("--operator", "--admin", "*")), ("alice", ("--subscribe", "*", "--publish", "inbox.*")),
                           ("bob", ("--subscribe", "*")), ("carol", ("--subscribe", "*"))):
            (self.folder / eid).write_text(run("token", "issue", eid, "--keys", keys, *flags))
        self.flags = ("--tokens-keys", public)
        self.trust = ("--token-file", self.folder / "boss")

    def as_(self, eid, *arguments):
        self.trust = ("--token-file", self.folder / eid)
        return self.bimip(*arguments)

    def test_what_became_of_a_message_is_for_its_author_its_recipient_and_operators(self):
        for message, flags in (("m1", ()), ("m2", ("--deliver-in", "1h"))):
            sent = self.as_("alice", "send", "bob", "hello", "--id", message, *flags)
            self.assertEqual(sent.returncode, 0, sent.stderr)
        for eid, flags in (("alice", ("--to", "bob")), ("bob", ()), ("boss", ("--to", "bob", "--from", "alice"))):
            told = json.loads(self.as_(eid, "explain", "m1", *flags, "--json").stdout)
            # How many messages bob has is not for alice to know.
            self.assertEqual((told["from"], told["fate"], told.get("increment")),
                             ("alice", "in_inbox", None if eid == "alice" else 1))
        for flags in (("--to", "bob", "--from", "alice"), ("--to", "alice", "--from", "bob")):
            refused = self.as_("carol", "explain", "m1", *flags)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("its author", refused.stderr)
        self.assertEqual(self.as_("carol", "explain", "m1", "--to", "bob").returncode, 1)
        for eid, flags in (("alice", ("--to", "bob")), ("boss", ("--to", "bob", "--from", "alice"))):
            self.assertEqual(json.loads(self.as_(eid, "explain", "m2", *flags, "--json").stdout)["fate"], "held")
        for flags in ((), ("--from", "alice")):
            self.assertEqual(self.as_("bob", "explain", "m2", *flags).returncode, 1, "not before its time")

    def test_awareness_has_a_permission(self):
        # Nobody here may say how he is; to hide, everybody may.
        for eid, may_look in (("bob", True), ("alice", True), ("boss", False)):
            look = 0 if may_look else 1
            for code, arguments in ((1, ("set", "online")), (look, ("show", "zoe")), (look, ("subscribe", "zoe")),
                                    (0, ("privacy", "--presence", "nobody")), (0, ("block", "zoe")), (0, ("list",))):
                done = self.as_(eid, "awareness", *arguments)
                self.assertEqual(done.returncode, code, (eid, arguments, done.stderr))
                if code:
                    self.assertIn("for 'awareness'", done.stderr)

    def test_metrics_are_for_operators(self):
        def answer(path, eid=None):
            request = urllib.request.Request(f"http://{self.http}{path}")
            if eid:
                request.add_header("Authorization", f"Bearer {(self.folder / eid).read_text().strip()}")
            try:
                with urllib.request.urlopen(request, timeout=20) as page:
                    return page.status
            except urllib.error.HTTPError as refusal:
                return refusal.code
        self.assertEqual([answer("/metrics", eid) for eid in (None, "alice", "boss")], [401, 401, 200])
        self.assertEqual([answer(path) for path in ("/healthz", "/readyz", "/version")], [200, 200, 200])

    def test_an_author_learns_who_has_his_message_and_not_who_is_there(self):
        for message, flags in (("m1", ()), ("m2", ("--to-device", "ghost"))):
            self.assertEqual(self.as_("alice", "send", "bob", "hello", "--id", message, *flags).returncode, 0)

        def devices(eid, message):
            told = json.loads(self.as_(eid, "explain", message, "--to", "bob", "--from", "alice", "--json").stdout)
            return {one.pop("device"): one for one in told["devices"]}
        self.assertEqual(devices("alice", "m1"), {})
        command = [support.BIN / "bimip", "--token-file", self.folder / "bob", "--device", "phone", "sub", "events"]
        with subprocess.Popen(command, env={**os.environ, "BIMIP_SERVER": self.tcp}, stderr=subprocess.DEVNULL) as phone:
            try:
                support.wait_until(lambda: devices("boss", "m1") == {"phone": {"cursor": 0, "delivery": "not_open"}})
                self.assertEqual(devices("alice", "m1"), {})
            finally:
                phone.terminate()
        shown = self.as_("bob", "--device", "tablet", "inbox", "--until-end", "--ack")
        self.assertEqual(shown.stdout, "1\talice\thello\n", shown.stderr)
        self.assertEqual(devices("alice", "m1"), {"tablet": {"delivery": "acknowledged"}})
        self.assertEqual(devices("alice", "m2"), {"ghost": {"delivery": "not_yet"}})
        self.assertEqual({device: one["delivery"] for device, one in devices("boss", "m2").items()},
                         {"ghost": "away", "tablet": "not_for_it"})
        self.assertIn("is in the inbox\n", self.as_("alice", "explain", "m1", "--to", "bob").stdout)

    def test_an_entity_sees_and_ends_its_own_sessions_only(self):
        command = lambda eid: [support.BIN / "bimip", "--token-file", self.folder / eid, "sub", "events"]
        environment = {**os.environ, "BIMIP_SERVER": self.tcp}
        with subprocess.Popen(command("alice"), env=environment, stderr=subprocess.PIPE, text=True) as alice, \
                subprocess.Popen(command("bob"), env=environment, stderr=subprocess.DEVNULL) as bob:
            try:
                support.wait_until(lambda: all(
                    f'"{eid}"' in self.as_("boss", "session", "list", "--json").stdout for eid in ("alice", "bob")))
                seen = [json.loads(line)["eid"] for line in self.as_("bob", "session", "list", "--json").stdout.splitlines()]
                self.assertEqual(set(seen), {"bob"})
                for arguments in (("list", "--eid", "alice"), ("list", "--closed", "--eid", "alice"),
                                  ("kick", "--eid", "alice")):
                    refused = self.as_("bob", "session", *arguments)
                    self.assertEqual(refused.returncode, 1)
                    self.assertIn("for operators", refused.stderr)
                [found] = [one for one in map(json.loads, self.as_("boss", "session", "list", "--json").stdout.splitlines())
                           if one["eid"] == "alice"]
                self.assertEqual(self.as_("bob", "session", "kick", found["session_id"]).returncode, 1)
                self.assertIsNone(alice.poll())
                self.assertEqual(self.as_("boss", "session", "kick", "--eid", "alice").stdout, "ended 1\n")
                self.assertEqual(alice.wait(ANSWER_WITHIN), 1)
                self.assertIn("ended by boss", alice.stderr.read())
                self.assertIsNone(bob.poll())
            finally:
                for process in (alice, bob):
                    process.kill()


if __name__ == "__main__":
    support.main()
