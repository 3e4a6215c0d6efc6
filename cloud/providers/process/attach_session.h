#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/fd_watcher.h"
#include "base/runtime.h"
#include "base/sync.h"
#include "cloud/files.h"
#include "cloud/streams.h"

namespace spillway::cloud {

// What an attached client sees and says: the log of a container's current run from now on, and a pipe to its standard
// input. It runs on without the client. All that is referred to outlives the session.
class AttachSession final : public ContainerSession {
 public:
  // `cursor`: the end of the log; `input`: not open when the container takes none. `on_input_end` may be null.
  AttachSession(Runtime& runtime, FdWatcher& watcher, InstanceStreams& streams, std::string instance_id,
                std::string container, std::string cursor, UniqueFd input, std::function<void()> on_input_end);
  ~AttachSession() override { CloseInput(); }

  Task<std::string> ReadOutput(OutputStream stream) override;
  Task<bool> WriteInput(std::string bytes) override;
  void CloseInput() override;
  void Resize(TerminalSize /*size*/) override {}
  // Attaching went well, however the container ended.
  Task<Result<int>> Wait() override;

 private:
  Runtime& runtime_;
  FdWatcher& watcher_;
  InstanceStreams& streams_;
  const std::string instance_id_, container_;
  std::string cursor_;
  bool is_end_ = false;
  UniqueFd input_;
  std::function<void()> on_input_end_;
  Signal ended_;
};

}  // namespace spillway::cloud
