#include "cloud/kubelet_api/container_logs.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"

namespace spillway::cloud {
namespace {

constexpr Duration kFirstErrorPause = 1s, kLongestErrorPause = 30s;

Result<std::int64_t> WholeNumber(std::string_view key, std::string_view value, std::int64_t least) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size() && number >= least) return number;
  return Fail(Code::kInvalidArgument, fmt::format("{}={} must be a whole number of at least {}", key, value, least));
}

Status ReadField(LogQuery& query, const std::string& key, const std::string& value, WallTime now) {
  const bool is_true = value == "true" || value == "1";
  Result<std::int64_t> number = 0;
  if (key == "follow") query.follow = is_true;
  if (key == "previous") query.options.previous = is_true;
  if (key == "timestamps") query.options.timestamps = is_true;
  if (key == "tailLines" && (number = WholeNumber(key, value, 0))) query.options.tail_lines = *number;
  if (key == "limitBytes" && (number = WholeNumber(key, value, 1))) query.options.limit_bytes = *number;
  if (key == "sinceSeconds" || key == "sinceTime") {
    if (query.options.since) return Fail(Code::kInvalidArgument, "sinceSeconds and sinceTime exclude each other");
    if (key == "sinceSeconds" && (number = WholeNumber(key, value, 1))) {
      query.options.since = now - std::chrono::seconds(std::min<std::int64_t>(*number, 1'000'000'000));
    }
    if (key == "sinceTime" && !(query.options.since = base::ParseRfc3339(value))) {
      return Fail(Code::kInvalidArgument, fmt::format("sinceTime={} is no time of RFC 3339", value));
    }
  }
  if (key == "stream" && value != "All") {
    return Fail(Code::kInvalidArgument, fmt::format("stream={}: only All is kept, both streams as one", value));
  }
  if (!number) return Fail(std::move(number).error());
  return {};
}

// False: nothing more may be sent.
bool Send(net::ResponseStream& stream, std::string_view text, std::optional<std::int64_t>& left) {
  if (left) {
    text = text.substr(0, static_cast<std::size_t>(*left));
    *left -= static_cast<std::int64_t>(text.size());
  }
  if (!text.empty() && !stream.Write(text)) return false;
  return !left || *left > 0;
}

}  // namespace

Result<LogQuery> ParseLogQuery(const std::string& container, std::string_view query, WallTime now) {
  LogQuery parsed;
  parsed.options.container = container;
  for (const auto& [key, value] : net::ParseQuery(query)) {
    if (auto read = ReadField(parsed, key, value, now); !read) return Fail(std::move(read).error());
  }
  return parsed;
}

Task<void> FollowLog(Runtime& runtime, FollowedLog log, std::shared_ptr<net::ResponseStream> stream) {
  std::optional<std::int64_t> left = std::exchange(log.options.limit_bytes, std::nullopt);
  if (left && *left <= 0) co_return;
  Duration pause = log.streams.follow_interval();
  Duration after_error = kFirstErrorPause;
  while (stream->is_open()) {
    co_await runtime.SleepFor(pause);
    const bool is_over = log.is_over();  // asked first: what it wrote before that is read below
    Result<LogPart> part = co_await log.streams.ReadLog(log.instance_id, log.options, log.cursor);
    if (!part) {
      if (is_over || part.error().code == Code::kNotFound) co_return;
      log::Verbose(1, "a followed log could not be read", {{"why", part.error().message}});
      pause = after_error;
      after_error = std::min(2 * after_error, kLongestErrorPause);
      continue;
    }
    after_error = kFirstErrorPause;
    log.cursor = std::move(part->cursor);
    if (part->has_gap && !Send(*stream, kLogGap, left)) co_return;
    if (!Send(*stream, part->text, left)) co_return;
    if (part->is_end || (is_over && part->text.empty())) co_return;
    pause = part->text.empty() ? log.streams.follow_interval() : log.streams.follow_interval() / 4;
  }
}

}  // namespace spillway::cloud
