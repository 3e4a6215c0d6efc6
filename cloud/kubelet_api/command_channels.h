#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/json.h"
#include "cloud/kubelet_api/stream_handshake.h"
#include "cloud/streams.h"

// The conversation of exec and attach, whatever carries it. Pure: bytes of a connection in and out.
// Source: k8s.io/cri-streaming pkg/streaming/remotecommand, v0.36.
namespace spillway::cloud {

// What the client asked to be connected.
struct CommandStreams {
  bool has_stdin = false, has_stdout = false, has_stderr = false, is_terminal = false;
};

struct CommandInput {
  enum class Kind : std::uint8_t { kStdin, kStdinEnd, kResize };
  Kind kind = Kind::kStdin;
  std::string bytes;
  TerminalSize size;
};

// How it ended.
struct CommandStatus {
  int exit_code = 0;
  std::string error;  // not empty: it could not be run, or not to its end
};

class CommandChannels {
 public:
  virtual ~CommandChannels() = default;
  // Appends what the client sends. False: it broke the rules, or closes the connection; send TakeOutput() and end.
  virtual bool Feed(std::string_view bytes, std::vector<CommandInput>& inputs) = 0;
  // All streams that the client announced are there; nothing may be put out before.
  virtual bool is_ready() const = 0;
  virtual void PutOutput(OutputStream stream, std::string_view bytes) = 0;
  virtual void EndOutput(OutputStream stream) = 0;
  // The last word.
  virtual void PutStatus(const CommandStatus& status) = 0;
  // Bytes for the connection.
  virtual std::string TakeOutput() = 0;
};

std::unique_ptr<CommandChannels> NewCommandChannels(const StreamProtocol& protocol, const CommandStreams& streams);

// As metav1.Status: Success, NonZeroExitCode with the code as its cause, or InternalError.
Json StatusOf(const CommandStatus& status);
// As clients before v4 get it: nothing, or a line of text.
std::string StatusText(const CommandStatus& status);

// Sizes of a terminal as clients send them, {"Width":80,"Height":24} one after the other, in pieces.
class ResizeReader {
 public:
  // False: that is something else.
  bool Feed(std::string_view bytes, std::vector<CommandInput>& inputs);

 private:
  std::string pending_;
};

}  // namespace spillway::cloud
