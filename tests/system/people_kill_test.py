"""kill -9 while people send, acknowledge, read, change their states and call each other; then everything is looked at."""

import threading
import time
import traceback
import zlib

import awareness_test
import case
import inbox_test
import offers_test
import programs
from listener import Listener
from wire import Closed, stanza
from bimip.v1 import offer_pb2

PEOPLE = ("ann", "bob", "cyd")
DEVICES = ("phone", "desk")
KILLS = 3
BETWEEN_KILLS = 3  # seconds
CALLS = 4  # of a device: an entity may have 32 offers that are not over
GRACE, RECOVER_WITHIN = 1, 4
PRESENCE_SLACK = 4  # of a busy machine
Kind, Action = offer_pb2.OfferState, offer_pb2.OfferAction


class Inbox:
    """What a device has of one category."""

    def __init__(self):
        self.id = None
        self.got = {}  # increment: who sent it and the message's id
        self.acknowledged = 0
        self.kept = 0  # of that, what was answered: no kill takes it back


class Device(threading.Thread, Listener):
    """Acts at random, and comes back when the connection is lost: what was not answered is asked again."""

    def __init__(self, test, eid, name):
        threading.Thread.__init__(self, daemon=True)
        self.test, self.server, self.eid, self.device = test, test.bimipd, eid, name
        self.random = case.random.Random(f"{test.seed} {eid} {name}")
        self.inboxes = {"chat": Inbox(), "receipt": Inbox()}
        self.unanswered = None  # (to, message id)
        self.sent, self.marked, self.read_asked = set(), 0, 0
        self.proposed, self.accepted, self.ringing = set(), set(), []
        self.count = 0
        self.trouble = None

    def run(self):
        while not self.test.is_over.is_set() and not self.trouble:
            try:
                self.live()
            except (Closed, OSError):
                time.sleep(0.05)
            except Exception:  # noqa: BLE001 - told by the test
                self.trouble = traceback.format_exc()

    def live(self):
        for inbox in self.inboxes.values():
            inbox.id = None
        Listener.__init__(self, self.server, self.eid, self.device)
        with self:
            self.ask(watch_offers={})
            for category, inbox in self.inboxes.items():
                self.open(category, inbox)
            while not self.test.is_over.is_set():
                self.hear()
                self.act()

    def open(self, category, inbox):
        self.opening = inbox
        opened = self.ask(open_inbox={"category": category, "credit": 1000}).inbox_opened
        if not inbox.kept <= opened.cursor <= inbox.acknowledged:
            raise AssertionError(f"{self.eid} {self.device} {category}: the cursor is {opened.cursor}; {inbox.kept} was "
                                 f"kept, {inbox.acknowledged} acknowledged")

    def take(self, got):
        kind = got.WhichOneof("body")
        if kind == "inbox_opened":
            self.opening.id = got.inbox_opened.inbox_id
            return False
        if kind == "inbox_delivery":
            inbox = next(one for one in self.inboxes.values() if one.id == got.inbox_delivery.inbox_id)
            for item in got.inbox_delivery.items:
                self.given(inbox, item)
            if got.inbox_delivery.gaps:
                raise AssertionError(f"a gap: {got}")
        elif kind == "offer_changed" and got.id == 0:
            offer = got.offer_changed.offer
            if offer.to == self.eid and offer.state == Kind.OFFER_STATE_PROPOSED:
                self.ringing.append((getattr(offer, "from"), offer.offer_id))
        else:
            return kind == "inbox_state" and got.id == 0
        return True

    def given(self, inbox, item):
        what = (getattr(item.message, "from"), item.message.message_id, item.message.receipt.SerializeToString())
        if item.increment <= inbox.kept:
            raise AssertionError(f"{self.eid} {self.device} has acknowledged {item}")
        if inbox.got.setdefault(item.increment, what) != what:
            raise AssertionError(f"{item} was {inbox.got[item.increment]}")

    def act(self):
        for inbox in self.inboxes.values():
            self.acknowledge(inbox)
        self.random.choice((self.send_one, self.send_one, self.mark_read, self.change_state, self.call, self.pick_up))()

    def acknowledge(self, inbox):
        newest = max(inbox.got, default=0)
        if newest == inbox.acknowledged or self.random.randrange(2):
            return
        inbox.acknowledged = newest
        body = {"inbox_id": inbox.id, "up_to": newest}
        if self.random.randrange(2):
            self.must(self.ask(acknowledge_inbox=body), "inbox_acknowledged")
            inbox.kept = newest
        else:
            self.send(stanza(0, acknowledge_inbox=body))

    def send_one(self):
        if not self.unanswered:
            self.count += 1
            to = self.random.choice([person for person in PEOPLE if person != self.eid])
            self.unanswered = to, f"{self.device} {self.count}"
        to, message_id = self.unanswered
        answer = self.ask(send={"to": to, "message_id": message_id, "body": b"x" * (zlib.crc32(message_id.encode()) % 300)})
        self.must(answer, "sent")
        self.sent.add(self.unanswered)
        self.unanswered = None

    def mark_read(self):
        up_to = max(self.inboxes["chat"].got, default=0)
        self.read_asked = max(self.read_asked, up_to)
        state = self.must(self.ask(mark_read={"category": "chat", "up_to": up_to}), "inbox_state")
        if state.read_up_to < up_to or state.unread != max(0, state.last_increment - state.read_up_to):
            raise AssertionError(state)
        self.marked = max(self.marked, up_to)

    def change_state(self):
        self.must(self.ask(set_awareness={"state": self.random.randrange(1, 6)}), "awareness_set")

    def call(self):
        if len(self.proposed) >= CALLS:
            return
        self.count += 1
        to = self.random.choice([person for person in PEOPLE if person != self.eid])
        offer = f"{self.device} {self.count}"
        self.must(self.ask(propose_offer={"to": to, "offer_id": offer, "expires_in_ms": 600_000}), "offer_changed")
        self.proposed.add((self.eid, to, offer))

    def pick_up(self):
        if not self.ringing:
            return
        by, offer = self.ringing.pop()
        answer = self.ask(act_on_offer={"from": by, "offer_id": offer, "action": Action.OFFER_ACTION_ACCEPT})
        if answer.WhichOneof("body") == "offer_changed":
            self.accepted.add((by, self.eid, offer))

    def must(self, answer, body):
        if answer.WhichOneof("body") != body:
            raise AssertionError(f"{self.eid} {self.device}: {answer}")
        return getattr(answer, body)


