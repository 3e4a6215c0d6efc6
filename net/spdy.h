#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The server's side of SPDY/3.1 as Kubernetes speaks it for exec, attach and port-forward: streams that the client
// opens, in one connection. Pure, no I/O. Without flow control, which moby/spdystream, the one client there is, neither
// announces nor obeys: whoever reads the connection slowly slows all its streams down.
//
// Source: SPDY protocol, draft 3.1; moby/spdystream v0.5.
namespace spillway::net {

namespace internal {
class SpdyHeaderCodec;
}

using SpdyStreamId = std::uint32_t;

struct SpdyEvent {
  enum class Kind : std::uint8_t {
    kOpened,    // by the client: Accept() or Reset() it
    kData,      // `bytes`
    kFinished,  // the client sends no more on it
    kReset,     // it is gone
    kGoAway,    // the client opens no more streams
  };
  Kind kind = Kind::kData;
  SpdyStreamId stream = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // kOpened; names in lower case
  std::string bytes;

  std::string_view Header(std::string_view lower_case_name) const;  // empty when absent
};

struct SpdyLimits {
  std::size_t streams = 1024;             // open at once; further ones are refused
  std::size_t control_frame = 16u << 10;  // bytes of it, compressed
  std::size_t header_block = 64u << 10;   // bytes of it, decompressed
  std::size_t headers = 64;
};

enum class SpdyResetStatus : std::uint8_t {
  kProtocolError = 1,
  kRefusedStream = 3,
  kCancel = 5,
  kInternalError = 6,
  kStreamAlreadyClosed = 9
};

class SpdySession {
 public:
  explicit SpdySession(SpdyLimits limits = {});
  ~SpdySession();

  // Appends what `bytes` from the client mean. False from the first violation on: send TakeOutput() and close.
  bool Feed(std::string_view bytes, std::vector<SpdyEvent>& events);

  // On streams that are not open (any more) these do nothing.
  void Accept(SpdyStreamId stream);
  void Send(SpdyStreamId stream, std::string_view bytes);
  void Finish(SpdyStreamId stream);  // nothing more will be sent on it
  void Reset(SpdyStreamId stream, SpdyResetStatus status);
  void GoAway();

  // Frames to be sent.
  std::string TakeOutput() { return std::exchange(output_, {}); }
  std::size_t open_streams() const { return streams_.size(); }

 private:
  struct Stream {
    bool local_finished = false, remote_finished = false;
  };

  bool Violation();
  bool OnControlFrame(std::vector<SpdyEvent>& events);
  bool OnSynStream(std::string_view payload, std::uint8_t flags, std::vector<SpdyEvent>& events);
  bool OnHeaders(std::string_view payload);
  void OnRstStream(std::string_view payload, std::vector<SpdyEvent>& events);
  // Begins a data frame whose head is in buffer_.
  bool BeginData();
  void OnData(std::string_view bytes, std::vector<SpdyEvent>& events);
  void EndData(std::vector<SpdyEvent>& events);
  void Forget(SpdyStreamId stream);
  void PutControl(std::uint16_t type, std::uint8_t flags, std::string_view payload);
  void PutReset(SpdyStreamId stream, SpdyResetStatus status);

  SpdyLimits limits_;
  std::unique_ptr<internal::SpdyHeaderCodec> codec_;
  std::map<SpdyStreamId, Stream> streams_;
  SpdyStreamId last_opened_ = 0;
  bool is_broken_ = false;
  std::string buffer_;  // a control frame, or a data frame's head, as far as it has come
  bool in_data_ = false, data_is_last_ = false;
  SpdyStreamId data_stream_ = 0;
  std::size_t data_left_ = 0;
  std::string output_;
};

}  // namespace spillway::net
