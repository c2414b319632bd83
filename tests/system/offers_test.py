"""Offers between entities, against the real server: who has them, who hears of it, clocks, kills."""

import json

import case
from listener import Listener
from wire import Code
from bimip.v1 import awareness_pb2, offer_pb2

State = offer_pb2.OfferState
Action = offer_pb2.OfferAction


class Device(Listener):
    """A session of an entity's device that watches its offers."""

    def __init__(self, server, eid, device="phone"):
        self.told = []
        super().__init__(server, eid, device)
        self.there = self.ask(watch_offers={}).offers_watched.offers

    def take(self, got):
        if got.WhichOneof("body") != "offer_changed" or got.id != 0:
            return False
        self.told.append(got.offer_changed.offer)
        return True

    def hears(self, state, offer_id="call", to_device=None):
        """Waits until it was told that the offer is so."""
        def is_so():
            return any(o.offer_id == offer_id and o.state == state and to_device in (None, o.to_device) for o in self.told)
        self.until(is_so, f"state {state}", within=30)
        return next(o for o in reversed(self.told) if o.offer_id == offer_id)

    def propose(self, to, offer_id="call", **more):
        return self.ask(propose_offer={"to": to, "offer_id": offer_id, "description": b"video", **more})

    def act(self, by, action, offer_id="call", **more):
        return self.ask(act_on_offer={"from": by, "offer_id": offer_id, "action": action, **more})


