"""Who is there, against the real server: devices, consents, blocks, lost connections, kills, drains, the history."""

import json
import time

import case
import programs
from listener import Listener
from wire import Code, stanza
from bimip.v1 import awareness_pb2

State = awareness_pb2.UserState
ONLINE, AWAY, BUSY, DND, INVISIBLE, OFFLINE = range(1, 7)
NONE, REQUESTED, GRANTED, DENIED = range(1, 5)
EVERYONE, CONTACTS, EXCEPT, NOBODY = range(1, 5)
NO_RESTRICTION, EXCEPTED, BLOCKED = range(1, 4)
RECOVER_WITHIN = 5
GRACE = 2


class Person(Listener):
    """A session of somebody's device that keeps what it was told."""

    def __init__(self, server, eid, device="phone"):
        self.views, self.relations, self.counts, self.complete, self.told = {}, {}, None, False, []
        super().__init__(server, eid, device)

    def take(self, got):
        if got.WhichOneof("body") != "awareness_changed":
            return False
        changed = got.awareness_changed
        for view in changed.views:
            self.views[view.eid] = view
            self.told.append((view.eid, view.state))
        for relation in changed.relations:
            self.relations[relation.eid] = relation
        if changed.HasField("counts"):
            self.counts = changed.counts
        self.complete = self.complete or changed.complete
        return True

    def set(self, state=0, **more):
        answer = self.ask(set_awareness={"state": state, **more})
        if answer.WhichOneof("body") != "awareness_set":
            raise AssertionError(answer)
        return answer.awareness_set

    def watch(self, contacts=True, eids=()):
        self.complete = False
        watched = self.ask(watch_awareness={"contacts": contacts, "eids": eids}).awareness_watched
        self.until(lambda: self.complete, "the snapshot")
        return watched

    def sees(self, eid, state, within=20):
        self.until(lambda: eid in self.views and self.views[eid].state == state,
                   f"{eid} {State.Name(state)}", within)
        return self.views[eid]

    def keeps_seeing(self, eid, state, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.hear()
            if self.views[eid].state != state:
                raise AssertionError(f"{eid} became {State.Name(self.views[eid].state)}")

    def relation(self, **body):
        answer = self.ask(**body)
        if answer.WhichOneof("body") != "awareness_relation":
            raise AssertionError(answer)
        return answer.awareness_relation

    def look(self, eid):
        return self.ask(get_awareness={"eids": [eid]}).awareness_views.views[0]

    def history(self, eid="", **range):
        return self.ask(read_awareness_history={"eid": eid, **range}).awareness_history.transitions


class Awareness(case.SystemTest):
    FLAGS = ("--awareness-grace", f"{GRACE}s", "--awareness-recover-within", f"{RECOVER_WITHIN}s",
             "--awareness-coalesce", "100ms")

    def setUp(self):
        super().setUp()
        self.bimipd = self.server(*self.FLAGS)

    def person(self, eid, device="phone"):
        person = Person(self.bimipd, eid, device)
        self.addCleanup(person.close)
        return person

    def befriend(self, viewer, owner, mutual=False):
        viewer.relation(subscribe_awareness={"eid": owner.welcome.eid, "mutual": mutual})
        owner.relation(answer_awareness={"eid": viewer.welcome.eid, "grant": True})

    def two(self):
        alice, bob = self.person("alice"), self.person("bob")
        self.befriend(bob, alice)
        return alice, bob

    def test_a_snapshot_and_then_every_state(self):
        alice, bob = self.two()
        self.assertEqual(alice.set(ONLINE, text="hello").state, ONLINE)
        self.assertEqual(bob.watch().entities, 1)
        self.assertEqual(bob.views["alice"].text, "hello")
        for state in (AWAY, BUSY, DND, ONLINE):
            alice.set(state)
            bob.sees("alice", state)
        alice.set(INVISIBLE)
        bob.sees("alice", OFFLINE)
        self.assertEqual(alice.look("alice").state, INVISIBLE)
        alice.set(BUSY)
        bob.sees("alice", BUSY)
        alice.set(OFFLINE)
        seen = bob.sees("alice", OFFLINE)
        self.assertAlmostEqual(seen.last_seen_us / 1e6, time.time(), delta=20)

    def test_a_device_comes_back_within_its_grace_and_nobody_is_told(self):
        alice, bob = self.two()
        alice.set(BUSY)
        bob.watch()
        bob.sees("alice", BUSY)
        for _ in range(3):
            alice.close()
            alice = self.person("alice")
            alice.set()
        bob.keeps_seeing("alice", BUSY, GRACE + 0.5)
        self.assertEqual(bob.told, [("alice", BUSY)])
        alice.close()
        bob.sees("alice", OFFLINE)

    def test_the_end_of_an_old_connection_is_not_the_end_of_the_device(self):
        alice, bob = self.two()
        alice.set(ONLINE)
        bob.watch()
        again = self.person("alice")
        again.set(ONLINE)
        alice.close()
        bob.keeps_seeing("alice", ONLINE, GRACE + 1)
        again.close()
        bob.sees("alice", OFFLINE)

    def test_devices_are_merged_and_their_ends_are_their_own(self):
        alice, bob = self.two()
        desk = self.person("alice", "desk")
        bob.watch()
        alice.set(AWAY)
        bob.sees("alice", AWAY)
        desk.set(ONLINE)
        bob.sees("alice", ONLINE)
        alice.set(DND)
        bob.sees("alice", DND)
        alice.close()
        bob.sees("alice", ONLINE)
        desk.set(OFFLINE)
        bob.sees("alice", OFFLINE)

    def test_consent_is_asked_given_denied_and_taken_back(self):
        alice, bob = self.person("alice"), self.person("bob")
        alice.set(ONLINE)
        alice.watch()
        bob.watch()
        bob.relation(subscribe_awareness={"eid": "alice", "mutual": True})
        alice.until(lambda: "bob" in alice.relations, "the request")
        self.assertEqual((alice.relations["bob"].given, alice.relations["bob"].mutual), (REQUESTED, True))
        self.assertNotIn("alice", bob.views)
        alice.relation(answer_awareness={"eid": "bob", "grant": False})
        bob.until(lambda: "alice" in bob.relations and bob.relations["alice"].taken == DENIED, "the denial")
        bob.relation(subscribe_awareness={"eid": "alice", "mutual": True})
        granted = alice.relation(answer_awareness={"eid": "bob", "grant": True})
        self.assertEqual((granted.given, granted.taken), (GRANTED, GRANTED))
        bob.sees("alice", ONLINE)
        bob.set(AWAY)
        alice.sees("bob", AWAY)
        alice.relation(cancel_awareness={"eid": "bob"})
        bob.sees("alice", OFFLINE)
        alice.relation(unsubscribe_awareness={"eid": "bob"})
        alice.until(lambda: alice.relations["bob"].taken == NONE, "the end")
        self.assertEqual(self.refusal(alice, answer_awareness={"eid": "bob", "grant": True}), Code.CODE_NOT_FOUND)
        self.assertEqual(self.refusal(bob, unsubscribe_awareness={"eid": "alice"}), Code.CODE_NOT_FOUND)

    def refusal(self, person, **body):
        answer = person.ask(**body)
        self.assertEqual(answer.WhichOneof("body"), "error", answer)
        return answer.error.code

    def test_a_block_looks_like_offline_and_survives_a_kill(self):
        alice, bob = self.two()
        alice.set(ONLINE)
        bob.watch()
        bob.sees("alice", ONLINE)
        self.assertEqual(alice.relation(restrict_awareness={"eid": "bob", "restriction": BLOCKED}).restriction, BLOCKED)
        seen = bob.sees("alice", OFFLINE)
        self.assertEqual((seen.text, seen.since_us), ("", 0))
        # As if she had gone: the history goes on to the block, and there she is last seen.
        programs.wait_until(lambda: len(bob.history("alice")) == 2, what="the record")
        past = [(one.state, one.at_us) for one in bob.history("alice")]
        self.assertEqual([state for state, _ in past], [ONLINE, OFFLINE])
        self.assertEqual(past[1][1], seen.last_seen_us)
        alice.set(BUSY, text="unseen")
        alice.set(ONLINE)
        self.assertNotIn("alice", bob.relations)
        self.bimipd.kill()
        self.bimipd.start()
        alice, bob = self.person("alice"), self.person("bob")
        alice.set(ONLINE)
        bob.watch()
        self.assertEqual(bob.views["alice"].state, OFFLINE)
        self.assertEqual(bob.views["alice"].last_seen_us, seen.last_seen_us)
        self.assertEqual([(one.state, one.at_us) for one in bob.history("alice")], past)
        relations = bob.ask(list_awareness={}).awareness_relations.relations
        self.assertEqual([(one.eid, one.taken) for one in relations], [("alice", GRANTED)])
        alice.relation(restrict_awareness={"eid": "bob", "restriction": NO_RESTRICTION})
        back = bob.sees("alice", ONLINE)
        self.assertEqual([one.state for one in bob.history("alice")], [ONLINE, OFFLINE, ONLINE])
        self.assertEqual(bob.history("alice")[-1].at_us, back.since_us)

    def test_a_state_that_was_answered_outlives_a_kill(self):
        alice, bob = self.two()
        for i in range(8):
            alice.set(ONLINE, text=f"{i}")
            # The second is behind the record of the first.
            alice.send(stanza(50, set_awareness={"state": ONLINE, "text": "visible"}),
                       stanza(51, set_awareness={"state": INVISIBLE}))
            alice.socket.settimeout(20)
            while alice.next().id != 51:
                pass
            self.bimipd.kill()
            self.bimipd.start()
            alice, bob = self.person("alice"), self.person("bob")
            self.assertEqual(bob.look("alice").state, OFFLINE)
            self.assertEqual(alice.set().state, INVISIBLE)

    def test_damaged_rules_show_nobody(self):
        alice, eve, zoe = self.person("alice"), self.person("eve"), self.person("zoe")
        alice.ask(set_awareness_privacy={"presence": EVERYONE})
        for one in (eve, zoe):
            one.ask(set_awareness_privacy={"presence": EVERYONE})
        alice.relation(restrict_awareness={"eid": "eve", "restriction": BLOCKED})
        alice.set(ONLINE)
        self.assertEqual((eve.look("alice").state, zoe.look("alice").state), (OFFLINE, ONLINE))
        self.bimipd.stop()
        damaged = 0
        for file in (self.bimipd.folder / "topics" / "$awareness-rules").rglob("*"):
            if file.is_file() and b"alice\0eve" in (data := file.read_bytes()):
                file.write_bytes(data.replace(b"alice\0eve", b"alice\0eva"))
                damaged += 1
        self.assertGreater(damaged, 0)
        self.bimipd.start()
        eve, zoe = self.person("eve"), self.person("zoe")
        for one in (eve, zoe):
            self.assertEqual(self.refusal(one, get_awareness={"eids": ["alice"]}), Code.CODE_DATA_LOSS)
            self.assertEqual(self.refusal(one, watch_awareness={"contacts": True}), Code.CODE_DATA_LOSS)
        self.assertIn("awareness is closed", self.bimipd.log())
        self.bimipd.stop()
        self.bimipd.flags += ("--awareness-accept-damaged-rules",)
        self.bimipd.start()
        self.assertEqual(self.person("zoe").look("alice").eid, "alice")

    def test_audiences_and_their_reciprocity(self):
        alice, bob = self.two()
        eve = self.person("eve")
        alice.set(ONLINE)
        bob.watch()
        eve.watch(eids=["alice"], contacts=False)
        self.assertEqual(eve.views["alice"].state, OFFLINE)
        alice.ask(set_awareness_privacy={"presence": EVERYONE})
        eve.sees("alice", ONLINE)
        eve.ask(set_awareness_privacy={"presence": NOBODY})
        eve.sees("alice", OFFLINE)
        privacy = alice.ask(set_awareness_privacy={"presence": EXCEPT}).awareness_privacy
        self.assertEqual((privacy.presence, privacy.last_seen, privacy.location), (EXCEPT, CONTACTS, NOBODY))
        self.assertEqual(bob.look("alice").state, ONLINE)
        alice.relation(restrict_awareness={"eid": "bob", "restriction": EXCEPTED})
        bob.sees("alice", OFFLINE)
        alice.ask(set_awareness_privacy={"presence": CONTACTS})
        bob.sees("alice", ONLINE)
        alice.ask(set_awareness_privacy={"presence": NOBODY})
        bob.sees("alice", OFFLINE)

    def test_a_location_is_for_its_own_audience_and_stops(self):
        alice, bob = self.two()
        alice.set(ONLINE)
        bob.watch()
        here = {"latitude": 48.2082, "longitude": 16.3738, "accuracy_m": 12.5, "heading_degrees": 90, "speed_mps": 1.4}
        self.assertEqual(alice.ask(set_location={"location": here, "lasts_ms": 60000}).location_set.lasts_ms, 60000)
        self.assertFalse(bob.look("alice").HasField("location"))
        alice.ask(set_awareness_privacy={"location": CONTACTS})
        bob.until(lambda: bob.views["alice"].HasField("location"), "the location")
        self.assertEqual(bob.views["alice"].location.latitude, 48.2082)
        alice.ask(set_location={})
        bob.until(lambda: not bob.views["alice"].HasField("location"), "its end")
        alice.ask(set_location={"location": here, "lasts_ms": 300})
        bob.until(lambda: bob.views["alice"].HasField("location"), "the location")
        bob.until(lambda: not bob.views["alice"].HasField("location"), "its expiry")

    def test_activities_are_told_to_whom_they_are_for_and_never_stored(self):
        alice, bob = self.two()
        carol = self.person("carol")
        self.befriend(carol, alice)
        alice.set(ONLINE)
        bob.watch()
        carol.watch()
        records = self.stored()
        alice.send(stanza(0, set_activity={"activity": {"name": "typing", "to": "bob"}, "lasts_ms": 400}))
        bob.until(lambda: bob.views["alice"].activities, "the activity")
        bob.until(lambda: not bob.views["alice"].activities, "its end")
        alice.send(stanza(0, set_activity={"activity": {"name": "recording"}}))
        carol.until(lambda: carol.views["alice"].activities, "the activity")
        self.assertEqual(carol.views["alice"].activities[0].name, "recording")
        alice.send(stanza(0, set_activity={}))
        carol.until(lambda: not carol.views["alice"].activities, "its end")
        self.assertEqual(self.stored(), records)

    def stored(self):
        """What the history's newest transitions of alice are."""
        return self.person("alice", "other").history("alice")[:]

    def test_the_system_state_is_shown(self):
        alice, bob = self.two()
        alice.set(ONLINE, system={"battery_percent": 42, "charging": False, "network": "5g", "load": 0.5,
                                  "fields": [{"name": "firmware", "value": "7"}]})
        bob.watch()
        system = bob.views["alice"].system
        self.assertEqual((system.battery_percent, system.network, system.fields[0].value), (42, "5g", "7"))
        alice.set(system={"battery_percent": 41})
        bob.until(lambda: bob.views["alice"].system.battery_percent == 41, "the change")

    def test_nonsense_is_refused_and_changes_nothing(self):
        alice, bob = self.two()
        alice.set(ONLINE)
        nan = float("nan")
        bad = [{"set_location": {"location": {"latitude": nan}}},
               {"set_location": {"location": {"longitude": 181}}},
               {"set_location": {"location": {"latitude": float("inf")}}},
               {"set_location": {"location": {"accuracy_m": -1}}},
               {"set_location": {"location": {"heading_degrees": 360}}},
               {"set_location": {"location": {"speed_mps": nan}}},
               {"set_location": {"location": {}, "lasts_ms": 86400001}},
               {"set_awareness": {"state": 77}},
               {"set_awareness": {"text": "x" * 257}},
               {"set_awareness": {"system": {"battery_percent": 101}}},
               {"set_awareness": {"system": {"load": nan}}},
               {"set_activity": {"activity": {"name": "two words"}}},
               {"set_activity": {"activity": {"name": "typing"}, "lasts_ms": 60001}},
               {"subscribe_awareness": {}},
               {"subscribe_awareness": {"eid": "alice"}},
               {"subscribe_awareness": {"eid": "e" * 257}},
               {"restrict_awareness": {"eid": "bob"}},
               {"set_awareness_privacy": {"presence": 9}},
               {"watch_awareness": {"eids": [f"e{i}" for i in range(501)]}},
               {"read_awareness_history": {"from_us": 5, "until_us": 5}}]
        for body in bad:
            self.assertEqual(self.refusal(alice, **body), Code.CODE_INVALID_ARGUMENT, body)
        self.assertEqual(self.refusal(bob, set_location={"location": {"latitude": 1}}), Code.CODE_NOT_FOUND)
        self.assertEqual(self.refusal(alice, cancel_awareness={"eid": "carol"}), Code.CODE_NOT_FOUND)
        self.assertEqual(bob.look("alice").state, ONLINE)

    def test_after_a_kill_everybody_converges_within_the_stated_time(self):
        alice, bob = self.two()
        carol = self.person("carol")
        self.befriend(bob, carol)
        alice.set(BUSY, text="back soon")
        carol.set(ONLINE)
        bob.watch()
        bob.sees("carol", ONLINE)
        self.wait_for_record(carol)
        self.bimipd.kill()
        killed_at = time.time()
        time.sleep(1.2)
        self.bimipd.start()
        started = time.monotonic()
        bob = self.person("bob")
        bob.watch()
        self.assertEqual((bob.views["alice"].state, bob.views["alice"].text), (BUSY, "back soon"))
        self.assertEqual(bob.views["carol"].state, ONLINE)
        alice = self.person("alice")
        alice.set()
        seen = bob.sees("carol", OFFLINE, within=RECOVER_WITHIN + 2)
        self.assertGreater(time.monotonic() - started, RECOVER_WITHIN - 1)
        # She was gone when the server was, not when it was noticed.
        self.assertLess(seen.last_seen_us / 1e6, killed_at + 0.5)
        self.assertEqual(bob.views["alice"].state, BUSY)
        self.assertEqual([state for eid, state in bob.told if eid == "alice"], [BUSY])
        carol = self.person("carol")
        self.assertEqual([one.state for one in carol.history()], [ONLINE, OFFLINE])
        self.assertEqual([one.state for one in alice.history()], [BUSY])

    def wait_for_record(self, person):
        programs.wait_until(lambda: len(person.history()) > 0, what="the record")

    def test_nobody_flaps_over_a_restart(self):
        alice, bob = self.two()
        alice.set(ONLINE)
        bob.watch()
        bob.sees("alice", ONLINE)
        self.assertEqual(self.bimipd.stop(), 0)
        self.assertEqual([state for _, state in bob.told], [ONLINE])
        self.bimipd.start()
        bob = self.person("bob")
        bob.watch()
        alice = self.person("alice")
        alice.set(ONLINE)
        bob.keeps_seeing("alice", ONLINE, RECOVER_WITHIN + 1)
        self.assertEqual([state for _, state in bob.told], [ONLINE])
        self.assertEqual([one.state for one in alice.history()], [ONLINE])

    def test_kills_at_any_moment_leave_the_rules_that_were_answered(self):
        expected = {}
        for round in range(4):
            alice = self.person("alice")
            for i in range(self.random.randrange(5, 20)):
                eid = f"friend{self.random.randrange(6)}"
                restriction = self.random.choice([NO_RESTRICTION, EXCEPTED, BLOCKED])
                alice.relation(restrict_awareness={"eid": eid, "restriction": restriction})
                expected[eid] = restriction
            alice.send(stanza(0, restrict_awareness={"eid": "perhaps", "restriction": BLOCKED}))
            self.bimipd.kill()
            self.bimipd.start()
        relations = self.person("alice").ask(list_awareness={}).awareness_relations.relations
        found = {one.eid: one.restriction for one in relations if one.eid != "perhaps"}
        self.assertEqual(found, {eid: one for eid, one in expected.items() if one != NO_RESTRICTION})

    def test_a_crowd_converges_after_each_kill(self):
        names = [f"p{i}" for i in range(16)]
        crowd = {name: self.person(name) for name in names}
        friends = {name: self.random.sample([one for one in names if one != name], 4) for name in names}
        for name in names:
            for friend in friends[name]:
                self.befriend(crowd[name], crowd[friend])
        for kill in range(3):
            states = {name: OFFLINE for name in names}
            there = [name for name in names if kill == 0 or self.random.random() < 0.7]
            for name in there:
                states[name] = self.random.choice([ONLINE, AWAY, BUSY, DND, INVISIBLE])
                crowd[name].set(states[name])
            self.check_crowd(crowd, friends, states)
            self.bimipd.kill()
            self.bimipd.start()
            for person in crowd.values():
                person.close()
            crowd = {name: self.person(name) for name in names}
        # Nobody says anything any more: all are gone in time.
        self.check_crowd(crowd, friends, {name: OFFLINE for name in names})

    def check_crowd(self, crowd, friends, states):
        for person in crowd.values():
            person.watch()

        def converged():
            for person in crowd.values():
                person.hear()
            return all(crowd[name].views[friend].state == (OFFLINE if states[friend] == INVISIBLE else states[friend])
                       for name in crowd for friend in friends[name])
        programs.wait_until(converged, within=RECOVER_WITHIN + 10, what="the crowd's views")

    def test_the_history_tells_what_was_and_only_what_one_may_know(self):
        alice, bob = self.person("alice"), self.person("bob")
        alice.set(ONLINE)
        time.sleep(0.2)
        alice.set(BUSY, text="before bob")
        time.sleep(0.2)
        before = int(time.time() * 1e6)
        self.befriend(bob, alice)
        time.sleep(0.2)
        alice.set(AWAY, text="with bob")
        time.sleep(0.2)
        alice.set(INVISIBLE)
        time.sleep(0.2)
        alice.set(ONLINE)
        programs.wait_until(lambda: len(alice.history()) == 5, what="the records")
        self.assertEqual([one.state for one in alice.history()], [ONLINE, BUSY, AWAY, INVISIBLE, ONLINE])
        seen = bob.history("alice")
        self.assertEqual([one.state for one in seen], [BUSY, AWAY, OFFLINE, ONLINE])
        self.assertGreaterEqual(seen[0].at_us, before)
        at = seen[1].at_us + 1000
        views = bob.ask(contacts_at={"at_us": at}).awareness_moment.views
        self.assertEqual([(one.eid, one.state, one.text) for one in views], [("alice", AWAY, "with bob")])
        views = bob.ask(contacts_at={"at_us": before}).awareness_moment.views
        self.assertEqual([(one.eid, one.state) for one in views], [("alice", OFFLINE)])
        part = bob.history("alice", from_us=at, until_us=at + 1)
        self.assertEqual([one.state for one in part], [AWAY])
        # A consent that is given again does not open what was before it.
        alice.relation(cancel_awareness={"eid": "bob"})
        self.assertEqual(list(bob.history("alice")), [])
        self.befriend(bob, alice)
        self.assertEqual([one.state for one in bob.history("alice")], [ONLINE])
        # What was hidden from all stays so.
        alice.ask(set_awareness_privacy={"presence": NOBODY})
        time.sleep(0.2)
        alice.set(DND)
        alice.ask(set_awareness_privacy={"presence": CONTACTS})
        programs.wait_until(lambda: bob.history("alice")[-1].state == DND, what="the record")
        self.assertEqual([one.state for one in bob.history("alice")], [ONLINE, OFFLINE, DND])
        # Not even the times of it, from wherever one reads.
        hidden = alice.history()[-1].at_us
        gone = bob.history("alice")[1].at_us
        self.assertLess(gone, hidden)
        self.assertEqual(bob.history("alice", from_us=hidden + 1)[0].at_us, gone)
        self.assertEqual(bob.history("alice", from_us=1, until_us=hidden + 1)[-1].at_us, gone)

    def test_many_changes_are_few_records_and_few_stanzas(self):
        alice, bob = self.two()
        bob.watch()
        begin = time.monotonic()
        for i in range(300):
            alice.set(AWAY if i % 2 else BUSY)
        alice.set(ONLINE)
        took = time.monotonic() - begin
        bob.sees("alice", ONLINE)
        most = took / 0.1 + 3
        self.assertLessEqual(len(bob.told), most)
        self.assertLessEqual(len(alice.history()), most)

    def test_above_a_threshold_there_are_counts(self):
        self.bimipd.stop()
        self.bimipd.flags += ("--awareness-counts-above", "3")
        self.bimipd.start()
        bob = self.person("bob")
        friends = [self.person(f"friend{i}") for i in range(5)]
        for friend in friends:
            self.befriend(bob, friend)
        friends[0].set(ONLINE)
        self.assertTrue(bob.watch(eids=["friend1"]).counts)
        self.assertEqual((bob.counts.online, bob.counts.offline), (1, 4))
        self.assertEqual(list(bob.views), ["friend1"])
        friends[1].set(BUSY)
        bob.until(lambda: bob.counts.busy == 1 and bob.counts.offline == 3, "the counts")
        bob.sees("friend1", BUSY)

    def test_a_kicked_one_is_gone_at_once_and_a_watch_ends_with_its_session(self):
        alice, bob = self.two()
        alice.set(ONLINE)
        bob.watch()
        bob.sees("alice", ONLINE)
        begin = time.monotonic()
        self.bimipd.must("session", "kick", "--eid", "alice")
        bob.sees("alice", OFFLINE)
        self.assertLess(time.monotonic() - begin, GRACE)
        self.assertEqual(bob.ask(unwatch_awareness={}).WhichOneof("body"), "awareness_unwatched")
        told = len(bob.told)
        self.person("alice").set(ONLINE)
        time.sleep(0.3)
        bob.hear()
        self.assertEqual(len(bob.told), told)

    def test_a_silent_device_lapses_and_a_heard_one_does_not(self):
        self.bimipd.stop()
        self.bimipd.flags += ("--limits-heartbeat", "500ms", "--awareness-lease", "1s")
        self.bimipd.start()
        alice, bob = self.two()
        alice.set(ONLINE)
        bob.watch()
        for _ in range(15):
            alice.send(stanza(0, ping={}))
            bob.send(stanza(0, ping={}))
            bob.keeps_seeing("alice", ONLINE, 0.2)
        def gone():
            bob.send(stanza(0, ping={}))
            bob.hear()
            return bob.views["alice"].state == OFFLINE
        programs.wait_until(gone, what="the end of the lease")

    def test_the_benchmark_counts_what_all_are_told(self):
        lines = self.bimipd.must("bench", "awareness", "--connections", 6, "--contacts", 3, "--json").splitlines()
        figures = {one["name"]: one["value"] for one in map(json.loads, lines)}
        self.assertEqual(figures["awareness.reconnect.stanzas"], 6)
        self.assertEqual(figures["awareness.reconnect.entities"], 18)
        self.assertEqual(figures["awareness.change.entities"], 18)
        self.refused(self.bimipd.bimip("bench", "awareness", "--connections", 6, "--contacts", 6), 1, "--contacts")

    def test_the_tool(self):
        def run(who, *arguments):
            return self.bimipd.must("--as", who, "--device", "desk", "awareness", *arguments)
        self.assertEqual(run("bob", "subscribe", "alice", "--mutual"), "alice\tsubscribed: requested\tmutual\n")
        self.assertEqual(run("alice", "list"), "bob\tsubscriber: requested\tmutual\n")
        self.assertEqual(run("alice", "grant", "bob"), "bob\tsubscribed: granted\tsubscriber: granted\n")
        there = self.background(self.bimipd.start_bimip(
            "--as", "alice", "awareness", "set", "busy", "--text", "at lunch", "--system", "battery=80",
            "--activity", "typing"))
        programs.wait_until(lambda: "busy\tat lunch" in run("bob", "show", "alice"), what="alice")
        shown = json.loads(run("bob", "watch", "--once", "--json"))
        self.assertEqual((shown["eid"], shown["state"], shown["system"]["battery_percent"]), ("alice", "busy", 80))
        self.assertEqual(run("alice", "privacy", "--last-seen", "nobody"),
                         "presence\tcontacts\nlast_seen\tnobody\nlocation\tnobody\n")
        there.terminate()
        there.wait()
        programs.wait_until(lambda: "offline" in run("bob", "show", "alice"), what="her end")
        history = [json.loads(line) for line in run("bob", "history", "alice", "--json").splitlines()]
        self.assertEqual([one["state"] for one in history], ["busy", "offline"])
        self.assertIn("alice\tbusy", run("bob", "history", "--at", history[0]["at"]))
        self.assertEqual(run("bob", "history", "alice", "--at", "2020-01-01"), "")
        before = run("bob", "history", "alice")
        self.assertEqual(run("alice", "block", "bob"), "bob\tsubscribed: granted\tsubscriber: granted\tblocked\n")
        self.assertEqual(run("bob", "history", "alice"), before)
        run("alice", "unblock", "bob")
        run("alice", "except", "bob")
        run("alice", "cancel", "bob")
        run("alice", "unsubscribe", "bob")
        self.refused(self.bimipd.bimip("--as", "bob", "awareness", "deny", "alice"), 1, "has not asked")
        self.refused(self.bimipd.bimip("--as", "bob", "awareness", "set", "asleep"), 2, "asleep")
        self.refused(self.bimipd.bimip("--as", "bob", "awareness", "history", "--at", "noon"), 2, "noon")

    def test_the_tool_says_exactly_what_is_wrong_and_does_nothing_by_halves(self):
        there = self.background(self.bimipd.start_bimip(
            "--as", "alice", "awareness", "set", "busy", "--location", "48.2,16.4,15", "--heading", "90", "--speed", "1.5",
            "--system", "app=7", "battery=80", "charging=no"))
        self.bimipd.must("--as", "alice", "awareness", "privacy", "--presence", "everyone", "--location", "everyone")

        def shown():
            lines = self.bimipd.must("--as", "bob", "awareness", "watch", "alice", "--once", "--json").splitlines()
            return json.loads(lines[0]) if lines else {}
        programs.wait_until(lambda: "location" in shown(), what="her place")
        self.assertEqual(shown()["location"], {"latitude": 48.2, "longitude": 16.4, "accuracy_m": 15, "heading_degrees": 90,
                                               "speed_mps": 1.5})
        for words, why in ((["--location", "north"], "'north' is not LATITUDE,LONGITUDE"),
                           (["--location", "91,1"], "-90 to 90"), (["--location", "nan,1"], "-90 to 90"),
                           (["--location", "1,2,-5"], "accuracy"), (["--location", "1,2,3,4"], "LATITUDE"),
                           (["--location", "1,2", "--heading", "360"], "below 360"),
                           (["--location", "1,2", "--speed", "fast"], "'fast' is no number"),
                           (["--location", "1,2", "--location-for", "25h"], "at most 24h"),
                           (["--location", "1,2", "--location-for", "soon"], "'soon' is no duration"),
                           (["--location-for", "5s"], "--location-for goes with --location"),
                           (["--heading", "5"], "--heading goes with --location"),
                           (["--to", "bob"], "--to goes with --activity"),
                           (["--activity", "two words"], "letters, digits and hyphens"),
                           (["--system", "battery=300"], "0 to 100"), (["--system", "battery=80.5"], "a whole number"),
                           (["--system", "load=nan"], "0 to 1,000,000"), (["--system", "charging=maybe"], "yes or no"),
                           (["--system", "=v"], "'=v' is not NAME=VALUE"), (["--system", "a=1", "a=2"], "'a' is given twice"),
                           (["--system", "battery=1", "battery=2"], "'battery' is given twice"),
                           (["--text", "x" * 300], "at most")):
            with self.subTest(words):
                self.refused(self.bimipd.bimip("--as", "carl", "awareness", "set", "online", *words), 2, why)
        self.refused(self.bimipd.bimip("--as", "carl", "awareness", "set", "offline", "--location", "1,2"), 2, "not there")
        self.assertNotIn("carl", self.bimipd.must("session", "list", "--closed"), "nobody was asked")
        there.terminate()
        there.wait()


if __name__ == "__main__":
    case.main()
