#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"

// What runs beside the life of an instance: its logs, commands run inside it, connections into it, what it uses.
namespace spillway::cloud {

struct LogOptions {
  std::string container;
  bool previous = false;    // the run before the current one
  bool timestamps = false;  // RFC 3339 in front of each line
  std::optional<std::int64_t> tail_lines, limit_bytes;
  std::optional<WallTime> since;
};

// One step through the log of one run of a container.
struct LogPart {
  std::string text;
  std::string cursor;    // where the next step begins
  bool has_gap = false;  // between the cursor given and `text` there was more, which the provider no longer has
  bool is_end = false;   // the run is over, and this is the end of what it wrote
};

enum class OutputStream : std::uint8_t { kStdout, kStderr };

struct TerminalSize {
  std::uint16_t columns = 0, rows = 0;
};

// Destroying it closes it in both directions.
class ByteChannel {
 public:
  virtual ~ByteChannel() = default;
  // The next bytes, at most 64 KiB; none: the other side has closed. One reader at a time.
  virtual Task<std::string> Read() = 0;
  // Returns once they are taken; false: the other side is gone. One writer at a time.
  virtual Task<bool> Write(std::string bytes) = 0;
  // Nothing more will be written; reading goes on.
  virtual void CloseWrite() = 0;
};

// A command in a container, or a container's own main process (attach). Destroying it ends the command; what was only
// attached to runs on.
class ContainerSession {
 public:
  virtual ~ContainerSession() = default;
  // The next bytes, at most 64 KiB; none: the stream has ended. One reader for each stream.
  virtual Task<std::string> ReadOutput(OutputStream stream) = 0;
  // Returns once they are taken; false: nobody reads them.
  virtual Task<bool> WriteInput(std::string bytes) = 0;
  virtual void CloseInput() = 0;
  virtual void Resize(TerminalSize size) = 0;
  // Its exit code, 128 + n when signal n ended it. Once.
  virtual Task<Result<int>> Wait() = 0;
};

struct ExecRequest {
  std::string container;
  std::vector<std::string> command;
  bool has_input = false;
  bool is_terminal = false;  // one terminal instead of three pipes: all output is kStdout
};

struct AttachRequest {
  std::string container;
  bool has_input = false;
};

struct ContainerStats {
  std::string name;
  WallTime started_at{};
  std::uint64_t cpu_nanoseconds = 0;             // used since it was started; never falls
  std::optional<std::uint64_t> cpu_nanocores{};  // at the moment
  std::uint64_t working_set_bytes = 0;
  std::optional<std::uint64_t> rss_bytes{};
};

struct InstanceStats {
  std::string instance_id;
  WallTime at{};
  std::vector<ContainerStats> containers;  // those that run
};

tl::unexpected<Error> Unimplemented(std::string message);
bool IsUnimplemented(const Error& error);

// What a provider cannot do is an Error that IsUnimplemented(): HTTP 501 with its message to whoever asked. All calls
// on the loop; kNotFound: no such instance, container or earlier run. Lives as long as its provider.
class InstanceStreams {
 public:
  virtual ~InstanceStreams() = default;

  // Without a cursor: the log so far, cut as `options` say, and the cursor behind it. With one: what came since, of
  // which only container and timestamps count. The run that a cursor belongs to is the one that the first step found,
  // also when the container has been started again.
  virtual Task<Result<LogPart>> ReadLog(std::string instance_id, LogOptions options, std::string cursor) = 0;
  // How soon it makes sense to ask again after a step that brought nothing.
  virtual Duration follow_interval() const { return std::chrono::seconds(1); }

  virtual Task<Result<std::unique_ptr<ContainerSession>>> Exec(std::string instance_id, ExecRequest request);
  virtual Task<Result<std::unique_ptr<ContainerSession>>> Attach(std::string instance_id, AttachRequest request);
  // Asked before PortForward(), while a client can still be answered.
  virtual Status CanForward() const;
  // A connection to a TCP port inside the instance.
  virtual Task<Result<std::unique_ptr<ByteChannel>>> PortForward(std::string instance_id, std::uint16_t port);
  // Of those that are known; as few calls to the cloud as it allows.
  virtual Task<Result<std::vector<InstanceStats>>> Stats(std::vector<std::string> instance_ids);

 protected:
  // "provider simulated cannot ...".
  virtual std::string_view provider_name() const = 0;
};

}  // namespace spillway::cloud
