#include "cloud/kubelet_api/remote_command.h"

#include <utility>

#include "base/scope.h"
#include "base/sync.h"

namespace spillway::cloud {
namespace {

constexpr Duration kStreamCreationTimeout = 30s;  // kubelet's
constexpr Duration kLookAtClient = 1s;            // while it is not read
constexpr std::size_t kMaxUntakenInput = 256u << 10;

// One conversation. Its flows end with it.
class RemoteCommand {
 public:
  RemoteCommand(Runtime& runtime, std::shared_ptr<ContainerSession> session, StreamProtocol protocol,
                CommandStreams streams, std::shared_ptr<net::UpgradedConnection> connection)
      : runtime_(runtime),
        session_(std::move(session)),
        streams_(streams),
        connection_(std::move(connection)),
        channels_(NewCommandChannels(protocol, streams)),
        ready_(runtime),
        input_changed_(runtime),
        input_room_(runtime),
        output_ended_(runtime),
        done_(runtime),
        flows_(runtime) {}

  Task<void> Run() {
    Flush();
    flows_.Spawn(ReadClient());
    flows_.Spawn(Serve());
    co_await done_.Wait();
  }

 private:
  Task<void> ReadClient() {
    for (;;) {
      const std::string bytes = co_await connection_->Read();
      if (bytes.empty()) break;
      std::vector<CommandInput> inputs;
      const bool goes_on = channels_->Feed(bytes, inputs);
      for (CommandInput& input : inputs) Take(std::move(input));
      Flush();
      if (channels_->is_ready()) ready_.Notify();
      if (!goes_on) break;
      while (input_.size() > kMaxUntakenInput && connection_->is_open()) {
        co_await input_room_.WaitUntil(runtime_.Now() + kLookAtClient);
      }
    }
    done_.Set(true);
  }

  void Take(CommandInput input) {
    switch (input.kind) {
      case CommandInput::Kind::kStdin:
        if (!input_closed_) input_ += input.bytes;
        break;
      case CommandInput::Kind::kStdinEnd:
        input_ended_ = true;
        break;
      case CommandInput::Kind::kResize:
        session_->Resize(input.size);
        break;
    }
    input_changed_.Notify();
  }

  Task<void> Serve() {
    const Instant deadline = runtime_.Now() + kStreamCreationTimeout;
    while (!channels_->is_ready() && runtime_.Now() < deadline) co_await ready_.WaitUntil(deadline);
    if (!channels_->is_ready()) {
      done_.Set(true);
      co_return;
    }
    if (streams_.has_stdin) flows_.Spawn(PumpInput());
    for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
      ++outputs_;
      flows_.Spawn(PumpOutput(stream));
    }
    const Result<int> exit = co_await session_->Wait();
    while (outputs_ > 0) co_await output_ended_.Wait();
    CommandStatus status;
    if (exit) status.exit_code = *exit;
    if (!exit) status.error = exit.error().message;
    channels_->PutStatus(status);
    Flush();
    done_.Set(true);
  }

  Task<void> PumpInput() {
    for (;;) {
      while (input_.empty() && !input_ended_) co_await input_changed_.Wait();
      if (input_.empty()) break;
      std::string bytes = std::exchange(input_, {});
      input_room_.Notify();
      const bool is_taken = co_await session_->WriteInput(std::move(bytes));
      if (!is_taken) break;
    }
    input_closed_ = true;
    input_.clear();
    input_room_.Notify();
    session_->CloseInput();
  }

  Task<void> PumpOutput(OutputStream stream) {
    for (;;) {
      const std::string bytes = co_await session_->ReadOutput(stream);
      if (bytes.empty()) break;
      co_await connection_->Writable();
      channels_->PutOutput(stream, bytes);
      Flush();
    }
    channels_->EndOutput(stream);
    Flush();
    --outputs_;
    output_ended_.Notify();
  }

  void Flush() {
    const std::string bytes = channels_->TakeOutput();
    if (!bytes.empty() && !connection_->Write(bytes)) done_.Set(true);
  }

  Runtime& runtime_;
  const std::shared_ptr<ContainerSession> session_;
  const CommandStreams streams_;
  const std::shared_ptr<net::UpgradedConnection> connection_;
  const std::unique_ptr<CommandChannels> channels_;
  Signal ready_, input_changed_, input_room_, output_ended_;
  std::string input_;  // not yet taken by the command
  bool input_ended_ = false, input_closed_ = false;
  int outputs_ = 0;
  OneShot<bool> done_;
  TaskScope flows_;
};

}  // namespace

Result<CommandQuery> ParseCommandQuery(std::string_view query) {
  CommandQuery parsed;
  bool wants_stderr = false;
  for (const auto& [key, value] : net::ParseQuery(query)) {
    const bool is_true = value == "1" || value == "true";
    if (key == "input") parsed.streams.has_stdin = is_true;
    if (key == "output") parsed.streams.has_stdout = is_true;
    if (key == "error") wants_stderr = is_true;
    if (key == "tty") parsed.streams.is_terminal = is_true;
    if (key == "command") parsed.command.push_back(value);
  }
  parsed.streams.has_stderr = wants_stderr && !parsed.streams.is_terminal;
  if (!parsed.streams.has_stdin && !parsed.streams.has_stdout && !parsed.streams.has_stderr) {
    return Fail(Code::kInvalidArgument, "you must specify at least 1 of stdin, stdout, stderr");
  }
  return parsed;
}

Task<void> ServeCommand(Runtime& runtime, std::shared_ptr<ContainerSession> session, StreamProtocol protocol,
                        CommandStreams streams, std::shared_ptr<net::UpgradedConnection> connection) {
  RemoteCommand command(runtime, std::move(session), std::move(protocol), streams, std::move(connection));
  co_await command.Run();
}

}  // namespace spillway::cloud
