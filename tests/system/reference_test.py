"""docs/reference: every exchange is run as it is shown, by WebSocket clients that speak JSON, and every stanza is in one."""

import copy
import json
import pathlib
import re

import case
import exchanges
import programs
from wire import stanza_pb2

UNKNOWN = {"fromTheFuture"}  # what a server does not know is shown, too
TAKEN_APART = 8  # of topic.md, from 0 on: expiry, delay, a filter


class WebServer(programs.Server):
    """With a port for WebSockets."""

    def start(self):
        super().start()
        self.http = self.process.stdout.readline().decode().removeprefix("http on ").strip()
        return self


class Reference(case.SystemTest):
    def exchange_server(self, exchange):
        folder = self.folder / f"server-{len(self.servers)}"
        folder.mkdir()
        if "--tokens-keys" in exchange.flags:
            programs.bimip("keys", "generate", "keys.json", "--public", "public.json", cwd=folder)
        server = WebServer(folder / "data", "--http", f"{programs.own_address()}:0", *(exchange.flags or ["--dev"]),
                           trust=(), cwd=folder)
        self.servers.append(server)
        return server.start(), folder

    def run_exchange(self, exchange):
        server, folder = self.exchange_server(exchange)
        try:
            exchanges.Run(exchange, server, folder).run()
        finally:
            if server.process is not None:
                server.kill()

    def page(self, page, exchanges_min=1):
        found = exchanges.of_page(page)
        self.assertGreaterEqual(len(found), exchanges_min)
        for exchange in found:
            with self.subTest(exchange.name):
                self.run_exchange(exchange)

    def test_session(self):
        self.page("session.md")

    def test_topic(self):
        self.page("topic.md")

    def test_entity(self):
        self.page("entity.md")

    def test_inbox(self):
        self.page("inbox.md")

    def test_awareness(self):
        self.page("awareness.md")

    def test_offer(self):
        self.page("offer.md")

    def test_request(self):
        self.page("request.md")

    def test_token(self):
        self.page("token.md")

    def test_session_admin(self):
        self.page("session_admin.md")

    def test_code(self):
        self.page("code.md")

    def test_stanza(self):
        self.page("stanza.md")

    def test_every_page_with_an_exchange_is_run(self):
        pages = {page for page in exchanges.pages() if page != "README.md" and exchanges.of_page(page)}
        source = pathlib.Path(__file__).read_text()
        self.assertEqual(pages, set(re.findall(r'self\.page\("(\w+\.md)"', source)))

    def test_every_stanza_is_in_an_exchange(self):
        bodies = {field.json_name for field in stanza_pb2.Stanza.DESCRIPTOR.oneofs_by_name["body"].fields}
        shown = {exchanges.body_of(line.stanza()) for page in exchanges.pages() for exchange in exchanges.of_page(page)
                 for line in exchange.lines if line.is_stanza()}
        self.assertEqual(bodies - shown, set())
        self.assertEqual(shown - bodies, UNKNOWN)

    def test_a_changed_exchange_fails(self):
        """Whatever is changed of what is shown to come: a value, a member less or more, a stanza less or more."""
        exchange = exchanges.of_page("topic.md")[TAKEN_APART]
        self.run_exchange(exchange)
        for what, changed in changes_of(exchange):
            with self.subTest(what), self.assertRaises(exchanges.Mismatch):
                self.run_exchange(changed)


def changes_of(exchange):
    """(what was changed, the exchange with that change), each of one answer or push."""
    for number, line in enumerate(exchange.lines):
        if line.way != "<":
            continue
        for what, stanza in changes_of_stanza(line.stanza()):
            yield f"line {line.number}: {what}", with_lines(exchange, number, [said(line, stanza)])
        yield f"line {line.number}: not shown", with_lines(exchange, number, [])
    yield "a push that never comes", with_lines(exchange, len(exchange.lines), [exchanges.Line(0, 'bob < {"gap": {}}')])


def changes_of_stanza(stanza):
    body = exchanges.body_of(stanza)
    if stanza[body] == "{…}":
        return
    for name, value in stanza[body].items():
        if not exchanges.ANY.fullmatch(str(value)):
            changed = copy.deepcopy(stanza)
            changed[body][name] = f"{value}0" if isinstance(value, str) else ["another"]
            yield f"another {name}", changed
        fewer = copy.deepcopy(stanza)
        del fewer[body][name]
        yield f"no {name}", fewer
    yield "a member more", {**stanza, body: {**stanza[body], "more": True}}


def said(line, stanza):
    return exchanges.Line(line.number, f"{line.who} {line.way} {json.dumps(stanza, ensure_ascii=False)}")


def with_lines(exchange, number, lines):
    changed = copy.copy(exchange)
    changed.lines = exchange.lines[:number] + lines + exchange.lines[number + 1:]
    return changed


if __name__ == "__main__":
    case.main()
