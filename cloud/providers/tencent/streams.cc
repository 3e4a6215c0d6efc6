#include "cloud/providers/tencent/streams.h"

#include <fmt/core.h>

#include <algorithm>

#include "cloud/providers/rest/error_rules.h"
#include "cloud/providers/tencent/log_window.h"

namespace spillway::cloud::tencent {
namespace {

// As kubelet cuts it: the last lines, then the first bytes.
void Cut(std::string& text, const LogOptions& options) {
  if (options.tail_lines) {
    std::size_t from = text.size();
    for (std::int64_t lines = *options.tail_lines; lines > 0 && from > 0; --lines) {
      const std::size_t end = from >= 2 ? text.rfind('\n', from - 2) : std::string::npos;
      from = end == std::string::npos ? 0 : end + 1;
    }
    text.erase(0, from);
  }
  if (options.limit_bytes && static_cast<std::int64_t>(text.size()) > *options.limit_bytes) {
    text.resize(static_cast<std::size_t>(std::max<std::int64_t>(*options.limit_bytes, 0)));
  }
}

Json LogRequest(const std::string& id, const LogOptions& options, bool is_previous) {
  Json body = {{"EksCiId", id}, {"ContainerName", options.container}, {"Tail", kLogLines}, {"LimitBytes", kLogBytes}};
  if (is_previous) body["Previous"] = true;
  return body;
}

}  // namespace

Task<Result<LogPart>> Streams::ReadLog(std::string instance_id, LogOptions options, std::string cursor_text) {
  if (options.timestamps) co_return Unimplemented("EKSCI does not tell when a line was written");
  const Instance* instance = provider_.Find(instance_id);
  const ContainerState* state = instance ? rest::FindContainer(*instance, options.container) : nullptr;
  const int current = state ? state->restart_count : 0;
  if (cursor_text.empty() && options.previous && state && current == 0) {
    co_return Fail(Code::kNotFound, fmt::format("container {} has had no run before this one", options.container));
  }
  LogCursor cursor = LogCursor::Parse(cursor_text);
  const bool goes_on = !cursor_text.empty();
  if (!goes_on) cursor.run = fmt::format("{}", options.previous ? current - 1 : current);
  const bool is_previous = goes_on ? cursor.run != fmt::format("{}", current) : options.previous;
  // Where a log is followed from must not depend on when it is read, so "since" narrows only what is read once.
  Json body = LogRequest(instance_id, options, is_previous);
  auto answer = co_await provider_.Call("DescribeEksContainerInstanceLog", body);
  if (!answer) co_return rest::WithoutRefusal(answer.error());
  LogPart part = ReadWindow(TextAt(*answer, "LogContent"), cursor);
  part.is_end = is_previous;
  if (!goes_on && options.since) {
    body["StartTime"] = base::FormatRfc3339(*options.since);
    auto since = co_await provider_.Call("DescribeEksContainerInstanceLog", std::move(body));
    if (!since) co_return rest::WithoutRefusal(since.error());
    part.text = TextAt(*since, "LogContent");
  }
  if (!goes_on) Cut(part.text, options);
  co_return part;
}

}  // namespace spillway::cloud::tencent
