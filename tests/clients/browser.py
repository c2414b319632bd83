"""A page, the server that it comes from, and the headless Chromium that shows it. The page says itself how it went."""

import http.server
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import node

HERE = pathlib.Path(__file__).parent
PROTO = HERE.parents[1] / "proto"
WITHIN = 90
# As root and in a container it has no sandbox of its own and hardly any shared memory; whatever it does by itself over
# the network is turned off.
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-pings", "--no-proxy-server",
         "--enable-logging=stderr", "--log-level=0")

PAGE = b"""<!doctype html><meta charset="utf-8"><title>bimip</title>
<script src="/long.js"></script><script src="/protobuf.js"></script><script type="module" src="/page.mjs"></script>"""


class Pages:
    """Serves the page at the origins 127.0.0.1 and localhost, gives it its task, does what it asks for, hears what it says."""

    def __init__(self, test, acts=None):
        self.task = {}
        self.acts = acts or {}  # name: what is done, in a thread of the server, when the page asks for it
        self.said = queue.Queue()
        self.was_visited = False
        files = {"/page.mjs": HERE / "browser_page.mjs",
                 "/long.js": node.need(test, "long") / "umd" / "index.js",
                 "/protobuf.js": node.need(test, "protobufjs") / "dist" / "protobuf.min.js"}
        files.update({f"/proto/{path.relative_to(PROTO)}": path for path in PROTO.rglob("*.proto")})
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body, content_type="application/json", status=200):
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path == "/":
                    pages.was_visited = True
                    self.answer(PAGE, "text/html")
                elif self.path == "/task":
                    self.answer(json.dumps(pages.task).encode())
                elif self.path in files:
                    is_script = self.path.endswith("js")
                    self.answer(files[self.path].read_bytes(), "text/javascript" if is_script else "text/plain")
                else:
                    self.answer(b"", status=404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/said":
                    pages.said.put(json.loads(body))
                else:
                    pages.acts[self.path.removeprefix("/do/")]()
                self.answer(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)

    def origin(self, host="127.0.0.1"):
        return f"http://{host}:{self.port}"


def visit(test, pages, host="127.0.0.1", flags=()):
    """What the page says, shown by a Chromium of its own. Skipped where there is none, or it ends before it asks for the page."""
    chromium = shutil.which("chromium")
    if not chromium:
        test.skipTest("chromium is not installed (tools/install.sh installs it)")
    profile = tempfile.mkdtemp(prefix="bimip-browser-")
    test.addCleanup(shutil.rmtree, profile, ignore_errors=True)
    log = pathlib.Path(profile) / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([chromium, *FLAGS, *flags, f"--user-data-dir={profile}", pages.origin(host) + "/"],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            try:
                said = pages.said.get(timeout=0.1)
            except queue.Empty:
                if process.poll() is None:
                    continue
                if not pages.was_visited:
                    test.skipTest(f"chromium does not start here: {end_of(log, 1)}")
                raise AssertionError(f"chromium ended with {process.returncode}: {end_of(log)}") from None
            test.assertNotIn("exception", said, f"{said}\n{end_of(log)}")
            return said
        raise AssertionError(f"the page said nothing within {WITHIN} s: {end_of(log)}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def end_of(log, lines=20):
    """What Chromium said at last, but of the desktop that it misses."""
    said = [line for line in log.read_text(errors="replace").splitlines() if "dbus/" not in line]
    return "\n".join(said[-lines:])
