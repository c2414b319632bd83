// What the HTTP port has to offer: a few pages, and sessions over WebSocket.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/session/session.h"

namespace bimip::frontend {

struct HttpPage {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Immutable; outlives the connections of the port, and is called on their threads.
struct HttpService {
  // A page by its path, without query, for who has this token (empty: none); 401 and 404 are pages,
  // too.
  std::function<HttpPage(std::string_view path, std::string_view token)> page;
  std::function<std::shared_ptr<Session>(SessionHost& host, Framing framing, Moment now)> session;
  // Web pages' origins (https://app.example) that may open a session, beside those the server
  // itself has. "*": all.
  std::vector<std::string> origins;
};

}  // namespace bimip::frontend
