#include "cloud/providers/process/attach_session.h"

#include <utility>

#include "cloud/providers/process/exec_session.h"

namespace spillway::cloud {
namespace {

constexpr Duration kAttachInterval = 50ms;

}  // namespace

AttachSession::AttachSession(Runtime& runtime, FdWatcher& watcher, InstanceStreams& streams, std::string instance_id,
                             std::string container, std::string cursor, UniqueFd input,
                             std::function<void()> on_input_end)
    : runtime_(runtime),
      watcher_(watcher),
      streams_(streams),
      instance_id_(std::move(instance_id)),
      container_(std::move(container)),
      cursor_(std::move(cursor)),
      input_(std::move(input)),
      on_input_end_(std::move(on_input_end)),
      ended_(runtime) {}

Task<std::string> AttachSession::ReadOutput(OutputStream stream) {
  while (stream == OutputStream::kStdout && !is_end_) {
    std::string id = instance_id_, cursor = cursor_;
    LogOptions options;
    options.container = container_;
    Result<LogPart> part = co_await streams_.ReadLog(std::move(id), std::move(options), std::move(cursor));
    if (!part) break;
    cursor_ = std::move(part->cursor);
    is_end_ = part->is_end;
    if (!part->text.empty()) co_return std::move(part->text);
    if (!is_end_) co_await runtime_.SleepFor(kAttachInterval);
  }
  if (stream == OutputStream::kStdout) {
    is_end_ = true;
    ended_.Notify();
  }
  co_return "";
}

Task<bool> AttachSession::WriteInput(std::string bytes) {
  if (!input_.is_open()) co_return false;
  co_return co_await WriteWhenReady(watcher_, input_.get(), std::move(bytes));
}

void AttachSession::CloseInput() {
  if (!input_.is_open()) return;
  input_ = UniqueFd();
  if (const auto call = std::exchange(on_input_end_, nullptr)) call();
}

Task<Result<int>> AttachSession::Wait() {
  while (!is_end_) co_await ended_.Wait();
  co_return 0;
}

}  // namespace spillway::cloud
