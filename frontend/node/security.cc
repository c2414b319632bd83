#include "frontend/node/security.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <thread>

#include "frontend/config/server_log.h"

namespace bimip::frontend {
namespace {

std::size_t check_threads() { return std::max(1U, std::thread::hardware_concurrency() / 2); }

TokenService::Options options_of(const Settings& settings) {
  using std::chrono::seconds;
  return {.rules = {.issuer = settings.tokens_issuer,
                    .audience = settings.tokens_audience,
                    .clock_skew = std::chrono::floor<seconds>(settings.tokens_clock_skew),
                    .life_max = std::chrono::floor<seconds>(settings.tokens_life_max)},
          .revocations_max = settings.tokens_revocations_max};
}

}  // namespace

class Security::State {
 public:
  State(const Settings& settings, Parts parts)
      : reload_every_(settings.reload_every), parts_(std::move(parts)) {}
  ~State() {
    stop_checks();
    stop();
  }

  std::expected<void, std::string> open(const Settings& settings) {
    if (!settings.tls_certificate.empty()) {
      auto tls =
          TlsContext::open({.certificate = settings.tls_certificate, .key = settings.tls_key});
      if (!tls) return std::unexpected(std::move(tls.error()));
      tls_ = std::move(*tls);
    }
    if (auto opened = open_tokens(settings); !opened) return opened;
    await_reload();
    return {};
  }

  std::expected<void, std::string> open_tokens(const Settings& settings) {
    if (settings.tokens_keys.empty()) return {};
    auto keys = KeyRing::open(settings.tokens_keys);
    if (!keys) return std::unexpected(std::move(keys.error()));
    keys_ = std::move(*keys);
    auto tokens = TokenService::open({.log = parts_.log,
                                      .clock = parts_.clock,
                                      .keys = *keys_,
                                      .run =
                                          [this](std::move_only_function<void()> work) {
                                            boost::asio::post(worker_, std::move(work));
                                          },
                                      .on_changed = parts_.on_changed},
                                     options_of(settings));
    if (!tokens) return std::unexpected(std::move(tokens.error().message));
    tokens_ = std::move(*tokens);
    return {};
  }

  [[nodiscard]] TokenService* tokens() { return tokens_.get(); }
  [[nodiscard]] const TlsContext* tls() const { return tls_.get(); }

  void run_check(std::move_only_function<void()> work) {
    boost::asio::post(checks_, std::move(work));
  }

  void reload() {
    boost::asio::post(worker_, [this] { look(); });
  }

  void stop_checks() { checks_.join(); }
  void stop() {
    boost::asio::post(worker_, [this] {
      stopping_ = true;
      timer_.cancel();
    });
    worker_.join();
  }

 private:
  // On the worker's thread, from open() on.
  void await_reload() {
    timer_.expires_after(reload_every_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error || stopping_) return;
      look();
      await_reload();
    });
  }

  void look() {
    if (tokens_ && look_at("keys", tokens_->refresh(), keys_complained_of_))
      log_info("read the keys again",
               {{.name = "keys", .value = std::to_string(keys_->keys()->keys().size())}});
    if (tls_ && look_at("certificate", tls_->reload(), tls_complained_of_))
      log_info("read the certificate again");
  }

  // Whether there is something new. Says what is wrong once, however often it is looked at.
  template <typename Reload>
  static bool look_at(const char* what, const std::expected<Reload, std::string>& found,
                      std::string& complained_of) {
    if (!found) {
      if (found.error() != complained_of)
        log_line(LogLevel::kError, "a file cannot be used, what it held stays in force",
                 {{.name = "file", .value = what}, {.name = "why", .value = found.error()}});
      complained_of = found.error();
      return false;
    }
    if (*found == Reload::kUnchanged) return false;
    complained_of.clear();
    return true;
  }

  const std::chrono::milliseconds reload_every_;
  const Parts parts_;
  std::unique_ptr<TlsContext> tls_;
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<TokenService> tokens_;
  std::string keys_complained_of_;
  std::string tls_complained_of_;
  bool stopping_ = false;
  boost::asio::thread_pool checks_{check_threads()};
  boost::asio::thread_pool worker_{1};
  boost::asio::steady_timer timer_{worker_};
};

Security::Security(std::unique_ptr<State> state) : state_(std::move(state)) {}
Security::~Security() = default;

std::expected<std::unique_ptr<Security>, std::string> Security::open(const Settings& settings,
                                                                     Parts parts) {
  auto state = std::make_unique<State>(settings, std::move(parts));
  if (auto opened = state->open(settings); !opened)
    return std::unexpected(std::move(opened.error()));
  return std::unique_ptr<Security>(new Security(std::move(state)));
}

TokenService* Security::tokens() { return state_->tokens(); }
const TlsContext* Security::tls() const { return state_->tls(); }
void Security::run_check(std::move_only_function<void()> work) {
  state_->run_check(std::move(work));
}
void Security::reload() { state_->reload(); }
void Security::stop_checks() { state_->stop_checks(); }
void Security::stop() { state_->stop(); }

}  // namespace bimip::frontend
