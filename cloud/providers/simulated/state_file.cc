#include "cloud/providers/simulated/state_file.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"
#include "cloud/files.h"

namespace spillway::cloud {
namespace {
constexpr Duration kWriteDelay = 5ms;

Status LoadFile(SimulatedCloud& cloud, const std::string& path) {
  const auto text = ReadPrivateFile(path);
  if (!text) return {};
  const Json state = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const Status loaded = cloud.Load(state);
  if (loaded) return {};
  return Fail(Code::kMalformed,
              fmt::format("{}: {}; remove it to begin with an empty cloud", path, loaded.error().message));
}
}  // namespace

SimulatedStateFile::SimulatedStateFile(Runtime& runtime, SimulatedCloud& cloud, std::string path)
    : runtime_(runtime), cloud_(cloud), path_(std::move(path)) {
  cloud_.OnStateChange([this] { WriteSoon(); });
}

SimulatedStateFile::~SimulatedStateFile() {
  cloud_.OnStateChange(nullptr);
  if (!timer_) return;
  runtime_.CancelTimer(*timer_);
  Write();
}

Result<std::unique_ptr<SimulatedStateFile>> SimulatedStateFile::Open(Runtime& runtime, SimulatedCloud& cloud,
                                                                     std::string path) {
  if (auto loaded = LoadFile(cloud, path); !loaded) return Fail(std::move(loaded).error());
  return std::unique_ptr<SimulatedStateFile>(new SimulatedStateFile(runtime, cloud, std::move(path)));
}

void SimulatedStateFile::WriteSoon() {
  if (timer_) return;
  timer_ = runtime_.PostAt(runtime_.Now() + kWriteDelay, [this] {
    timer_.reset();
    Write();
  });
}

void SimulatedStateFile::Write() {
  const Status written = WriteFileAtomically(path_, cloud_.Save().dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!written) log::Warning("the simulated cloud cannot be kept", {{"why", written.error().message}});
}

Result<std::vector<Instance>> ReadSimulatedInstances(Runtime& runtime, const std::string& path) {
  SimulatedCloud copy(runtime, {});
  if (auto loaded = LoadFile(copy, path); !loaded) return Fail(std::move(loaded).error());
  return copy.Instances();
}

}  // namespace spillway::cloud
