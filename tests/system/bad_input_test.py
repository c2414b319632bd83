"""What a person types wrong, and what he points the server at: said clearly, with the documented exit code, nothing lost."""

import os
import pwd
import struct
import subprocess
import unittest

import xxhash

import case
import programs
import wire
from programs import bimip
from wire import Code

MIB = 1 << 20
DONE, REFUSED, CANNOT_RUN = 0, 1, 2


def bimipd(*arguments, **options):
    """One that is not expected to start."""
    return subprocess.run([programs.BIN / "bimipd", *map(str, arguments)], text=True, capture_output=True, timeout=20,
                          stdin=subprocess.DEVNULL, **options)


def of_version(version, table):
    """A table as a later program would write it, its checksum right: docs/design/format-tables.md."""
    low, high = struct.unpack_from("<QQ", table, 24)
    body = table[16:20] + struct.pack("<H", version) + table[22:]
    seed = low ^ (high << 32 & (1 << 64) - 1 | high >> 32)
    return xxhash.xxh3_128(body, seed=seed).intdigest().to_bytes(16, "little") + body


class BadInput(case.SystemTest):
    def start_on(self, folder, *flags, **options):
        return bimipd("--data-dir", folder, "--dev", "--tcp", f"{programs.own_address()}:0", *flags, **options)

    def stopped_store(self):
        server = self.server()
        server.must("topic", "create", "events")
        server.must("pub", "events", "kept")
        self.assertEqual(server.stop(), 0)
        return server

    def assert_kept(self, server):
        server.start()
        self.assertEqual(server.must("sub", "events", "--from", "earliest", "--until-end"), "kept\n")

    # The data directory.
    def test_a_missing_data_directory_is_made_but_not_its_parents(self):
        self.server(name="new")
        self.assertTrue((self.folder / "new" / "LOCK").exists())
        self.refused(self.start_on(self.folder / "no" / "new"), CANNOT_RUN, "no/new", "No such file or directory")
        self.assertFalse((self.folder / "no").exists())

    def test_a_file_is_no_data_directory(self):
        (self.folder / "file").write_text("mine")
        self.refused(self.start_on(self.folder / "file"), CANNOT_RUN, "file")
        self.assertEqual((self.folder / "file").read_text(), "mine")

    def test_a_directory_of_something_else_is_left_alone(self):
        foreign = self.folder / "foreign"
        foreign.mkdir()
        (foreign / "letter").write_text("mine")
        self.refused(self.start_on(foreign), REFUSED, "foreign", "not a Bimip data directory")
        self.assertEqual([(path.name, path.read_text()) for path in foreign.iterdir()], [("letter", "mine")])

    @unittest.skipIf(os.geteuid() != 0, "only root can start a server as somebody else")
    def test_a_data_directory_that_may_not_be_written_is_said(self):
        server = self.stopped_store()
        self.folder.chmod(0o755)
        nobody = pwd.getpwnam("nobody").pw_uid
        self.refused(self.start_on(server.folder, user=nobody), CANNOT_RUN, "data", "Permission denied")
        self.refused(self.start_on(self.folder / "other", user=nobody), CANNOT_RUN, "other", "Permission denied")
        self.assert_kept(server)

    @unittest.skipIf(os.geteuid() != 0, "only root can mount")
    def test_a_read_only_file_system_is_said(self):
        server = self.stopped_store()
        mounted = subprocess.run(["mount", "--bind", "-o", "ro", server.folder, server.folder], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount here: {mounted.stderr.decode().strip()}")
        try:
            self.refused(self.start_on(server.folder), CANNOT_RUN, "data", "Read-only file system")
        finally:
            subprocess.run(["umount", server.folder], check=True)
        self.assert_kept(server)

    def test_a_data_directory_has_one_server(self):
        server = self.server()
        self.refused(self.start_on(server.folder), REFUSED, "held by process", str(server.process.pid))
        server.must("topic", "create", "events")

    def test_a_store_of_a_later_version_is_refused_untouched(self):
        server = self.stopped_store()
        catalog = server.folder / "catalog"
        written = catalog.read_bytes()
        later = of_version(2, written)
        catalog.write_bytes(later)
        self.refused(self.start_on(server.folder), REFUSED, "catalog", "version 2")
        self.assertEqual(catalog.read_bytes(), later)
        catalog.write_bytes(written)
        self.assert_kept(server)

    def test_a_damaged_catalog_is_refused_untouched(self):
        server = self.stopped_store()
        catalog = server.folder / "catalog"
        written = catalog.read_bytes()
        for damaged in (b"", written[:len(written) // 2], written[:-1] + bytes([written[-1] ^ 1]), b"\0" * len(written)):
            catalog.write_bytes(damaged)
            self.refused(self.start_on(server.folder), REFUSED, "catalog")
            self.assertEqual(catalog.read_bytes(), damaged)
        catalog.write_bytes(written)
        self.assert_kept(server)

    # Flags.
    def test_wrong_flags_of_the_server_are_said(self):
        folder = self.folder / "data"
        for flags, words in (((), "data_dir is not set"),
                             (("--data-dir", folder), "--dev"),
                             (("--data-dir", "", "--dev"), "data_dir is not set"),
                             (("--data-dir", folder, "--dev", "--tcp", "0.0.0.0:0"), "loopback only"),
                             (("--data-dir", folder, "--dev", "--tcp", "nonsense"), "ADDRESS:PORT"),
                             (("--data-dir", folder, "--dev", "--tcp", "127.0.0.1:99999"), "ADDRESS:PORT"),
                             (("--data-dir", folder, "--dev", "--tcp", "localhost:0"), "ADDRESS:PORT"),
                             (("--data-dir", folder, "--dev", "--shards", "many"), "--shards"),
                             (("--data-dir", folder, "--dev", "--free-space-floor", "-1"), "--free-space-floor"),
                             (("--data-dir", folder, "--dev", "--spare-space", "1XB"), "--spare-space"),
                             (("--data-dir", folder, "--dev", "--nonsense"), "--nonsense"),
                             (("--data-dir", folder, "--dev", "nonsense"), "nonsense")):
            self.refused(bimipd(*flags), CANNOT_RUN, words)
        self.assertFalse(folder.exists())

    def test_a_port_that_is_taken_is_said(self):
        server = self.server()
        self.refused(bimipd("--data-dir", self.folder / "other", "--dev", "--tcp", server.address), CANNOT_RUN,
                     server.address, "Address already in use")

    def test_wrong_flags_of_the_tool_are_said(self):
        for command, words in (("", "subcommand"), ("nonsense", "bimip --help"), ("topic", "subcommand"),
                               ("topic nonsense", "bimip topic --help"), ("topic create", "TOPIC is required"),
                               ("topic create a --partitions 0", "--partitions"),
                               ("topic create a --partitions 99999", "--partitions"),
                               ("topic create a --partitions -1", "--partitions"),
                               ("topic create a --durability maybe", "--durability"),
                               ("topic create a --segment-bytes big", "no size"),
                               ("topic create a --segment-age old", "no duration"),
                               ("topic list --nonsense", "--nonsense"), ("topic describe", "TOPIC is required"),
                               ("pub", "TOPIC is required"), ("pub a", "MESSAGE, -, --lines FILE or --tombstone"),
                               ("pub a x --lines f", "excludes"), ("pub a x --header h", "NAME=VALUE"),
                               ("pub a x --durability maybe", "--durability"), ("pub a x --partition -1", "--partition"),
                               ("pub a x --key " + "k" * 1025, "at most 1024 bytes"),
                               ("pub a x --reconnect-for long", "no duration"), ("pub a x y", "not expected"),
                               ("pub a --lines /no/such/file", "No such file"), ("pub a --lines /", "folder"),
                               ("sub", "TOPIC is required"), ("sub a --from nonsense", "none of"),
                               ("sub a --from last:x", "none of"), ("sub a --from 99999999999999999999", "none of"),
                               ("sub a --from 2026-13-01", "none of"), ("sub a --count x", "--count"),
                               ("sub a --count -1", "--count"), ("sub a --partition x", "--partition"),
                               ("sub a --reconnect-for 1", "no duration"), ("sub a b", "not expected"),
                               ("--server host:x topic list", "HOST:PORT"), ("log", "subcommand"),
                               ("log dump", "PATH is required"), ("log stat /no/such/folder", "No such file"),
                               ("log verify /no/such/folder", "No such file"), ("log dump / --from -1", "below 0")):
            with self.subTest(command):
                self.refused(bimip(*command.split()), CANNOT_RUN, words)

    def test_no_server_is_said_at_once(self):
        nowhere = f"{programs.own_address()}:1"
        for command in ("topic list", "topic create a", "topic describe a", "pub a x", "sub a --from earliest"):
            done = bimip(*command.split(), server=nowhere, timeout=5)
            self.refused(done, CANNOT_RUN, f"no server at {nowhere}")
        self.refused(bimip("topic", "list", server="no.such.host.invalid:1"), CANNOT_RUN, "no.such.host.invalid")

    def test_what_answers_but_is_no_bimip_is_said(self):
        with programs.subprocess.Popen(
                ["python3", "-c", "import socket; s = socket.create_server(('127.0.0.1', 0)); "
                 "print(s.getsockname()[1], flush=True); c, _ = s.accept(); c.recv(99); c.sendall(b'220 mail\\r\\n' * 99)"],
                stdout=subprocess.PIPE, text=True) as other:
            port = other.stdout.readline().strip()
            self.refused(bimip("topic", "list", server=f"127.0.0.1:{port}"), CANNOT_RUN, "not Bimip")

    # What the server refuses.
    def test_unknown_topics_and_partitions_are_refused(self):
        server = self.server()
        server.must("topic", "create", "events", "--partitions", 2)
        for command, words in (("pub none x", "no topic 'none'"), ("sub none", "no topic 'none'"),
                               ("topic describe none", "no topic 'none'"),
                               ("pub events x --partition 2", "no partition 2"),
                               ("sub events --partition 2", "no partition 2"),
                               ("topic create events --partitions 3", "another configuration"),
                               ("topic create a/b", "letters, digits"), ("topic create ..", "letters, digits"),
                               ("topic create " + "n" * 201, "200"), ("topic create a --segment-bytes 1", "segment_bytes")):
            with self.subTest(command):
                done = server.bimip(*command.split())
                self.refused(done, REFUSED, words)
        self.assertEqual(sorted(path.name for path in (server.folder / "topics").iterdir() if path.name[0] != "$"), ["events"])

    def test_an_offset_out_of_range_is_refused_with_the_range(self):
        server = self.server()
        server.must("topic", "create", "events")
        server.must("pub", "events", "-", input="a\nb\nc\n")
        self.refused(server.bimip("sub", "events", "--from", "4"), REFUSED, "offset 4", "[0, 3)")
        with wire.Session(server) as session:
            answer = session.ask(2, subscribe={"topic": "events", "offset": 1 << 63, "credit": 1})
            self.assertEqual(answer.error.code, Code.CODE_OUT_OF_RANGE)
            self.assertTrue(session.ask(3, subscribe={"topic": "events", "offset": 3}).HasField("subscribed"))

    def test_a_message_has_a_largest_size_and_that_size_is_taken(self):
        server = self.server()
        server.must("topic", "create", "events")
        with wire.Session(server) as session:
            most = session.welcome.limits.message_bytes_max
            whole = {"topic": "events", "key": b"k" * 10, "value": b"v" * (most - 20),
                     "headers": [{"name": "h" * 4, "value": b"w" * 6}]}
            self.assertEqual(session.ask(2, publish=whole).published.offset, 0)
            answer = session.ask(3, publish={**whole, "key": b"k" * 11})
            self.assertEqual((answer.error.code, answer.error.retry), (Code.CODE_TOO_LARGE, False))
            self.assertIn(str(most), answer.error.message)
            self.assertEqual(session.ask(4, publish={"topic": "events", "value": b"v" * most}).published.offset, 1)

    def test_a_line_above_the_limit_ends_a_publish_behind_the_lines_before_it(self):
        server = self.server()
        server.must("topic", "create", "events")
        file = self.folder / "lines"
        for size in (MIB + 1, 3 * MIB):
            file.write_bytes(b"before\n" + b"x" * size + b"\nbehind\n")
            for source in (("--lines", file), ("-",)):
                done = server.bimip("pub", "events", *source, input=file.read_text())
                self.refused(done, REFUSED, "line 2", "1 stored")
                self.assertNotIn("without an answer", done.stderr)
        self.assertEqual(server.must("sub", "events", "--from", "earliest", "--until-end"), "before\n" * 4)

    def test_a_refused_publish_says_what_was_stored(self):
        server = self.server()
        done = server.bimip("pub", "none", "-", input="a\n" * 20_000)
        self.refused(done, REFUSED, "no topic 'none'", "0 stored")


if __name__ == "__main__":
    case.main()
