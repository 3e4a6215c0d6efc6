#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http_server.h"

// Which protocol a client of exec, attach and port-forward wants to speak, and the answer that begins it.
// Source: k8s.io/streaming pkg/httpstream and pkg/httpstream/wsstream, k8s.io/cri-streaming, v0.36.
namespace spillway::cloud {

enum class StreamCarrier : std::uint8_t {
  kSpdy,               // SPDY/3.1, a stream for each purpose
  kWebSocket,          // messages, the first byte of each says which channel
  kSpdyOverWebSocket,  // SPDY/3.1, carried in messages
};

struct StreamProtocol {
  StreamCarrier carrier = StreamCarrier::kSpdy;
  std::string name;        // without what the carrier adds: "v4.channel.k8s.io", "portforward.k8s.io"
  bool is_base64 = false;  // WebSocket: payloads are text
  // Status 101 and its headers.
  std::vector<std::pair<std::string, std::string>> headers;

  // Versions of remotecommand: how the command ended is told as metav1.Status; the client's half-close has a signal.
  bool has_status() const { return name.starts_with("v4.") || name.starts_with("v5."); }
  bool has_close_signal() const { return name.starts_with("v5."); }
  bool has_resize() const { return has_status() || name.starts_with("v3."); }
};

// An Error's http_status is the one to answer with: 400, or 403 where nothing in common is spoken.
Result<StreamProtocol> AcceptCommandStream(const net::ServerRequest& request);
Result<StreamProtocol> AcceptPortForward(const net::ServerRequest& request);

}  // namespace spillway::cloud
