"""Messages between entities, against the real server: order, devices, cursors, receipts, kills."""

import json
import subprocess

import case
import programs
from listener import Listener
from wire import Code, stanza
from bimip.v1 import awareness_pb2


class Device(Listener):
    """A session of an entity's device that has inboxes open."""

    def __init__(self, server, eid, device="phone"):
        self.inboxes = {}  # id: items
        self.states = []
        self.gaps = []
        super().__init__(server, eid, device)

    def take(self, got):
        kind = got.WhichOneof("body")
        if kind == "inbox_delivery":
            self.inboxes.setdefault(got.inbox_delivery.inbox_id, []).extend(got.inbox_delivery.items)
            self.gaps += got.inbox_delivery.gaps
        elif kind == "inbox_state" and got.id == 0:
            self.states.append(got.inbox_state)
        else:
            return False
        return True

    def open(self, category="chat", **how):
        answer = self.ask(2, open_inbox={"category": category, **how})
        if answer.WhichOneof("body") != "inbox_opened":
            raise AssertionError(f"not opened: {answer}")
        self.inboxes.setdefault(answer.inbox_opened.inbox_id, [])
        return answer.inbox_opened

    def has(self, inbox, count):
        self.until(lambda: len(self.inboxes[inbox]) >= count, f"{count} messages", within=30)
        return self.inboxes[inbox]

    def message(self, to, body, message_id, **more):
        return self.ask(3, send={"to": to, "body": body.encode(), "message_id": message_id, **more})


def bodies(items):
    return [item.message.body.decode() for item in items]