class PeopleKill(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.bimipd = self.server("--awareness-grace", f"{GRACE}s", "--awareness-recover-within", f"{RECOVER_WITHIN}s",
                                  "--awareness-coalesce", "100ms")
        self.is_over = threading.Event()

    def person(self, eid, device="phone"):
        person = awareness_test.Person(self.bimipd, eid, device)
        self.addCleanup(person.close)
        return person

    def make_contacts(self):
        people = [self.person(eid) for eid in PEOPLE]
        for viewer in people:
            for owner in people:
                if viewer is not owner:
                    viewer.relation(subscribe_awareness={"eid": owner.welcome.eid})
                    owner.relation(answer_awareness={"eid": viewer.welcome.eid, "grant": True})
        for person in people:
            person.close()

    def kill_and_start(self):
        self.bimipd.kill()
        self.bimipd.start()

    def live_and_kill(self):
        devices = [Device(self, eid, name) for eid in PEOPLE for name in DEVICES]
        for device in devices:
            device.start()
        for _ in range(KILLS):
            end = time.monotonic() + BETWEEN_KILLS * self.random.uniform(0.5, 1.5)
            while time.monotonic() < end and not any(device.trouble for device in devices):
                time.sleep(0.05)
            self.kill_and_start()
        time.sleep(BETWEEN_KILLS)
        self.is_over.set()
        for device in devices:
            device.join(60)
            self.assertIsNone(device.trouble, device.trouble)
        return devices

    def everything(self, eid, category, name="looks"):
        with inbox_test.Device(self.bimipd, eid, name) as looker:
            opened = looker.open(category, earliest=True, only_looks=True)
            items = looker.has(opened.inbox_id, opened.state.last_increment)
            self.assertEqual([item.increment for item in items], list(range(1, opened.state.last_increment + 1)))
            return opened.state, items

    def check_messages(self, devices):
        """Each answered message is there, all of them once, and each device was given them under the same numbers."""
        for eid in PEOPLE:
            state, items = self.everything(eid, "chat")
            there = [(getattr(item.message, "from"), item.message.message_id) for item in items]
            self.assertEqual(len(set(there)), len(there), "stored twice")
            sent = {(device.eid, message_id) for device in devices for to, message_id in device.sent if to == eid}
            self.assertEqual(sent - set(there), set(), "acknowledged and lost")
            mine = [device for device in devices if device.eid == eid]
            for device in mine:
                got = device.inboxes["chat"].got
                self.assertEqual(sorted(got), list(range(1, len(got) + 1)), "a hole")
                self.assertEqual([what[:2] for _, what in sorted(got.items())], there[:len(got)])
            self.check_unread(eid, state, mine)
            self.check_receipts(eid, there, max(device.inboxes["chat"].kept for device in mine), state.read_up_to)
        return sum(len(device.sent) for device in devices)

    def check_unread(self, eid, state, mine):
        self.assertEqual(state.unread, state.last_increment - state.read_up_to)
        self.assertGreaterEqual(state.read_up_to, max(device.marked for device in mine), "answered and forgotten")
        self.assertLessEqual(state.read_up_to, max(device.read_asked for device in mine))
        for name in DEVICES:
            self.assertEqual(self.everything(eid, "chat", name)[0], state, "unread is the same on every device")

    def check_receipts(self, eid, there, delivered, read):
        """Authors were told of each message that a device acknowledged, and of each that was read."""
        told = {(author, name, message_id) for author in PEOPLE for item in self.everything(author, "receipt")[1]
                if getattr(item.message, "from") == eid and (name := item.message.receipt.name)
                for message_id in item.message.receipt.message_ids}
        for name, count in (("delivered", delivered), ("read", read)):
            for author, message_id in there[:count]:
                self.assertIn((author, name, message_id), told)

    def check_offers(self, devices):
        accepted = [(offer, device.device) for device in devices for offer in device.accepted]
        self.assertEqual(len({offer for offer, _ in accepted}), len(accepted), "accepted by two devices")
        told = {}
        for eid in PEOPLE:
            with offers_test.Device(self.bimipd, eid, "looks") as looker:
                looker.until(lambda: len({(getattr(one, "from"), one.offer_id) for one in looker.told}) >= looker.there)
                told |= {(getattr(one, "from"), one.to, one.offer_id): one for one in looker.told}
        for device in devices:
            self.assertEqual(device.proposed - set(told), set(), "answered and lost")
        for offer, device in accepted:
            self.assertEqual((told[offer].state, told[offer].to_device), (Kind.OFFER_STATE_ACCEPTED, device))
        return len(accepted)

    def check_presence(self):
        """After one more kill: who comes back is seen as he says, who does not is offline within the stated time."""
        ann, bob, cyd = (self.person(eid) for eid in PEOPLE)
        bob.set(awareness_test.AWAY)
        cyd.set(awareness_test.BUSY)
        ann.watch()
        ann.sees("cyd", awareness_test.BUSY)
        self.kill_and_start()
        began = time.monotonic()
        ann, bob = self.person("ann"), self.person("bob")
        bob.set(awareness_test.DND)
        ann.watch()
        ann.sees("bob", awareness_test.DND)
        ann.sees("cyd", awareness_test.OFFLINE)
        took = time.monotonic() - began
        self.assertLess(took, RECOVER_WITHIN + PRESENCE_SLACK)
        return took

    def test_nothing_that_was_answered_is_lost_when_the_server_is_killed_under_people(self):
        self.make_contacts()
        devices = self.live_and_kill()
        self.kill_and_start()
        sent = self.check_messages(devices)
        accepted = self.check_offers(devices)
        took = self.check_presence()
        self.assertGreater(sent, 10 * KILLS)
        self.assertGreater(accepted, 0)
        self.assertEqual(self.bimipd.stop(), 0)
        self.assertEqual(programs.bimip("log", "verify", "--deep", self.bimipd.folder).returncode, 0)
        print(f"{sent} messages, {accepted} offers accepted, {KILLS + 2} kills; presence was right {took:.1f} s after the last")


if __name__ == "__main__":
    case.main()
