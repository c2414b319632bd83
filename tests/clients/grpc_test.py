"""The gRPC port, called by clients that we did not write: python3-grpcio, and @grpc/grpc-js of npm."""

import pathlib
import queue
import time

import support
from node import run_node
from support import Code, stanza

try:
    import grpc
    from bimip.v1 import session_service_pb2, topic_service_pb2
except ImportError:
    grpc = None

ANSWER_WITHIN = 20
PROTO = pathlib.Path(__file__).parents[2] / "proto"


class Stream:
    """A session; requests go in one by one."""

    def __init__(self, channel, timeout=ANSWER_WITHIN):
        self.requests = queue.Queue()
        self.call = channel.stream_stream(
            "/bimip.v1.SessionService/Session",
            request_serializer=session_service_pb2.SessionRequest.SerializeToString,
            response_deserializer=session_service_pb2.SessionResponse.FromString)(
                iter(self.requests.get, None), timeout=timeout)
        self.answers = (stanza for response in self.call for stanza in response.stanzas)

    def send(self, *stanzas):
        self.requests.put(session_service_pb2.SessionRequest(stanzas=stanzas))

    def half_close(self):
        self.requests.put(None)

    def identify(self):
        self.send(stanza(1, identity={"protocol_version": 1, "eid": "python"}))
        return next(self.answers).welcome


class GrpcTest(support.ClientTest):
    def setUp(self):
        if grpc is None:
            self.skipTest("python3-grpcio is not installed")
        super().setUp()
        self.channel = grpc.insecure_channel(self.grpc, options=[("grpc.max_send_message_length", -1)])
        self.addCleanup(self.channel.close)

    def call(self, method, request, answer, timeout=ANSWER_WITHIN):
        return self.channel.unary_unary(f"/bimip.v1.TopicService/{method}",
                                        request_serializer=type(request).SerializeToString,
                                        response_deserializer=answer.FromString)(request, timeout=timeout)

    def publish(self, timeout=ANSWER_WITHIN, producer_id=b"", **fields):
        request = topic_service_pb2.PublishRequest(publish=fields, producer_id=producer_id)
        return self.call("Publish", request, topic_service_pb2.PublishResponse, timeout).published

    def fetch(self, **fields):
        return self.call("Fetch", topic_service_pb2.FetchRequest(**fields), topic_service_pb2.FetchResponse)

    def refused(self, status, word, act):
        with self.assertRaises(grpc.RpcError) as refusal:
            act()
        self.assertEqual(refusal.exception.code(), status, refusal.exception.details())
        self.assertIn(word, refusal.exception.details())


