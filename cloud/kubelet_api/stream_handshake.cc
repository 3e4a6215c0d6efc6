#include "cloud/kubelet_api/stream_handshake.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>

#include "net/websocket.h"

namespace spillway::cloud {
namespace {

constexpr std::string_view kSpdyCommands[] = {"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io",
                                              "channel.k8s.io"};
constexpr std::string_view kSocketCommands[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io",
                                                "channel.k8s.io", "base64.channel.k8s.io"};
constexpr std::string_view kSpdyForwards[] = {"portforward.k8s.io"};
constexpr std::string_view kSocketForwards[] = {"SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io",
                                                "v4.base64.channel.k8s.io"};
constexpr std::string_view kTunnel = "SPDY/3.1+";

using Names = std::span<const std::string_view>;

tl::unexpected<Error> Refuse(int status, std::string message) {
  Error error{Code::kInvalidArgument, "unable to upgrade: " + std::move(message)};
  error.http_status = status;
  return tl::unexpected(std::move(error));
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// All comma-separated values of a header that may come several times.
std::vector<std::string> ValuesOf(const net::ServerRequest& request, std::string_view lower_case_name) {
  std::vector<std::string> values;
  for (const auto& [name, value] : request.headers) {
    if (name != lower_case_name) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      if (!item.empty()) values.emplace_back(item);
    }
  }
  return values;
}

bool HasToken(const net::ServerRequest& request, std::string_view header, std::string_view lower_case_token) {
  const std::vector<std::string> values = ValuesOf(request, header);
  return std::any_of(values.begin(), values.end(), [&](const auto& value) { return Lower(value) == lower_case_token; });
}

// The first that the client wants and we speak.
std::optional<std::string> Choose(const std::vector<std::string>& wanted, Names spoken) {
  for (const std::string& name : wanted) {
    if (std::find(spoken.begin(), spoken.end(), name) != spoken.end()) return name;
  }
  return std::nullopt;
}

Result<StreamProtocol> AcceptWebSocket(const net::ServerRequest& request, Names spoken) {
  if (request.method != "GET") return Refuse(400, "a WebSocket begins with GET");
  if (request.Header("sec-websocket-version") != "13") return Refuse(400, "want Sec-WebSocket-Version: 13");
  const std::string key = request.Header("sec-websocket-key");
  if (key.size() != 24) return Refuse(400, "want a Sec-WebSocket-Key of 16 bytes");
  StreamProtocol protocol;
  protocol.carrier = StreamCarrier::kWebSocket;
  protocol.headers = {
      {"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", net::WebSocketAccept(key)}};
  const std::vector<std::string> wanted = ValuesOf(request, "sec-websocket-protocol");
  if (wanted.empty()) return protocol;  // the oldest: "channel.k8s.io" without saying so
  const std::optional<std::string> chosen = Choose(wanted, spoken);
  if (!chosen) {
    return Refuse(
        403, fmt::format("client supports {}, server accepts {}", fmt::join(wanted, ", "), fmt::join(spoken, ", ")));
  }
  protocol.headers.emplace_back("Sec-WebSocket-Protocol", *chosen);
  protocol.name = *chosen;
  if (chosen->starts_with(kTunnel)) {
    protocol.carrier = StreamCarrier::kSpdyOverWebSocket;
    protocol.name = chosen->substr(kTunnel.size());
  }
  protocol.is_base64 = chosen->find("base64.") != std::string::npos;
  return protocol;
}

Result<StreamProtocol> AcceptSpdy(const net::ServerRequest& request, Names spoken) {
  const std::vector<std::string> wanted = ValuesOf(request, "x-stream-protocol-version");
  if (wanted.empty()) return Refuse(400, "no X-Stream-Protocol-Version");
  const std::optional<std::string> chosen = Choose(wanted, spoken);
  if (!chosen) {
    return Refuse(
        403, fmt::format("client supports {}, server accepts {}", fmt::join(wanted, ", "), fmt::join(spoken, ", ")));
  }
  StreamProtocol protocol;
  protocol.name = *chosen;
  protocol.headers = {{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}, {"X-Stream-Protocol-Version", *chosen}};
  return protocol;
}

Result<StreamProtocol> Accept(const net::ServerRequest& request, Names by_spdy, Names by_websocket) {
  if (!HasToken(request, "connection", "upgrade")) return Refuse(400, "this is no upgrade request");
  if (HasToken(request, "upgrade", "websocket")) return AcceptWebSocket(request, by_websocket);
  if (HasToken(request, "upgrade", "spdy/3.1")) return AcceptSpdy(request, by_spdy);
  return Refuse(400, "neither SPDY/3.1 nor websocket is asked for");
}

}  // namespace

Result<StreamProtocol> AcceptCommandStream(const net::ServerRequest& request) {
  return Accept(request, kSpdyCommands, kSocketCommands);
}

Result<StreamProtocol> AcceptPortForward(const net::ServerRequest& request) {
  return Accept(request, kSpdyForwards, kSocketForwards);
}

}  // namespace spillway::cloud
