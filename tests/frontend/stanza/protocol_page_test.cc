// docs/design/protocol.md says what the code does: its table of codes and its worked examples.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>

#include "bimip/v1/stanza.pb.h"
#include "frontend/stanza/codes.h"
#include "frontend/stanza/framing.h"
#include "tests/engine/format/hex_dump.h"

namespace bimip::frontend {
namespace {

std::vector<std::string> page_lines() {
  std::ifstream page(BIMIP_DESIGN_PAGES "/protocol.md");
  EXPECT_TRUE(page.is_open());
  std::vector<std::string> lines;
  for (std::string line; std::getline(page, line);) lines.push_back(line);
  return lines;
}

std::string_view grpc_name(std::uint8_t status) {
  static constexpr std::array<std::string_view, 17> kNames{"OK",
                                                           "CANCELLED",
                                                           "UNKNOWN",
                                                           "INVALID_ARGUMENT",
                                                           "DEADLINE_EXCEEDED",
                                                           "NOT_FOUND",
                                                           "ALREADY_EXISTS",
                                                           "PERMISSION_DENIED",
                                                           "RESOURCE_EXHAUSTED",
                                                           "FAILED_PRECONDITION",
                                                           "ABORTED",
                                                           "OUT_OF_RANGE",
                                                           "UNIMPLEMENTED",
                                                           "INTERNAL",
                                                           "UNAVAILABLE",
                                                           "DATA_LOSS",
                                                           "UNAUTHENTICATED"};
  return kNames.at(status);
}

TEST(ProtocolPage, HasTheTableOfCodes) {
  std::vector<std::string> rows;
  for (const std::string& line : page_lines()) {
    if (line.starts_with("| ") && line.find_first_of("0123456789") == 2) rows.push_back(line);
  }
  ASSERT_EQ(rows.size(), all_codes().size());
  for (const CodeFacts& facts : all_codes()) {
    const auto number = static_cast<std::size_t>(facts.code);
    std::ostringstream row;
    row << "| " << number << " | " << facts.name << " | " << facts.meaning << " | "
        << (facts.retry == Retry::kYes ? "yes" : "no") << " | " << facts.websocket_close << " | "
        << grpc_name(facts.grpc_status) << " |";
    EXPECT_EQ(rows[number], row.str());
  }
}

// Every block fenced as ```hex frame-NAME.
std::map<std::string, std::string> frames_of_page() {
  constexpr std::string_view kFence = "```hex frame-";
  std::map<std::string, std::string> blocks;
  std::string* block = nullptr;
  for (const std::string& line : page_lines()) {
    if (line.starts_with(kFence)) {
      block = &blocks[line.substr(kFence.size())];
    } else if (line.starts_with("```")) {
      block = nullptr;
    } else if (block != nullptr) {
      *block += line + "\n";
    }
  }
  return blocks;
}

TEST(ProtocolPage, ShowsTheFramesThatTheCodeWrites) {
  v1::Stanza identity;
  identity.set_id(1);
  identity.mutable_identity()->set_protocol_version(1);
  identity.mutable_identity()->set_eid("alice");
  identity.mutable_identity()->set_device("phone");
  for (char byte = 1; byte <= 16; ++byte)
    identity.mutable_identity()->mutable_producer_id()->push_back(byte);
  v1::Stanza publish;
  publish.set_id(2);
  publish.mutable_publish()->set_topic("events");
  publish.mutable_publish()->set_key("user-7");
  publish.mutable_publish()->set_value("hello");
  publish.mutable_publish()->set_producer_number(1);
  v1::Stanza published;
  published.set_id(2);
  published.mutable_published()->set_partition(3);
  published.mutable_published()->set_offset(41);

  std::map<std::string, std::string> expected{{"identity", std::string(kPreface)}};
  append_frame(expected["identity"], identity);
  append_frame(expected["publish"], publish);
  append_frame(expected["published"], published);
  const std::map<std::string, std::string> shown = frames_of_page();
  EXPECT_EQ(shown.size(), expected.size());
  for (const auto& [name, bytes] : expected) {
    ASSERT_TRUE(shown.contains(name)) << name;
    EXPECT_EQ(shown.at(name), testing::hex_dump(engine::as_bytes(bytes))) << name;
  }
}

}  // namespace
}  // namespace bimip::frontend
