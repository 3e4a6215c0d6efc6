#include "cloud/providers/process/streams.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "cloud/providers/process/attach_session.h"
#include "cloud/providers/process/socket_channel.h"

namespace spillway::cloud {
namespace {

constexpr int kCommandNotFound = 127;
constexpr Duration kSampleAge = 1h;

}  // namespace

Result<ProcessInstance*> ProcessStreams::Find(const std::string& id) const {
  const auto found = instances_.find(id);
  if (found == instances_.end()) return Fail(Code::kNotFound, "no instance " + id);
  return found->second.get();
}

Task<Result<LogPart>> ProcessStreams::ReadLog(std::string instance_id, LogOptions options, std::string cursor) {
  Result<ProcessInstance*> instance = Find(instance_id);
  if (!instance) co_return Fail(std::move(instance).error());
  co_return (*instance)->ReadLog(options, cursor);
}

Task<Result<std::unique_ptr<ContainerSession>>> ProcessStreams::Exec(std::string instance_id, ExecRequest request) {
  Result<ProcessInstance*> instance = Find(instance_id);
  if (!instance) co_return Fail(std::move(instance).error());
  Result<ExecPlan> plan = (*instance)->PlanExec(request);
  if (plan) co_return StartExec(watcher_, reaper_, *plan);
  // As a shell tells it, and not as an error of the API: the user has mistyped.
  const bool is_unknown = IsCommandNotFound(plan.error());
  if (!is_unknown) co_return Fail(std::move(plan).error());
  co_return EndedSession(request.is_terminal ? OutputStream::kStdout : OutputStream::kStderr,
                         plan.error().message + "\n", kCommandNotFound);
}

Task<Result<std::unique_ptr<ContainerSession>>> ProcessStreams::Attach(std::string instance_id, AttachRequest request) {
  Result<ProcessInstance*> instance = Find(instance_id);
  if (!instance) co_return Fail(std::move(instance).error());
  auto attached = (*instance)->Attach(request.container);
  if (!attached) co_return Fail(std::move(attached).error());
  std::function<void()> on_input_end;
  if (request.has_input && attached->ends_with_client) {
    on_input_end = [this, instance_id, container = request.container] {
      if (const auto still = Find(instance_id)) (*still)->EndInput(container);
    };
  }
  UniqueFd input = request.has_input ? std::move(attached->input) : UniqueFd();
  std::unique_ptr<ContainerSession> session =
      std::make_unique<AttachSession>(runtime_, watcher_, *this, instance_id, request.container, attached->log_end,
                                      std::move(input), std::move(on_input_end));
  co_return session;
}

Task<Result<std::unique_ptr<ByteChannel>>> ProcessStreams::PortForward(std::string instance_id, std::uint16_t port) {
  Result<ProcessInstance*> instance = Find(instance_id);
  if (!instance) co_return Fail(std::move(instance).error());
  std::string loopback = "127.0.0.1";
  co_return co_await ConnectTcp(watcher_, std::move(loopback), port);
}

ContainerStats ProcessStreams::StatsOf(const std::string& id, const ProcessInstance::RunningShim& running,
                                       ProcessUse use, WallTime now) {
  Sample& before = samples_[{id + "/" + running.container, running.started_at.time_since_epoch().count()}];
  ContainerStats stats;
  stats.name = running.container;
  stats.started_at = running.started_at;
  // What ended without anybody waiting for it is no longer in the table.
  stats.cpu_nanoseconds = std::max(before.cpu_nanoseconds, use.cpu_nanoseconds);
  stats.working_set_bytes = use.resident_bytes;
  stats.rss_bytes = use.resident_bytes;
  const WallTime since = before.at == WallTime() ? running.started_at : before.at;
  if (now > since) {
    const double seconds = std::chrono::duration<double>(now - since).count();
    stats.cpu_nanocores =
        static_cast<std::uint64_t>(static_cast<double>(stats.cpu_nanoseconds - before.cpu_nanoseconds) / seconds);
  }
  before = {now, stats.cpu_nanoseconds};
  return stats;
}

Task<Result<std::vector<InstanceStats>>> ProcessStreams::Stats(std::vector<std::string> instance_ids) {
  const ProcessTable table = ProcessTable::Read();
  const WallTime now = runtime_.WallNow();
  std::vector<InstanceStats> all;
  for (const std::string& id : instance_ids) {
    const auto instance = Find(id);
    if (!instance) continue;
    InstanceStats stats{id, now, {}};
    for (const ProcessInstance::RunningShim& running : (*instance)->RunningShims()) {
      stats.containers.push_back(StatsOf(id, running, table.UseBelow(running.pid), now));
    }
    all.push_back(std::move(stats));
  }
  std::erase_if(samples_, [now](const auto& entry) { return now - entry.second.at > kSampleAge; });
  co_return all;
}

}  // namespace spillway::cloud
