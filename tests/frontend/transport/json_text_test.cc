#include "frontend/transport/websocket/json_text.h"

#include <gtest/gtest.h>

#include "bimip/v1/stanza.pb.h"

namespace bimip::frontend {
namespace {

TEST(JsonText, BringsAStanzaBackAsItWas) {
  v1::Stanza stanza;
  stanza.set_id(1ULL << 63);
  v1::Publish& publish = *stanza.mutable_publish();
  publish.set_topic("orders");
  publish.set_partition(0);
  publish.set_key(std::string("\0\xFF key", 6));
  publish.set_value("caf\xC3\xA9 \"quoted\"\n");
  publish.set_durability(v1::DURABILITY_WRITTEN);
  publish.add_headers()->set_name("n");
  const std::string bytes = stanza.SerializeAsString();
  const auto back = stanza_from_json(json_from_stanza(engine::as_bytes(bytes)));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, bytes);
}

TEST(JsonText, SaysWhatIsWrong) {
  const auto stanza = stanza_from_json(R"({"id":"not a number"})");
  ASSERT_FALSE(stanza.has_value());
  EXPECT_NE(stanza.error().find("not a number"), std::string::npos) << stanza.error();
}

TEST(JsonText, RefusesDeepNestingInsteadOfRunningOutOfStack) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"x":)";
  EXPECT_FALSE(stanza_from_json(deep).has_value());
}

}  // namespace
}  // namespace bimip::frontend