class Offers(case.SystemTest):
    def setUp(self):
        super().setUp()
        self.bimipd = self.server()

    def test_a_call_rings_is_accepted_by_one_device_and_ends(self):
        with Device(self.bimipd, "ann") as ann, Device(self.bimipd, "bob", "phone") as phone, \
                Device(self.bimipd, "bob", "tablet") as tablet, Device(self.bimipd, "carol") as carol:
            made = ann.propose("bob").offer_changed.offer
            self.assertEqual((made.state, made.version, made.kind), (State.OFFER_STATE_PROPOSED, 1, "call"))
            for device in (phone, tablet):
                self.assertEqual(device.hears(State.OFFER_STATE_PROPOSED).description, b"video")
            phone.act("ann", Action.OFFER_ACTION_RING)
            ann.hears(State.OFFER_STATE_RINGING)
            accepted = tablet.act("ann", Action.OFFER_ACTION_ACCEPT, description=b"audio").offer_changed.offer
            self.assertEqual((accepted.to_device, accepted.answer), ("tablet", b"audio"))
            ann.hears(State.OFFER_STATE_ACCEPTED, to_device="tablet")
            phone.hears(State.OFFER_STATE_ACCEPTED, to_device="tablet")
            late = phone.act("ann", Action.OFFER_ACTION_ACCEPT).error
            self.assertEqual((late.code, late.message),
                             (Code.CODE_ALREADY_EXISTS, "the offer is accepted by device 'tablet'"))
            ann.act("ann", Action.OFFER_ACTION_END, reason="bye")
            self.assertEqual(phone.hears(State.OFFER_STATE_ENDED).reason, "bye")
            self.assertEqual(carol.told, [])
            self.assertEqual(carol.act("ann", Action.OFFER_ACTION_ACCEPT).error.code, Code.CODE_NOT_FOUND)

    def test_an_offer_survives_both_sides_leaving_and_a_kill(self):
        with Device(self.bimipd, "ann") as ann:
            ann.propose("bob", expires_in_ms=600_000)
        self.bimipd.kill()
        self.bimipd.start()
        with Device(self.bimipd, "bob") as bob:
            self.assertEqual(bob.there, 1)
            bob.hears(State.OFFER_STATE_PROPOSED)
            bob.act("ann", Action.OFFER_ACTION_ACCEPT)
        self.bimipd.kill()
        self.bimipd.start()
        with Device(self.bimipd, "ann") as ann, Device(self.bimipd, "bob", "tablet") as tablet:
            self.assertEqual(ann.hears(State.OFFER_STATE_ACCEPTED).to_device, "phone")
            self.assertEqual(tablet.act("ann", Action.OFFER_ACTION_ACCEPT).error.code, Code.CODE_ALREADY_EXISTS)

    def test_one_that_is_missed_expires_and_leaves_word_in_the_inbox(self):
        with Device(self.bimipd, "ann") as ann:
            ann.propose("bob", expires_in_ms=1000)
            told = ann.hears(State.OFFER_STATE_EXPIRED)
            # When exactly, is shown on a clock that stands still, in OfferServiceTest.
            self.assertEqual(told.expires_at_us - told.proposed_at_us, 1_000_000)
            self.assertGreaterEqual(told.changed_at_us, told.expires_at_us)
        shown = self.bimipd.must("--as", "bob", "inbox", "notification", "--until-end", "--json")
        missed = json.loads(shown)["missed_offer"]
        self.assertEqual((missed["offer_id"], missed["from"], missed["state"]), ("call", "ann", "expired"))
        with Device(self.bimipd, "bob") as bob:
            self.assertEqual(bob.there, 0)
            self.assertEqual(bob.act("ann", Action.OFFER_ACTION_ACCEPT).error.code, Code.CODE_ALREADY_EXISTS)

    def test_whom_one_has_blocked_is_not_heard(self):
        with Device(self.bimipd, "eve") as eve, Device(self.bimipd, "bob") as bob:
            bob.ask(restrict_awareness={"eid": "eve", "restriction": awareness_pb2.RESTRICTION_BLOCKED})
            made = eve.propose("bob", expires_in_ms=1000).offer_changed.offer
            self.assertEqual(made.state, State.OFFER_STATE_PROPOSED)
            eve.hears(State.OFFER_STATE_EXPIRED)
            with Device(self.bimipd, "bob", "tablet") as tablet:
                self.assertEqual(tablet.there, 0)
            inbox = bob.ask(open_inbox={"category": "notification"}).inbox_opened
            self.assertEqual((bob.told, inbox.state.last_increment), ([], 0))

    def test_the_longest_names_are_missed_like_any_other(self):
        maker, offer_id = "m" * 256, "o" * 128
        with Device(self.bimipd, maker) as ann:
            ann.propose("bob", offer_id, expires_in_ms=1000)
            ann.hears(State.OFFER_STATE_EXPIRED, offer_id)
        shown = self.bimipd.must("--as", "bob", "inbox", "notification", "--until-end", "--json")
        self.assertEqual(json.loads(shown)["missed_offer"]["from"], maker)

    def test_of_sessions_without_a_device_one_has_it(self):
        with Device(self.bimipd, "ann") as ann, Device(self.bimipd, "bob", "") as one, \
                Device(self.bimipd, "bob", "") as two:
            ann.propose("bob")
            for _ in range(2):
                accepted = one.act("ann", Action.OFFER_ACTION_ACCEPT, description=b"one").offer_changed.offer
                self.assertEqual((accepted.state, accepted.answer), (State.OFFER_STATE_ACCEPTED, b"one"))
            late = two.act("ann", Action.OFFER_ACTION_ACCEPT, description=b"two").error
            self.assertEqual((late.code, late.message),
                             (Code.CODE_ALREADY_EXISTS, "the offer is accepted by a session without a device"))
            ann.act("ann", Action.OFFER_ACTION_END)
            self.assertEqual(two.act("ann", Action.OFFER_ACTION_ACCEPT).error.message,
                             "the offer is ended by device 'phone' of 'ann'")

    def test_what_makes_no_sense_is_refused(self):
        with Device(self.bimipd, "ann") as ann:
            for wrong in ({"offer_id": ""}, {"offer_id": "x" * 129}, {"to": ""}, {"to": "x" * 257}, {"kind": "A Call"},
                          {"expires_in_ms": 999}, {"expires_in_ms": 86_400_001}):
                answer = ann.propose(**{"to": "bob", **wrong})
                self.assertEqual(answer.error.code, Code.CODE_INVALID_ARGUMENT, wrong)
            self.assertEqual(ann.propose("bob", description=b"x" * 65_537).error.code, Code.CODE_TOO_LARGE)
            self.assertEqual(ann.act("ann", 0).error.code, Code.CODE_INVALID_ARGUMENT)
            self.assertEqual(ann.act("ann", Action.OFFER_ACTION_CANCEL).error.code, Code.CODE_NOT_FOUND)

    def test_a_watcher_that_reads_slowly_is_told_the_newest(self):
        with Device(self.bimipd, "ann") as ann, Device(self.bimipd, "bob") as bob:
            for i in range(30):
                ann.propose("bob", f"{i}", description=b"x" * 65_000)
            for round in range(5):
                for i in range(30):
                    ann.act("ann", Action.OFFER_ACTION_UPDATE, f"{i}", description=bytes([97 + round]) * 65_000)
            for i in range(30):
                ann.act("ann", Action.OFFER_ACTION_CANCEL, f"{i}")
            for i in range(30):
                bob.hears(State.OFFER_STATE_CANCELLED, f"{i}")

    def test_the_tool_proposes_waits_and_answers(self):
        def tool(*arguments):
            return self.bimipd.must("--as", "bob", "--device", "phone", "offer", *arguments)
        for span, code, why in (("nan", 2, "no duration"), ("30", 2, "no duration"), ("0s", 1, "expires_in_ms"),
                                ("10ms", 1, "expires_in_ms"), ("2d", 1, "expires_in_ms"), ("99999d", 1, "expires_in_ms")):
            done = self.bimipd.bimip("--as", "ann", "offer", "propose", "bob", "--expires-in", span)
            self.refused(done, code, why)
        waiting = self.background(self.bimipd.start_bimip(
            "--as", "ann", "--device", "desk", "offer", "propose", "bob", "video", "--id", "call-7", "--wait"))
        self.assertEqual(tool("watch", "--count", "1").split("\t")[:5], ["ann", "call-7", "call", "bob", "proposed"])
        self.assertIn("\tringing\t", tool("ring", "ann", "call-7"))
        self.assertEqual(json.loads(tool("accept", "ann", "call-7", "audio", "--json"))["to_device"], "phone")
        out = self.must_end_well(waiting).decode()
        self.assertEqual(out.splitlines()[-1].split("\t")[4], "accepted")
        late = self.bimipd.bimip("--as", "bob", "--device", "tablet", "offer", "accept", "ann", "call-7")
        self.refused(late, 1, "accepted by device 'phone'")
        tool("end", "ann", "call-7", "done")


if __name__ == "__main__":
    case.main()
