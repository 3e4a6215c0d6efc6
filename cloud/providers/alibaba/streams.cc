#include "cloud/providers/alibaba/streams.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cloud/providers/alibaba/log_window.h"
#include "cloud/providers/rest/batches.h"
#include "cloud/providers/rest/error_rules.h"

namespace spillway::cloud::alibaba {
namespace {

using rest::FindContainer;

constexpr Duration kStatsAge = 60s;  // ECI's own interval
constexpr std::size_t kMaxCommand = 20, kMaxCommandPart = 256;

// What tells one run of a container from the next.
std::string RunOf(const ContainerState* state) { return state ? fmt::format("{}", state->restart_count) : "0"; }

// A command that has run already.
class Finished final : public ContainerSession {
 public:
  explicit Finished(std::string output) : output_(std::move(output)) {}
  Task<std::string> ReadOutput(OutputStream stream) override {
    constexpr std::size_t kPiece = 64u << 10;
    if (stream != OutputStream::kStdout) co_return std::string();
    std::string piece = output_.substr(at_, kPiece);
    at_ += piece.size();
    co_return piece;
  }
  Task<bool> WriteInput(std::string) override { co_return false; }
  void CloseInput() override {}
  void Resize(TerminalSize) override {}
  Task<Result<int>> Wait() override { co_return 0; }

 private:
  std::string output_;
  std::size_t at_ = 0;
};

std::uint64_t Count(const Json& number) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, Integer(number)));
}

// Of the newest record; containers without a start are left out: what they used is relative to nothing.
InstanceStats ReadStats(const Json& data, const Instance* instance) {
  InstanceStats stats;
  stats.instance_id = TextAt(data, "ContainerGroupId");
  const Json& records = Items(At(data, "Records"));
  if (records.empty() || !instance) return stats;
  const auto is_earlier = [](const Json& a, const Json& b) { return TextAt(a, "Timestamp") < TextAt(b, "Timestamp"); };
  const Json& newest = *std::max_element(records.begin(), records.end(), is_earlier);
  stats.at = base::ParseRfc3339(TextAt(newest, "Timestamp")).value_or(WallTime{});
  for (const Json& container : Items(At(newest, "Containers"))) {
    const ContainerState* state = FindContainer(*instance, TextAt(container, "Name"));
    if (!state || !state->started_at) continue;
    ContainerStats one;
    one.name = state->name;
    one.started_at = *state->started_at;
    one.cpu_nanoseconds = Count(At(container, "CPU", "UsageCoreNanoSeconds"));
    one.cpu_nanocores = Count(At(container, "CPU", "UsageNanoCores"));
    one.working_set_bytes = Count(At(container, "Memory", "WorkingSet"));
    one.rss_bytes = Count(At(container, "Memory", "Rss"));
    stats.containers.push_back(std::move(one));
  }
  return stats;
}

rest::Parameters LogParameters(const std::string& id, const LogOptions& options, const LogCursor& cursor, bool goes_on,
                               bool is_previous) {
  rest::Parameters parameters = {
      {"ContainerGroupId", id}, {"ContainerName", options.container}, {"Timestamps", "true"}};
  constexpr auto kMostLines = static_cast<std::int64_t>(kLogLines);
  const std::int64_t lines = goes_on ? kMostLines : options.tail_lines.value_or(kMostLines);
  parameters.emplace_back("Tail", fmt::format("{}", std::clamp<std::int64_t>(lines, 1, kMostLines)));
  parameters.emplace_back("LimitBytes", fmt::format("{}", kLogBytes));
  if (is_previous) parameters.emplace_back("LastTime", "true");
  const bool has_begun = cursor.last != WallTime{};
  if (goes_on && has_begun) {
    parameters.emplace_back("StartTime", base::FormatRfc3339(cursor.last));
  } else if (!goes_on && options.since) {
    parameters.emplace_back("StartTime", base::FormatRfc3339(*options.since));
  }
  return parameters;
}

}  // namespace