class Inbox(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.bimipd = self.server("--inbox-categories", "orders")

    def test_messages_wait_in_order_and_are_followed_live(self):
        with Device(self.bimipd, "alice") as alice:
            for i in range(20):
                self.assertEqual(alice.message("bob", f"{i}", f"m{i}").WhichOneof("body"), "sent")
            with Device(self.bimipd, "bob") as bob:
                opened = bob.open()
                self.assertEqual((opened.cursor, opened.from_increment, opened.state.last_increment,
                                  opened.state.unread), (0, 1, 20, 20))
                items = bob.has(opened.inbox_id, 20)
                self.assertEqual(bodies(items), [f"{i}" for i in range(20)])
                self.assertEqual([item.increment for item in items], list(range(1, 21)))
                self.assertEqual({item.message.__getattribute__("from") for item in items}, {"alice"})
                alice.message("bob", "live", "m20")
                self.assertEqual(bodies(bob.has(opened.inbox_id, 21))[-1], "live")

    def test_a_cursor_is_a_devices_own_and_moves_by_acknowledgement_only(self):
        with Device(self.bimipd, "alice") as alice:
            for i in range(10):
                alice.message("bob", f"{i}", f"m{i}")
        with Device(self.bimipd, "bob", "phone") as phone:
            opened = phone.open()
            phone.has(opened.inbox_id, 10)
            phone.send(stanza(0, acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": 7}))
            phone.ask(4, close_inbox={"inbox_id": opened.inbox_id})
        self.bimipd.stop()
        self.bimipd.start()
        with Device(self.bimipd, "bob", "phone") as phone:
            opened = phone.open()
            self.assertEqual((opened.cursor, opened.from_increment), (7, 8))
            self.assertEqual(bodies(phone.has(opened.inbox_id, 3)), ["7", "8", "9"])
            phone.send(stanza(9, acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": 11}))
            phone.socket.settimeout(10)
            self.assertEqual(phone.next().error.code, Code.CODE_INVALID_ARGUMENT)
        with Device(self.bimipd, "bob", "tablet") as tablet:
            self.assertEqual(tablet.open().from_increment, 1)
            self.assertEqual(tablet.open(latest=True).from_increment, 11)
            self.assertEqual(tablet.open(increment=5).from_increment, 5)

    def test_credit_bounds_what_is_on_its_way(self):
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob") as bob:
            for i in range(12):
                alice.message("bob", f"{i}", f"m{i}")
            opened = bob.open(credit=5)
            bob.has(opened.inbox_id, 5)
            bob.hear()
            self.assertEqual(len(bob.inboxes[opened.inbox_id]), 5)
            bob.send(stanza(0, acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": 3}))
            self.assertEqual(bodies(bob.has(opened.inbox_id, 8)), [f"{i}" for i in range(8)])

    def test_read_is_the_same_on_every_device_and_told_to_the_author(self):
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob", "phone") as phone, \
                Device(self.bimipd, "bob", "tablet") as tablet:
            receipts = alice.open("receipt")
            for i in range(4):
                alice.message("bob", f"{i}", f"m{i}")
            on_phone, on_tablet = phone.open(), tablet.open()
            phone.has(on_phone.inbox_id, 4)
            phone.send(stanza(0, acknowledge_inbox={"inbox_id": on_phone.inbox_id, "up_to": 4}))
            receipt = alice.has(receipts.inbox_id, 1)[0].message
            self.assertEqual((receipt.receipt.name, receipt.receipt.category, getattr(receipt, "from"),
                              receipt.from_device), ("delivered", "chat", "bob", "phone"))
            self.assertEqual(list(receipt.receipt.message_ids), ["m0", "m1", "m2", "m3"])
            state = phone.ask(5, mark_read={"category": "chat", "up_to": 3}).inbox_state
            self.assertEqual((state.last_increment, state.read_up_to, state.unread), (4, 3, 1))

            def tablet_knows():
                tablet.hear()
                return tablet.states and tablet.states[-1].read_up_to == 3
            programs.wait_until(tablet_knows, what="the tablet's state")
            self.assertEqual(tablet.states[-1].unread, 1)
            receipt = alice.has(receipts.inbox_id, 2)[1].message.receipt
            self.assertEqual((receipt.name, list(receipt.message_ids)), ("read", ["m0", "m1", "m2"]))
            # What was told once is not told again.
            tablet.has(on_tablet.inbox_id, 4)
            tablet.send(stanza(0, acknowledge_inbox={"inbox_id": on_tablet.inbox_id, "up_to": 4}))
            tablet.ask(6, mark_read={"category": "chat", "up_to": 2})
            tablet.ask(7, send_receipt={"category": "chat", "name": "played", "first_increment": 2, "last_increment": 2})
            receipt = alice.has(receipts.inbox_id, 3)[2].message.receipt
            self.assertEqual((receipt.name, list(receipt.message_ids)), ("played", ["m1"]))
            alice.hear()
            self.assertEqual(len(alice.inboxes[receipts.inbox_id]), 3)

    def test_a_message_sent_again_is_stored_once(self):
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob") as bob:
            first = alice.message("bob", "once", "the id").sent
            self.bimipd.kill()
            self.bimipd.start()
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob") as bob:
            again = alice.message("bob", "once", "the id").sent
            self.assertEqual(first, again)
            other = alice.message("bob", "another", "another id").sent
            self.assertNotEqual(first.offset, other.offset)
            self.assertEqual(bodies(bob.has(bob.open().inbox_id, 2)), ["once", "another"])
            self.assertEqual(len(alice.has(alice.open("sent").inbox_id, 2)), 2)

    def test_another_message_of_the_same_name_is_refused(self):
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob") as bob:
            first = alice.message("bob", "one", "the id", content_type="text/plain").sent
            for other in ({"body": b"two"}, {"body": b"one", "content_type": "text/html"},
                          {"body": b"one", "content_type": "text/plain", "to_device": "pad"}):
                answer = alice.ask(3, send={"to": "bob", "message_id": "the id", **other})
                self.assertEqual(answer.error.code, Code.CODE_ALREADY_EXISTS, answer)
            # Times are the try's, not the message's.
            again = alice.message("bob", "one", "the id", content_type="text/plain", client_time_us=77, again=True)
            self.assertEqual(again.sent, first)
            self.assertEqual(bodies(bob.has(bob.open().inbox_id, 1)), ["one"])
            self.assertEqual(alice.message("bob", "two", "the id", again=True).error.code, Code.CODE_ALREADY_EXISTS)

    def test_whom_one_has_blocked_hears_of_no_receipt(self):
        with Device(self.bimipd, "eve") as eve, Device(self.bimipd, "bob") as bob:
            block = {"eid": "eve", "restriction": awareness_pb2.RESTRICTION_BLOCKED}
            inbox, receipts = bob.open(), eve.open("receipt")

            def take(up_to):
                bob.has(inbox.inbox_id, up_to)
                bob.ask(6, acknowledge_inbox={"inbox_id": inbox.inbox_id, "up_to": up_to})
                bob.ask(7, mark_read={"category": "chat", "up_to": up_to})
                bob.ask(8, send_receipt={"category": "chat", "name": "played", "first_increment": up_to,
                                         "last_increment": up_to})

            self.assertEqual(bob.ask(5, restrict_awareness=block).WhichOneof("body"), "awareness_relation")
            eve.message("bob", "while blocked", "m1")
            take(1)
            self.bimipd.kill()
            self.bimipd.start()
        with Device(self.bimipd, "eve") as eve, Device(self.bimipd, "bob") as bob:
            inbox, receipts = bob.open(), eve.open("receipt")
            eve.message("bob", "still", "m2")
            bob.inboxes[inbox.inbox_id].insert(0, None)
            take(2)
            bob.ask(5, restrict_awareness={"eid": "eve", "restriction": awareness_pb2.RESTRICTION_NONE})
            eve.message("bob", "not any more", "m3")
            take(3)
            told = [item.message.receipt for item in eve.has(receipts.inbox_id, 3)]
            self.assertEqual({(one.name, *one.message_ids) for one in told},
                             {("delivered", "m3"), ("read", "m3"), ("played", "m3")})

    def test_what_an_application_says_again_is_told_once(self):
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob") as bob:
            alice.message("bob", "a song", "m1")
            receipts = alice.open("receipt")
            for name in ("played", "played", "liked", "played"):
                bob.ask(7, send_receipt={"category": "chat", "name": name, "first_increment": 1, "last_increment": 1})
            told = [item.message.receipt.name for item in alice.has(receipts.inbox_id, 2)]
            alice.hear()
            self.assertEqual((told, len(alice.inboxes[receipts.inbox_id])), (["played", "liked"], 2))

    def test_each_device_names_its_messages_itself(self):
        with Device(self.bimipd, "alice", "phone") as phone, Device(self.bimipd, "alice", "desk") as desk:
            first = phone.message("bob", "of the phone", "1").sent
            second = desk.message("bob", "of the desk", "1").sent
            self.assertNotEqual(first.offset, second.offset)
            with Device(self.bimipd, "bob") as bob:
                inbox = bob.open()
                self.assertEqual(bodies(bob.has(inbox.inbox_id, 2)), ["of the phone", "of the desk"])
                bob.ask(6, acknowledge_inbox={"inbox_id": inbox.inbox_id, "up_to": 2})
                receipts = desk.open("receipt")
                told = [item.message.receipt for item in desk.has(receipts.inbox_id, 2)]
                self.assertEqual({(one.author_device, *one.message_ids) for one in told},
                                 {("phone", "1"), ("desk", "1")})
                for sender, offset in (("phone", first.offset), ("desk", second.offset), ("", second.offset)):
                    told = bob.ask(7, explain_message={"message_id": "1", "from_device": sender})
                    self.assertEqual(told.message_explanation.offset, offset)

    def test_the_senders_other_devices_have_copies(self):
        with Device(self.bimipd, "alice", "phone") as phone, Device(self.bimipd, "alice", "desk") as desk:
            copies = desk.open("sent")
            phone.message("bob", "hello", "m1", category="orders")
            phone.message("bob", "no copy", "m2", no_copy=True)
            phone.message("carol", "hi", "m3")
            items = desk.has(copies.inbox_id, 2)
            self.assertEqual([(one.message.to, one.message.category, one.message.from_device) for one in items],
                             [("bob", "orders", "phone"), ("carol", "chat", "phone")])

    def test_a_message_for_one_device_is_given_to_that_one(self):
        with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob", "phone") as phone, \
                Device(self.bimipd, "bob", "tablet") as tablet:
            alice.message("bob", "for the phone", "m1", to_device="phone")
            alice.message("bob", "for all", "m2")
            self.assertEqual(bodies(phone.has(phone.open().inbox_id, 2)), ["for the phone", "for all"])
            opened = tablet.open()
            self.assertEqual(bodies(tablet.has(opened.inbox_id, 1)), ["for all"])
            tablet.send(stanza(0, acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": 2}))

    def test_what_makes_no_sense_is_refused(self):
        with Device(self.bimipd, "alice") as alice:
            def refused(code, **body):
                answer = alice.ask(9, **body)
                self.assertEqual(answer.WhichOneof("body"), "error", answer)
                self.assertEqual(answer.error.code, code, answer.error.message)
            good = {"to": "bob", "message_id": "m"}
            refused(Code.CODE_PERMISSION_DENIED, send={**good, "from": "carol"})
            refused(Code.CODE_PERMISSION_DENIED, send={**good, "category": "receipt"})
            refused(Code.CODE_PERMISSION_DENIED, send={**good, "category": "sent"})
            refused(Code.CODE_NOT_FOUND, send={**good, "category": "nonsense"})
            refused(Code.CODE_INVALID_ARGUMENT, send={"message_id": "m"})
            refused(Code.CODE_INVALID_ARGUMENT, send={"to": "bob"})
            refused(Code.CODE_INVALID_ARGUMENT, send={"to": "bob", "message_id": "m" * 129})
            refused(Code.CODE_INVALID_ARGUMENT, send={"to": "b" * 257, "message_id": "m"})
            refused(Code.CODE_NOT_FOUND, open_inbox={"category": "nonsense"})
            refused(Code.CODE_OUT_OF_RANGE, open_inbox={"category": "chat", "increment": 5})
            refused(Code.CODE_OUT_OF_RANGE, mark_read={"category": "chat", "up_to": 1})
            refused(Code.CODE_NOT_FOUND, acknowledge_inbox={"inbox_id": 77, "up_to": 1})
            refused(Code.CODE_NOT_FOUND, close_inbox={"inbox_id": 77})
            refused(Code.CODE_INVALID_ARGUMENT, send_receipt={"category": "chat", "name": "read",
                                                              "first_increment": 1, "last_increment": 1})
            refused(Code.CODE_PERMISSION_DENIED, publish={"topic": "$inbox.chat", "key": b"bob", "value": b"false"})
            self.assertEqual(alice.message("alice", "to myself", "m").WhichOneof("body"), "sent")

    def test_nothing_answered_is_lost_or_out_of_order_across_kills(self):
        with Device(self.bimipd, "alice") as alice:
            alice.message("bob", "0", "m0")
        sent, seen, cursor = 1, [], 0
        for kill in range(4):
            with Device(self.bimipd, "alice") as alice, Device(self.bimipd, "bob") as bob:
                opened = bob.open(credit=1000)
                self.assertEqual(opened.cursor, cursor, "what was answered is neither forgotten nor given again")
                for _ in range(40):
                    self.assertEqual(alice.message("bob", f"{sent}", f"m{sent}").WhichOneof("body"), "sent")
                    sent += 1
                items = bob.has(opened.inbox_id, sent - opened.cursor)
                self.assertEqual([item.increment for item in items],
                                 list(range(opened.from_increment, opened.from_increment + len(items))))
                seen += bodies(items)
                cursor = items[-1].increment
                answer = bob.ask(acknowledge_inbox={"inbox_id": opened.inbox_id, "up_to": cursor})
                self.assertEqual(answer.inbox_acknowledged.up_to, cursor)
                self.bimipd.kill()
            self.bimipd.start()
        self.assertEqual(seen, [f"{i}" for i in range(sent)])

    def test_devices_that_come_at_the_same_time_are_all_known(self):
        with Device(self.bimipd, "alice") as alice:
            alice.message("bob", "hello", "m1")
        devices = [Device(self.bimipd, "bob", f"device {i}") for i in range(12)]
        for device in devices:
            device.send(stanza(2, open_inbox={"category": "chat"}))
        for device in devices:
            device.until(lambda: any(device.inboxes.values()), "the message", within=30)
            device.socket.close()

        def told():
            explained = json.loads(self.bimipd.must("--as", "bob", "explain", "m1", "--json"))
            return {one["device"] for one in explained["devices"] if one["device"].startswith("device")}
        programs.wait_until(lambda: len(told()) == len(devices), what="all devices")

    def test_categories_that_every_server_has_are_no_setting(self):
        for category in ("sent", "chat"):
            done = subprocess.run([programs.BIN / "bimipd", "--dev", "--data-dir", self.folder / "unused", "--check-config",
                                   "--inbox-categories", category], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode != 0, f"'{category}' is a category" in done.stdout + done.stderr),
                             (True, True), done)

    def test_the_tool_sends_and_reads(self):
        must = self.bimipd.must
        self.assertEqual(must("--as", "alice", "send", "bob", "hello", "--id", "first"), "first\n")
        must("--as", "alice", "send", "bob", "two\nlines")
        self.assertEqual(must("--as", "bob", "inbox", "--until-end"), "1\talice\thello\n2\talice\ttwo\\nlines\n")
        shown = must("--as", "bob", "--device", "phone", "inbox", "--until-end", "--ack", "--mark-read", "--json")
        self.assertEqual([json.loads(line)["body"] for line in shown.splitlines()], ["hello", "two\nlines"])
        self.assertEqual(must("--as", "bob", "--device", "phone", "inbox", "--until-end"), "")

        def told():
            shown = must("--as", "alice", "inbox", "receipt", "--until-end")
            return "delivered chat: first" in shown and "read chat: first" in shown
        programs.wait_until(told, what="the receipts")
        self.assertIn("to bob in chat: hello", must("--as", "alice", "inbox", "sent", "--until-end", "--count", "1"))
        self.refused(self.bimipd.bimip("--as", "bob", "inbox", "nonsense"), 1, "nonsense")
        self.refused(self.bimipd.bimip("--as", "bob", "inbox", "--from", "yesterday"), 2, "yesterday")

    def test_the_tool_ends_where_the_last_message_is_for_another_device(self):
        must = self.bimipd.must
        must("--as", "alice", "send", "bob", "for all")
        must("--as", "alice", "send", "bob", "for a ghost", "--to-device", "ghost")
        self.assertEqual(must("--as", "bob", "--device", "tablet", "inbox", "--until-end"), "1\talice\tfor all\n")
        self.assertEqual(must("--as", "bob", "--device", "phone", "inbox", "--until-end", "--ack"), "1\talice\tfor all\n")
        self.assertEqual(must("--as", "bob", "--device", "phone", "inbox", "--until-end", "--ack"), "")

    def test_the_tool_neither_acknowledges_nor_marks_what_it_has_not_shown(self):
        must = self.bimipd.must
        for body in ("one", "two"):
            must("--as", "alice", "send", "bob", body, "--id", body)
        phone = ("--as", "bob", "--device", "phone", "inbox", "--until-end")
        self.assertEqual(must(*phone, "--from", "latest", "--ack"), "")
        self.refused(self.bimipd.bimip(*phone, "--from", "latest", "--ack", "--mark-read"), 1, "messages 1 to 2 are unread")
        self.refused(self.bimipd.bimip(*phone, "--from", "2", "--mark-read"), 1, "messages 1 to 1 are unread")
        with Device(self.bimipd, "bob", "phone") as device:
            opened = device.open(only_looks=True)
            self.assertEqual((opened.cursor, opened.state.unread), (0, 2))
        self.assertEqual(must(*phone, "--ack", "--mark-read"), "1\talice\tone\n2\talice\ttwo\n")
        must("--as", "alice", "send", "bob", "three")
        self.assertEqual(must(*phone, "--from", "latest", "--ack"), "")
        self.assertEqual(must(*phone, "--ack", "--mark-read", "--json").count("three"), 1)

    def test_the_tool_acknowledges_only_what_it_has_written(self):
        self.bimipd.must("--as", "alice", "send", "bob", "hello")
        command = [programs.BIN / "bimip", "--as", "bob", "--device", "phone", "inbox", "--until-end", "--ack", "--mark-read"]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, env=programs.environment(self.bimipd.address), stdout=full, text=True,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (2, "bimip: standard output: No space left on device\n"))
        again = self.bimipd.must("--as", "bob", "--device", "phone", "inbox", "--until-end", "--ack", "--json")
        self.assertEqual(json.loads(again)["body"], "hello")

    def test_a_long_backlog_comes_whole(self):
        with Device(self.bimipd, "alice") as alice:
            for start in range(0, 3000, 500):
                alice.send(*[stanza(100 + i, send={"to": "bob", "body": b"x" * 300, "message_id": f"m{i}",
                                                   "no_copy": True}) for i in range(start, start + 500)])
                answers = []

                def all_sent():
                    alice.hear(answers)
                    return len(answers) == 500
                programs.wait_until(all_sent, what="the answers")
                self.assertEqual({one.WhichOneof("body") for one in answers}, {"sent"})
        with Device(self.bimipd, "bob") as bob:
            opened = bob.open(only_looks=True)
            items = bob.has(opened.inbox_id, 3000)
            self.assertEqual([item.message.message_id for item in items], [f"m{i}" for i in range(3000)])

    def test_an_inbox_keeps_its_newest_when_it_may_keep_so_many(self):
        self.bimipd.stop()
        node = self.server("--inbox-messages-max", 10, name="bounded")
        with Device(node, "alice") as alice:
            for i in range(1, 151):  # what fills a segment of the log, and a little more
                self.assertEqual(alice.message("bob", "x" * 1_000_000, f"m{i}", no_copy=True).WhichOneof("body"), "sent")

        def oldest():
            with Device(node, "bob") as bob:
                opened = bob.open(only_looks=True, credit=1)
                self.assertEqual(opened.state.last_increment, 150)
                first = bob.has(opened.inbox_id, 1)[0].increment
                return (first, [(gap.first_increment, gap.last_increment) for gap in bob.gaps])
        programs.wait_until(lambda: oldest()[0] > 100, what="the oldest messages to go")
        first, gaps = oldest()
        self.assertLess(first, 142)
        self.assertEqual(gaps, [(1, first - 1)])


if __name__ == "__main__":
    case.main()