class Grpc(GrpcTest):
    def test_fetch_ends_behind_what_has_expired_and_what_waits(self):
        self.publish(topic="events", value=b"a", partition=0)
        self.publish(topic="events", value=b"gone", partition=0, expires_in_ms=1)
        self.publish(topic="events", value=b"later", partition=0, deliver_in_ms=3_600_000)
        time.sleep(0.05)
        fetched = self.fetch(topic="events")
        self.assertEqual([record.value for record in fetched.records], [b"a"])
        self.assertEqual((fetched.next_offset, fetched.end_offset), (3, 3))
        nothing = self.fetch(topic="events", offset=1)
        self.assertEqual((list(nothing.records), nothing.next_offset), ([], 3))

    def test_python_publishes_and_fetches(self):
        for i in range(5):
            self.assertEqual(self.publish(topic="events", value=b"%d" % i, partition=0).offset, i)
        whole = self.fetch(topic="events")
        self.assertEqual([record.value for record in whole.records], [b"0", b"1", b"2", b"3", b"4"])
        self.assertEqual((whole.next_offset, whole.end_offset), (5, 5))
        part = self.fetch(topic="events", offset=1, records_max=2)
        self.assertEqual([record.offset for record in part.records], [1, 2])
        self.assertEqual((part.next_offset, part.end_offset), (3, 5))
        self.assertEqual(list(self.fetch(topic="events", offset=5).records), [])
        self.assertEqual(self.must("sub", "events", "--from", "earliest", "--count", "5"), "0\n1\n2\n3\n4\n")

    def test_a_fetch_is_bounded_and_goes_on_where_it_ended(self):
        for _ in range(8):
            self.publish(topic="events", value=b"x" * 700_000)
        offset, rounds = 0, 0
        while offset < 8:
            answer = self.fetch(topic="events", offset=offset)
            self.assertTrue(answer.records)
            self.assertEqual(answer.records[0].offset, offset)
            offset, rounds = answer.next_offset, rounds + 1
        self.assertGreater(rounds, 1)

    def test_a_repeated_publish_is_stored_once(self):
        publish = {"topic": "events", "value": b"once", "producer_number": 1, "producer_id": b"p" * 16}
        self.assertEqual(self.publish(**publish).offset, self.publish(**publish).offset)
        self.assertEqual(self.fetch(topic="events").end_offset, 1)

    def test_topics_are_created_described_and_listed(self):
        def create(partitions):
            request = topic_service_pb2.CreateTopicRequest(
                create_topic={"topic": "orders", "config": {"partitions": partitions}})
            return self.call("CreateTopic", request, topic_service_pb2.CreateTopicResponse).topic
        self.assertEqual(len(create(3).partitions), 3)
        described = self.call("DescribeTopic", topic_service_pb2.DescribeTopicRequest(topic="orders"),
                              topic_service_pb2.DescribeTopicResponse).topic
        self.assertEqual(described.config.partitions, 3)
        altered = self.call("AlterTopic", topic_service_pb2.AlterTopicRequest(
            alter_topic={"topic": "orders", "retention_age_s": 86_400}), topic_service_pb2.AlterTopicResponse).topic
        self.assertEqual((altered.config.retention_age_s, altered.config.partitions), (86_400, 3))
        listed = self.call("ListTopics", topic_service_pb2.ListTopicsRequest(), topic_service_pb2.ListTopicsResponse)
        self.assertEqual([topic.topic for topic in listed.list.topics], ["events", "orders"])
        self.refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS", lambda: create(4))

    def test_refusals_have_the_tables_status(self):
        self.refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", lambda: self.publish(topic="nowhere", value=b"x"))
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT",
                     lambda: self.publish(topic="events", producer_number=1))
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, "producer_id",
                     lambda: self.publish(topic="events", producer_id=b"short"))
        self.refused(grpc.StatusCode.NOT_FOUND, "no partition 9", lambda: self.fetch(topic="events", partition=9))
        self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max",
                     lambda: self.publish(topic="events", value=b"x" * (3 << 20)))

    def test_a_session_is_a_stream(self):
        stream = Stream(self.channel)
        self.assertTrue(stream.identify().session_id)
        stream.send(*(stanza(10 + i, publish={"topic": "events", "value": b"%d" % i, "partition": 0})
                      for i in range(100)))
        self.assertEqual([next(stream.answers).published.offset for _ in range(100)], list(range(100)))
        stream.send(stanza(200, subscribe={"topic": "events", "earliest": True, "credit": 1000}))
        self.assertEqual(next(stream.answers).subscribed.partitions[0].end_offset, 100)
        got = []
        while len(got) < 100:
            got += [record.offset for record in next(stream.answers).delivery.records]
        self.assertEqual(got, list(range(100)))
        stream.half_close()
        self.assertEqual(list(stream.answers), [])
        self.assertEqual(stream.call.code(), grpc.StatusCode.OK)

    def test_a_half_closed_session_is_answered_first(self):
        stream = Stream(self.channel)
        stream.identify()
        stream.send(*(stanza(i + 2, publish={"topic": "events", "value": b"x"}) for i in range(500)))
        stream.half_close()
        self.assertEqual(len([answer for answer in stream.answers if answer.HasField("published")]), 500)
        self.assertEqual(stream.call.code(), grpc.StatusCode.OK)

    def test_a_session_ends_with_its_codes_status(self):
        stream = Stream(self.channel)
        stream.send(stanza(1, publish={"topic": "events"}))
        with self.assertRaises(grpc.RpcError):
            goodbye = next(stream.answers).goodbye
            self.assertEqual(goodbye.code, Code.CODE_UNAUTHENTICATED)
            next(stream.answers)
        self.assertEqual(stream.call.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_deadlines_and_cancelling_end_a_session(self):
        late = Stream(self.channel, timeout=0.5)
        late.identify()
        with self.assertRaises(grpc.RpcError):
            next(late.answers)
        self.assertEqual(late.call.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        cancelled = Stream(self.channel)
        cancelled.identify()
        cancelled.call.cancel()
        self.assertEqual(cancelled.call.code(), grpc.StatusCode.CANCELLED)
        for _ in range(300):
            short = Stream(self.channel)
            short.send(stanza(1, identity={"protocol_version": 1, "eid": "python"}))
            short.call.cancel()
            short.half_close()
        self.assertEqual(self.publish(topic="events", value=b"still here").offset, 0)

    def test_a_client_that_never_reads_costs_a_bounded_memory(self):
        for _ in range(60):
            self.publish(topic="events", value=b"x" * 1_000_000)
        before = self.resident_bytes()
        stream = Stream(self.channel)
        stream.identify()
        stream.send(stanza(2, subscribe={"topic": "events", "earliest": True, "credit": 1000}))
        next(stream.answers)
        time.sleep(1)
        self.assertLess(self.resident_bytes() - before, 40 << 20)
        got = 0
        while got < 60:  # it reads after all: nothing is lost
            got += len(next(stream.answers).delivery.records)
        stream.half_close()

    def test_health_and_reflection_answer(self):
        raw = {"request_serializer": bytes, "response_deserializer": bytes}
        health = self.channel.unary_unary("/grpc.health.v1.Health/Check", **raw)
        self.assertEqual(health(b"", timeout=ANSWER_WITHIN), b"\x08\x01")  # SERVING
        reflection = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", **raw)
        said = next(reflection(iter([b"\x3a\x01*"]), timeout=ANSWER_WITHIN))  # list_services
        for service in (b"bimip.v1.SessionService", b"bimip.v1.TopicService", b"grpc.health.v1.Health"):
            self.assertIn(service, said)
        wanted = b"bimip.v1.TopicService"
        file = next(reflection(iter([b"\x22" + bytes([len(wanted)]) + wanted]), timeout=ANSWER_WITHIN))
        self.assertIn(b"bimip/v1/topic_service.proto", file)

    def test_a_stopping_server_says_so(self):
        stream = Stream(self.channel)
        stream.identify()
        self.process.terminate()
        self.assertTrue(next(stream.answers).HasField("draining"))
        goodbye = next(stream.answers).goodbye
        self.assertEqual((goodbye.code, goodbye.retry), (Code.CODE_UNAVAILABLE, True))
        with self.assertRaises(grpc.RpcError):
            next(stream.answers)
        self.assertEqual(stream.call.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.stop(), 0)

    def test_node_calls_the_whole_surface(self):
        said = run_node(self, "grpc_client.cjs", self.grpc, PROTO)
        self.assertEqual(said["topic"], {"name": "from-node", "partitions": 2})
        self.assertEqual(said["fetched"], ["by grpc-js"])
        self.assertEqual(said["listed"], ["events", "from-node"])
        self.assertEqual(said["described"], "from-node")
        self.assertEqual(said["refused"], {"code": 5, "named": True})
        self.assertEqual(said["late"], 4)
        self.assertEqual(said["session"], {"welcome": True, "published": 20, "delivered": 20, "status": 0})


class GrpcAddresses(GrpcTest):
    FLAGS = ("--limits-connections-per-address", "2")

    def test_sessions_and_calls_count_as_connections_of_their_address(self):
        support.wait_until(lambda: self.is_served(), what="the tool's connection to end")
        first, second = (self.opened() for _ in range(2))
        third = Stream(self.channel)
        with self.assertRaises(grpc.RpcError) as refusal:
            third.identify()
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED", lambda: self.publish(topic="events"))
        self.assertNotEqual(self.bimip("topic", "list").returncode, 0)
        first.half_close()
        support.wait_until(lambda: self.is_served(), what="room")
        second.half_close()

    def opened(self):
        stream = Stream(self.channel)
        self.assertTrue(stream.identify().session_id)
        return stream

    def is_served(self):
        try:
            self.publish(topic="events", value=b"x")
            return True
        except grpc.RpcError:
            return False


if __name__ == "__main__":
    support.main()
