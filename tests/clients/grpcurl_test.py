"""The gRPC port, called by grpcurl, which knows nothing of us but what reflection tells it."""

import base64
import json
import subprocess

import support


class Grpcurl(support.ClientTest):
    def grpcurl(self, *arguments, data=None):
        program = support.cache_folder() / "grpcurl-1" / "grpcurl"
        if not program.exists():
            self.skipTest("grpcurl is not built (tools/install.sh builds it)")
        given = () if data is None else ("-d", "@")
        return subprocess.run([program, "-plaintext", "-max-time", "20", *given, self.grpc, *arguments], text=True,
                              capture_output=True, timeout=60, input=data or "")

    def ask(self, *arguments, data=None):
        done = self.grpcurl(*arguments, data=data)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_reflection_names_and_describes_all_there_is(self):
        services = self.ask("list").split()
        self.assertLessEqual({"bimip.v1.SessionService", "bimip.v1.TopicService", "grpc.health.v1.Health"}, set(services))
        self.assertIn("bimip.v1.TopicService.Publish", self.ask("list", "bimip.v1.TopicService").split())
        self.assertIn("rpc Session ( stream .bimip.v1.SessionRequest ) returns ( stream .bimip.v1.SessionResponse );",
                      self.ask("describe", "bimip.v1.SessionService"))
        self.assertIn(".bimip.v1.Publish publish = 32;", self.ask("describe", "bimip.v1.Stanza"))
        self.assertIn("CODE_NOT_FOUND = 6;", self.ask("describe", "bimip.v1.Code"))

    def test_calls_and_refusals_need_nothing_but_reflection(self):
        value = base64.b64encode(b"by grpcurl").decode()
        publish = lambda topic: json.dumps({"publish": {"topic": topic, "value": value}})
        self.assertEqual(json.loads(self.ask("bimip.v1.TopicService/Publish", data=publish("events"))), {"published": {}})
        fetched = json.loads(self.ask("bimip.v1.TopicService/Fetch", data='{"topic": "events"}'))
        self.assertEqual([record["value"] for record in fetched["records"]], [value])
        refused = self.grpcurl("bimip.v1.TopicService/Publish", data=publish("nowhere"))
        self.assertEqual(refused.returncode, 64 + 5)  # NOT_FOUND
        self.assertIn("Code: NotFound", refused.stderr)

    def test_a_session_is_a_stream_of_json(self):
        value = base64.b64encode(b"in a stream").decode()
        requests = ({"identity": {"protocolVersion": 1, "eid": "grpcurl"}}, {"ping": {"sentAtUs": "7"}},
                    {"publish": {"topic": "events", "value": value}})
        data = "\n".join(json.dumps({"stanzas": [{"id": str(i + 1), **body}]}) for i, body in enumerate(requests))
        rest, answers = self.ask("bimip.v1.SessionService/Session", data=data), []
        while rest := rest.strip():
            response, end = json.JSONDecoder().raw_decode(rest)
            answers += response["stanzas"]
            rest = rest[end:]
        bodies = {answer["id"]: answer for answer in answers}
        self.assertEqual(bodies["1"]["welcome"]["eid"], "grpcurl")
        self.assertEqual(bodies["2"]["pong"]["sent_at_us"], "7")  # reflection tells no JSON names
        self.assertEqual(bodies["3"]["published"], {})


if __name__ == "__main__":
    support.main()
