#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/kubelet_api/stream_handshake.h"
#include "cloud/kubelet_api/websocket_channels.h"
#include "net/spdy.h"

// Connections through one port-forward, whatever carries them. Pure: bytes of a connection in and out.
// Source: k8s.io/cri-streaming pkg/streaming/portforward, v0.36.
namespace spillway::cloud {

using ForwardId = std::uint32_t;

struct ForwardEvent {
  enum class Kind : std::uint8_t { kOpened, kData, kFinished, kReset };
  Kind kind = Kind::kData;
  ForwardId id = 0;
  std::uint16_t port = 0;  // kOpened
  std::string bytes;       // kData
};

class ForwardChannels {
 public:
  virtual ~ForwardChannels() = default;
  // False: the client broke the rules, or closes the connection; send TakeOutput() and end.
  virtual bool Feed(std::string_view bytes, std::vector<ForwardEvent>& events) = 0;
  virtual void Put(ForwardId id, std::string_view bytes) = 0;
  virtual void Finish(ForwardId id) = 0;  // nothing more comes from the instance
  virtual void Break(ForwardId id, std::string_view why) = 0;
  virtual void Forget(ForwardId id) = 0;  // it is over in both directions
  virtual std::string TakeOutput() = 0;
};

// `ports`: of the query; only what is carried by channels needs them.
std::unique_ptr<ForwardChannels> NewForwardChannels(const StreamProtocol& protocol,
                                                    const std::vector<std::uint16_t>& ports);

// Over SPDY: for each connection a stream for data and one for errors, held together by a request id.
class SpdyForward final : public ForwardChannels {
 public:
  explicit SpdyForward(StreamCarrier carrier);
  bool Feed(std::string_view bytes, std::vector<ForwardEvent>& events) override;
  void Put(ForwardId id, std::string_view bytes) override;
  void Finish(ForwardId id) override;
  void Break(ForwardId id, std::string_view why) override;
  void Forget(ForwardId id) override;
  std::string TakeOutput() override;

 private:
  struct Pair {
    net::SpdyStreamId data = 0, error = 0;
  };
  void OnOpened(const net::SpdyEvent& event, std::vector<ForwardEvent>& events);
  void OnEvent(net::SpdyEvent event, std::vector<ForwardEvent>& events);

  const bool is_tunnelled_;
  WebSocketTunnel tunnel_;
  net::SpdySession session_;
  std::map<std::string, Pair> half_open_;                 // by request id
  std::map<net::SpdyStreamId, net::SpdyStreamId> pairs_;  // data -> error; an id is that of the data stream
};

// Over a WebSocket: two channels for each port that the query names.
class WebSocketForward final : public ForwardChannels {
 public:
  WebSocketForward(const StreamProtocol& protocol, std::vector<std::uint16_t> ports);
  bool Feed(std::string_view bytes, std::vector<ForwardEvent>& events) override;
  void Put(ForwardId id, std::string_view bytes) override;
  void Finish(ForwardId id) override;
  void Break(ForwardId id, std::string_view why) override;
  void Forget(ForwardId /*id*/) override {}
  std::string TakeOutput() override { return channels_.TakeOutput(); }

 private:
  std::vector<std::uint16_t> ports_;
  WebSocketChannels channels_;
  bool is_begun_ = false;
  std::size_t open_;
};

}  // namespace spillway::cloud
