// A whole node and real clients: TLS, and keys and certificates that change while it runs.
#include "frontend/node/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "bimip/v1/stanza.pb.h"
#include "frontend/identity/token.h"
#include "frontend/node/node.h"
#include "tests/frontend/node/certificate.h"
#include "tests/support/temp_directory.h"
#include "tools/client/connection.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr auto kWithin = 20s;

class NodeSecurity : public ::testing::Test {
 protected:
  NodeSecurity() {
    std::signal(SIGPIPE, SIG_IGN);  // as bimipd and bimip do
    write("keys.json", KeySet({key_}).to_text(KeyParts::kPublic));
    use(certificate_);
    settings_.data_dir = path("data");
    settings_.tcp = "127.0.0.1:0";
    settings_.shards = 2;
    settings_.free_space_floor = 0;
    settings_.spare_space = 0;
    settings_.tokens_keys = path("keys.json");
    settings_.tls_certificate = path("server.pem");
    settings_.tls_key = path("server.key");
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  void use(const TestCertificate& certificate) const {
    write("server.pem", certificate.certificate());
    write("server.key", certificate.key());
    write("ca.pem", certificate.certificate());
  }
  void start() {
    auto node = Node::open(settings_);
    ASSERT_TRUE(node) << node.error().message;
    node_ = std::move(*node);
    const auto listening = node_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    endpoint_.host = "127.0.0.1";
    endpoint_.port = listening->tcp.port;
    endpoint_.tls = true;
    endpoint_.ca_file = path("ca.pem");
    endpoint_.token = issue_token({.eid = "alice",
                                   .token_id = "t1",
                                   .issuer = "bimip",
                                   .audience = "bimip",
                                   .issued_at = engine::system_clock().now(),
                                   .expires_at = engine::system_clock().now() + 1h,
                                   .permissions = *Permissions::everything()},
                                  key_);
  }
  [[nodiscard]] engine::Result<std::unique_ptr<client::Connection>> connect() const {
    return client::Connection::open(endpoint_, {}, kWithin);
  }
  // Reads its files again until a client gets on, or does not.
  [[nodiscard]] bool comes_to(bool gets_on) const {
    const auto until = std::chrono::steady_clock::now() + kWithin;
    while (std::chrono::steady_clock::now() < until) {
      node_->reload();
      if (connect().has_value() == gets_on) return true;
    }
    return false;
  }

  const TempDirectory folder_;
  const TokenKey key_ = TokenKey::generate(TokenAlgorithm::kEdDsa, "k");
  const TestCertificate certificate_;
  Settings settings_;
  std::unique_ptr<Node> node_;
  client::Endpoint endpoint_;
};

TEST_F(NodeSecurity, CarriesLargeMessagesBothWaysOverTls) {
  start();
  auto connection = connect();
  ASSERT_TRUE(connection) << connection.error().message;
  v1::Stanza create;
  create.mutable_create_topic()->set_topic("orders");
  ASSERT_TRUE((*connection)->ask(create, kWithin));
  std::string value(1'000'000, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7);
  v1::Stanza publish;
  publish.mutable_publish()->set_topic("orders");
  publish.mutable_publish()->set_value(value);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*connection)->ask(publish, kWithin));
  v1::Stanza subscribe;
  subscribe.mutable_subscribe()->set_topic("orders");
  subscribe.mutable_subscribe()->set_earliest(true);
  subscribe.mutable_subscribe()->set_credit(10);
  ASSERT_TRUE((*connection)->ask(subscribe, kWithin));
  int whole = 0;
  const auto until = std::chrono::steady_clock::now() + kWithin;
  while (whole < 5 && std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE((*connection)->exchange(100ms, -1, [&](const v1::Stanza& stanza) {
      for (const v1::DeliveredRecord& record : stanza.delivery().records())
        whole += record.value() == value ? 1 : 0;
    }));
  }
  EXPECT_EQ(whole, 5);
}

TEST_F(NodeSecurity, IsNotTrustedWithoutItsAuthorityOrByAnotherName) {
  start();
  endpoint_.ca_file = path("other.pem");
  write("other.pem", TestCertificate().certificate());
  const auto other = connect();
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("TLS: "));
  endpoint_.ca_file = path("ca.pem");
  endpoint_.host = "localhost";
  EXPECT_FALSE(connect());
  endpoint_.host = "127.0.0.1";
  EXPECT_TRUE(connect());
}

TEST_F(NodeSecurity, SpeaksNothingButTlsOnThePort) {
  start();
  endpoint_.tls = false;
  EXPECT_FALSE(connect());
}

TEST_F(NodeSecurity, TakesUpAnotherCertificateAndKeepsItsOwnWhenThatIsNone) {
  start();
  auto before = connect();
  ASSERT_TRUE(before) << before.error().message;
  const TestCertificate next;
  write("ca.pem", next.certificate());
  EXPECT_FALSE(connect());
  // The certificate without its key: the one before stays.
  write("server.pem", next.certificate());
  node_->reload();
  write("ca.pem", certificate_.certificate());
  EXPECT_TRUE(connect());
  use(next);
  EXPECT_TRUE(comes_to(true));
  v1::Stanza list;
  list.mutable_list_topics();
  EXPECT_TRUE((*before)->ask(list, kWithin)) << "who is there stays";
}

TEST_F(NodeSecurity, TakesUpOtherKeys) {
  start();
  ASSERT_TRUE(connect());
  write("keys.json",
        KeySet({TokenKey::generate(TokenAlgorithm::kEdDsa, "k")}).to_text(KeyParts::kPublic));
  EXPECT_TRUE(comes_to(false));
}

TEST_F(NodeSecurity, DoesNotBeginWithFilesThatAreNone) {
  for (const char* name : {"server.key", "server.pem", "keys.json"}) {
    std::filesystem::remove(path(name));
    EXPECT_FALSE(Node::open(settings_)) << name;
    write(name, "garbage");
    const auto node = Node::open(settings_);
    ASSERT_FALSE(node) << name;
    EXPECT_THAT(node.error().message, HasSubstr(name));
    use(certificate_);
  }
}

}  // namespace
}  // namespace bimip::testing