Task<Result<LogPart>> Streams::ReadLog(std::string instance_id, LogOptions options, std::string cursor_text) {
  const Instance* instance = provider_.Find(instance_id);
  const ContainerState* state = instance ? FindContainer(*instance, options.container) : nullptr;
  const bool goes_on = !cursor_text.empty();
  LogCursor cursor = LogCursor::Parse(cursor_text);
  const std::string current_run = RunOf(state);
  if (!goes_on) cursor.run = options.previous && state ? fmt::format("{}", state->restart_count - 1) : current_run;
  const bool is_previous = goes_on ? cursor.run != current_run : options.previous;
  if (!goes_on && options.tail_lines == 0) {
    // Nothing of what was, but all that comes: behind the newest line.
    LogOptions newest = options;
    newest.tail_lines = 1;
    auto part = co_await ReadLog(instance_id, std::move(newest), "");
    if (part) part->text.clear();
    co_return part;
  }
  auto answer = co_await provider_.Call("DescribeContainerLog",
                                        LogParameters(instance_id, options, cursor, goes_on, is_previous));
  if (!answer) co_return rest::WithoutRefusal(answer.error());
  LogPart part = ReadWindow(TextAt(*answer, "Content"), cursor, options.timestamps);
  part.is_end = is_previous;
  if (!goes_on && options.limit_bytes && static_cast<std::int64_t>(part.text.size()) > *options.limit_bytes) {
    part.text.resize(static_cast<std::size_t>(*options.limit_bytes));
  }
  co_return part;
}

Task<Result<std::unique_ptr<ContainerSession>>> Streams::Exec(std::string instance_id, ExecRequest request) {
  if (request.has_input || request.is_terminal) {
    co_return Unimplemented(
        "ECI carries input and terminals over a WebSocket whose framing is not documented; without -i and -t commands "
        "run, or use the terminal of ECI's console");
  }
  const auto is_long = [](const std::string& part) { return part.size() > kMaxCommandPart; };
  if (request.command.size() > kMaxCommand || std::any_of(request.command.begin(), request.command.end(), is_long)) {
    co_return Fail(Code::kInvalidArgument, fmt::format("ECI takes commands of at most {} parts of {} characters each",
                                                       kMaxCommand, kMaxCommandPart));
  }
  rest::Parameters parameters = {{"ContainerGroupId", instance_id},
                                 {"ContainerName", request.container},
                                 {"Command", Json(request.command).dump()}};
  for (const auto& [name, value] : {std::pair{"Stdin", "false"}, {"TTY", "false"}, {"Sync", "true"}}) {
    parameters.emplace_back(name, value);
  }
  auto answer = co_await provider_.Call("ExecContainerCommand", std::move(parameters));
  if (!answer) co_return rest::WithoutRefusal(answer.error());
  co_return std::make_unique<Finished>(TextAt(*answer, "SyncResponse"));
}

Task<CloudStatus> Streams::FetchStats(std::vector<std::string> ids) {
  for (const std::vector<std::string>& batch : rest::InBatches(std::move(ids), kDescribePage)) {
    rest::Parameters parameters = {{"ContainerGroupIds", Json(batch).dump()}};
    auto answer = co_await provider_.Call("DescribeMultiContainerGroupMetric", std::move(parameters));
    if (!answer) co_return tl::unexpected(std::move(answer).error());
    for (const Json& data : Items(At(*answer, "MonitorDatas"))) {
      const std::string id = TextAt(data, "ContainerGroupId");
      samples_[id] = {ReadStats(data, provider_.Find(id)), provider_.runtime_.Now()};
    }
  }
  co_return CloudStatus();
}

Task<Result<std::vector<InstanceStats>>> Streams::Stats(std::vector<std::string> instance_ids) {
  const Instant now = provider_.runtime_.Now();
  std::erase_if(samples_, [&](const auto& sample) { return now - sample.second.asked_at >= kStatsAge; });
  std::vector<std::string> lacking;
  for (const std::string& id : instance_ids) {
    if (!samples_.contains(id)) lacking.push_back(id);
  }
  CloudStatus fetched = co_await FetchStats(std::move(lacking));
  if (!fetched) co_return rest::WithoutRefusal(fetched.error());
  std::vector<InstanceStats> all;
  for (const std::string& id : instance_ids) {
    const auto sample = samples_.find(id);
    if (sample != samples_.end() && !sample->second.stats.containers.empty()) all.push_back(sample->second.stats);
  }
  co_return all;
}

}  // namespace spillway::cloud::alibaba
