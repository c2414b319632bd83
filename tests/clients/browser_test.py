"""The WebSocket as a browser speaks it: Chromium, in pages of origins that may and may not; protobufjs and JSON."""

import base64
import hashlib
import shutil
import subprocess

import browser
import support


class BrowserTest(support.ClientTest):
    """The page is alice's; the tool is the operator's."""
    dev = ()
    scheme = "ws"

    def before_start(self):
        self.pages = browser.Pages(self)
        keys, public = self.folder / "keys.json", self.folder / "public.json"
        self.tool("keys", "generate", keys, "--public", public)
        everything = ("--publish", "*", "--subscribe", "*", "--admin", "*")
        boss = self.folder / "boss"
        boss.write_text(self.tool("token", "issue", "boss", "--keys", keys, "--operator", *everything))
        self.token = self.tool("token", "issue", "alice", "--keys", keys, *everything).strip()
        self.trust = ("--token-file", boss)
        self.flags = ("--tokens-keys", public, "--http-origins", f"https://app.example,{self.pages.origin()}",
                      "--limits-heartbeat", "3s", "--limits-drain-within", "1s")

    def tool(self, *arguments):
        done = subprocess.run([support.BIN / "bimip", *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def visit(self, scenario, **options):
        self.pages.task = {"scenario": scenario, "url": f"{self.scheme}://{self.http}/", "token": self.token}
        return browser.visit(self, self.pages, **options)

    def check_talk(self, subprotocol, seen):
        closed = seen.pop("closed")
        self.assertEqual(seen, {
            "subprotocol": subprotocol, "extensions": "", "eid": "alice", "created": f"from.{subprotocol}",
            "offsets": ["0", "1", "2", "3", "4"], "batches": [2, 2, 1], "heldBack": True, "same": True,
            "pong": "9007199254740993", "refused": "CODE_NOT_FOUND"})
        self.assertEqual((closed["code"], closed["wasClean"]), (4000, True))
        self.assertEqual(self.must("sub", f"from.{subprotocol}", "--from", "1", "--count", "1"), "ä € 😀\n")


class Browser(BrowserTest):
    def test_a_page_publishes_subscribes_acknowledges_and_pings(self):
        seen = self.visit("talks")
        self.check_talk("bimip.v1", seen["binary"])
        self.check_talk("bimip.v1.json", seen["json"])

    def test_onclose_has_the_documented_code(self):
        self.pages.acts = {"kick": lambda: self.must("session", "kick", "--eid", "alice"), "stop": self.process.terminate}
        seen = self.visit("ends")
        expected = {  # close code, name in Goodbye and in the close's reason, retry
            "stranger": (4401, "UNAUTHENTICATED", False), "no token": (4401, "UNAUTHENTICATED", False),
            "bad token": (4401, "UNAUTHENTICATED", False), "malformed": (1007, "MALFORMED", False),
            "silent": (4408, "TIMEOUT", True), "kicked": (4423, "KICKED", False), "stopped": (1012, "UNAVAILABLE", True)}
        for subprotocol, ends in seen.items():
            for name, (code, word, retry) in expected.items():
                with self.subTest(subprotocol, name=name):
                    self.assertEqual(ends.pop(name), {"code": code, "wasClean": True, "reason": word,
                                                      "goodbye": f"CODE_{word}", "retry": retry})
            self.assertEqual(ends["too large"]["code"], 1009)  # clean or not: it is still sending when it is told
            self.assertEqual({name: (ends[name]["code"], ends[name]["wasClean"]) for name in ("other kind", "own, no code")},
                             {"other kind": (1003, True), "own, no code": (1000, True)})
        self.assertEqual(self.stop(), 0)

    def test_a_page_whose_token_is_revoked_is_told_and_stays_out(self):
        self.pages.acts = {"revoke": lambda: self.must("token", "revoke", "--eid", "alice", "--all")}
        seen = self.visit("revoked")
        self.assertEqual(seen["closed"], {"code": 4410, "wasClean": True, "reason": "REVOKED", "goodbye": "CODE_REVOKED",
                                          "retry": False})
        self.assertEqual((seen["again"]["code"], seen["again"]["goodbye"]), (4410, "CODE_REVOKED"))

    def test_a_page_of_another_origin_gets_nothing(self):
        seen = self.visit("foreign", host="localhost")
        refused = {"opened": False, "failed": True, "code": 1006, "wasClean": False, "reason": "", "retry": False}
        self.assertEqual(seen["withToken"], refused)
        self.assertEqual(seen["without"], refused)
        self.assertEqual(seen["framed"], {"origin": "null", "opened": False, "code": 1006, "wasClean": False})
        self.assertEqual(seen["metrics"], "not read")


class BrowserOverTls(BrowserTest):
    scheme = "wss"

    def before_start(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        super().before_start()
        support.make_certificate(self.folder, "server")
        certificate = self.folder / "server.pem"
        self.flags += ("--tls-certificate", certificate, "--tls-key", self.folder / "server.key")
        self.trust += ("--ca", certificate)

    def fingerprint(self):
        """Of the server's public key, as Chromium wants it to take a certificate that no authority has signed."""
        openssl = lambda *arguments, text: subprocess.run(["openssl", *arguments], input=text, check=True,
                                                          capture_output=True, timeout=60).stdout
        key = openssl("x509", "-noout", "-pubkey", text=(self.folder / "server.pem").read_bytes())
        return base64.b64encode(hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", text=key)).digest()).decode()

    def test_a_page_speaks_over_tls_once_it_trusts_the_certificate(self):
        untrusted = self.visit("attempt")
        self.assertEqual((untrusted["opened"], untrusted["code"]), (False, 1006))
        seen = self.visit("talks", flags=(f"--ignore-certificate-errors-spki-list={self.fingerprint()}",))
        self.check_talk("bimip.v1", seen["binary"])
        self.check_talk("bimip.v1.json", seen["json"])


if __name__ == "__main__":
    support.main()
