"""TLS on every port, by clients that we did not write; certificates that openssl makes, some of them bad."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.request

import support
from support import stanza, stanza_pb2

try:
    import grpc
    import websockets
except ImportError:
    grpc = websockets = None

ANSWER_WITHIN = 20


class Tls(support.ClientTest):
    def before_start(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        self.make("first")
        self.use("first")
        self.flags = ("--tls-certificate", self.folder / "server.pem", "--tls-key", self.folder / "server.key")
        self.trust = ("--ca", self.folder / "first.pem")

    def make(self, name, **options):
        support.make_certificate(self.folder, name, **options)

    def make_expired(self, name):
        """As make(), for a day of the year 2000."""
        at = lambda what: self.folder / f"{name}.{what}"
        settings = self.folder / "authority.cnf"
        settings.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={at('index')}\nserial={at('serial')}\nnew_certs_dir={self.folder}\n"
                            "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n"
                            "[e]\nsubjectAltName=IP:127.0.0.1\n")
        at("index").write_text("")
        at("serial").write_text("01\n")
        run = lambda *command: subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=60)
        run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", at("key"), "-out", at("csr"))
        run("ca", "-batch", "-config", settings, "-selfsign", "-keyfile", at("key"), "-in", at("csr"), "-out", at("pem"),
            "-notext", "-startdate", "20000101000000Z", "-enddate", "20000102000000Z")

    def use(self, certificate, key=None):
        for source, target in ((f"{certificate}.pem", "server.pem"), (f"{key or certificate}.key", "server.key")):
            aside = self.folder / (target + ".new")
            aside.write_bytes((self.folder / source).read_bytes())
            os.replace(aside, self.folder / target)

    def shown(self, port):
        """The name in the certificate that the server shows there."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host, number = port.rsplit(":", 1)
        with socket.create_connection((host, int(number)), timeout=ANSWER_WITHIN) as peer:
            with context.wrap_socket(peer, server_hostname=host) as tls:
                der = tls.getpeercert(binary_form=True)
        name = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject", "-nameopt", "multiline"],
                              input=der, check=True, capture_output=True, timeout=60).stdout.decode()
        return name.split("=")[-1].strip()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def said(self, words):
        self.log.flush()
        return words in (self.folder / "log").read_text()

    def refused(self, *arguments, trust=()):
        done = subprocess.run([support.BIN / "bimip", *trust, *arguments], text=True, capture_output=True, timeout=100,
                              stdin=subprocess.DEVNULL, env={**os.environ, "BIMIP_SERVER": self.tcp})
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_the_tool_speaks_it_and_trusts_nobody_it_should_not(self):
        self.must("pub", "events", "-", input="one\ntwo\n")
        self.assertEqual(self.must("sub", "events", "--from", "earliest", "--count", "2"), "one\ntwo\n")
        self.make("other")
        other = ("--ca", self.folder / "other.pem")
        self.assertIn("the server's certificate is not trusted: self-signed", self.refused("topic", "list", trust=other))
        self.assertIn("not trusted", self.refused("topic", "list", trust=("--tls",)))
        self.assertIn("no authorities in", self.refused("topic", "list", trust=("--ca", self.folder / "first.key")))
        self.assertIn("This port speaks TLS.", self.refused("topic", "list"))

    def test_a_certificate_for_another_host_is_not_trusted(self):
        self.make("elsewhere", address="DNS:elsewhere.example")
        self.use("elsewhere")
        self.reload()
        support.wait_until(lambda: self.shown(self.tcp) == "elsewhere", what="the new certificate")
        self.assertIn("IP address mismatch", self.refused("topic", "list", trust=("--ca", self.folder / "elsewhere.pem")))

    def test_curl_and_a_websocket_speak_it(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")
        asked = subprocess.run(["curl", "-sS", "--cacert", self.folder / "first.pem", f"https://{self.http}/readyz"],
                               capture_output=True, timeout=ANSWER_WITHIN, text=True)
        self.assertEqual((asked.returncode, asked.stdout), (0, "ready\n"), asked.stderr)
        plain = subprocess.run(["curl", "-sS", f"http://{self.http}/readyz"], capture_output=True, timeout=ANSWER_WITHIN,
                               text=True)
        self.assertEqual(plain.stdout, "This port speaks TLS.\n")

        async def run():
            context = ssl.create_default_context(cafile=self.folder / "first.pem")
            async with websockets.connect(f"wss://{self.http}/", subprotocols=["bimip.v1"], ssl=context,
                                          max_size=None) as peer:
                async def ask(id, **body):
                    await peer.send(stanza(id, **body).SerializeToString())
                    return stanza_pb2.Stanza.FromString(await asyncio.wait_for(peer.recv(), ANSWER_WITHIN))
                self.assertTrue((await ask(1, identity={"protocol_version": 1, "eid": "python"})).HasField("welcome"))
                large = os.urandom(1_000_000)
                self.assertTrue((await ask(2, publish={"topic": "events", "value": large})).HasField("published"))
                await ask(3, subscribe={"topic": "events", "earliest": True, "credit": 9})
                delivery = stanza_pb2.Stanza.FromString(await asyncio.wait_for(peer.recv(), ANSWER_WITHIN)).delivery
                self.assertEqual(delivery.records[0].value, large)
        asyncio.run(run())

    def test_grpc_speaks_it(self):
        if grpc is None:
            self.skipTest("python3-grpcio is not installed")
        self.assertEqual(self.grpc_health("first"), b"\x08\x01")
        self.make("other")
        with self.assertRaises(grpc.RpcError) as refusal:
            self.grpc_health("other")
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def grpc_health(self, authority):
        credentials = grpc.ssl_channel_credentials((self.folder / f"{authority}.pem").read_bytes())
        with grpc.secure_channel(self.grpc, credentials) as channel:
            return channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=bytes,
                                       response_deserializer=bytes)(b"", timeout=5)

    def agreed(self, port, *offered):
        """The protocol (ALPN) that the server takes of these."""
        context = ssl.create_default_context(cafile=self.folder / "first.pem")
        context.set_alpn_protocols(offered)
        host, number = port.rsplit(":", 1)
        with socket.create_connection((host, int(number)), timeout=ANSWER_WITHIN) as peer:
            with context.wrap_socket(peer, server_hostname=host) as tls:
                return tls.selected_alpn_protocol()

    def test_the_grpc_port_agrees_on_http2_and_on_nothing_else(self):
        self.assertEqual(self.agreed(self.grpc, "h3", "h2", "http/1.1"), "h2")
        with self.assertRaises(ssl.SSLError):
            self.agreed(self.grpc, "http/1.1")
        self.assertIsNone(self.agreed(self.http, "h2", "http/1.1"))

    def test_who_does_not_agree_on_tls_is_closed_by_the_grpc_port(self):
        with support.RawPeer(self.grpc, b"") as silent, support.RawPeer(self.grpc, b"\x16\x03\x01\x02\x00") as half:
            for peer in (silent, half):
                peer.socket.settimeout(10)
                self.assertEqual(peer.socket.recv(1), b"")
        with support.RawPeer(self.grpc, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") as plain:
            self.assertIn(b"This port speaks TLS.", plain.socket.recv(1000))

    def test_a_new_certificate_is_taken_up_while_sessions_stay(self):
        command = [support.BIN / "bimip", *self.trust, "sub", "events", "--from", "earliest", "--count", "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "BIMIP_SERVER": self.tcp}) as subscriber:
            self.must("pub", "events", "before")
            self.assertEqual(subscriber.stdout.readline(), "before\n")
            self.make("second")
            self.use("second")
            self.reload()
            for port in (self.tcp, self.http, self.grpc):
                support.wait_until(lambda: self.shown(port) == "second", what=f"the new certificate at {port}")
            if grpc is not None:
                self.assertEqual(self.grpc_health("second"), b"\x08\x01")
            self.trust = ("--ca", self.folder / "second.pem")
            self.must("pub", "events", "after")
            self.assertEqual(subscriber.stdout.readline(), "after\n")
            self.assertEqual(subscriber.wait(ANSWER_WITHIN), 0)
        with urllib.request.urlopen(f"https://{self.http}/metrics", timeout=ANSWER_WITHIN,
                                    context=ssl.create_default_context(cafile=self.folder / "second.pem")) as page:
            until = next(line for line in page.read().decode().splitlines()
                         if line.startswith("bimip_tls_certificate_expiry_timestamp_seconds "))
        self.assertGreater(float(until.split()[1]), 1.7e9)

    def test_a_bad_certificate_leaves_the_one_before_and_is_said(self):
        self.make("second")
        self.make_expired("old")
        (self.folder / "empty.pem").write_text("")
        (self.folder / "empty.key").write_text("")
        for certificate, key, words in (("second", "first", "server.key is not the key of"),
                                        ("old", None, "expired on 2000-01-02 00:00:00 UTC"),
                                        ("empty", None, "holds no certificate in PEM")):
            self.use(certificate, key)
            self.reload()
            support.wait_until(lambda: self.said(words), what=words)
            self.assertEqual({self.shown(port) for port in (self.tcp, self.http, self.grpc)}, {"first"})
        self.use("second")
        self.reload()
        support.wait_until(lambda: self.shown(self.tcp) == "second", what="the sound one")

    def test_a_server_does_not_start_with_a_bad_certificate(self):
        self.make("second")
        self.make_expired("old")
        bimipd = [support.BIN / "bimipd", "--data-dir", self.folder / "other-data", "--dev", "--tcp", "127.0.0.1:0"]
        at = lambda name: self.folder / name
        for certificate, key, words in ((at("first.pem"), at("second.key"), "is not the key of"),
                                        (at("old.pem"), at("old.key"), "the certificate expired on 2000-01-02"),
                                        (at("first.key"), at("first.key"), "holds no certificate in PEM"),
                                        (at("first.pem"), at("first.pem"), "holds no private key in PEM"),
                                        (at("nowhere"), at("first.key"), "cannot read")):
            for check in ((), ("--check-config",)):
                done = subprocess.run([*bimipd, "--tls-certificate", certificate, "--tls-key", key, *check],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    support.main()
