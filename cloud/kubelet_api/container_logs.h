#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "cloud/streams.h"
#include "net/http_server.h"

namespace spillway::cloud {

// The query of /containerLogs: kubelet's PodLogOptions.
struct LogQuery {
  LogOptions options;
  bool follow = false;
};
// kInvalidArgument: the request is wrong, which is told as kubelet tells it.
Result<LogQuery> ParseLogQuery(const std::string& container, std::string_view query, WallTime now);

// Said in a followed log where the provider no longer had what was written.
inline constexpr std::string_view kLogGap =
    "[spillway: the log moved on faster than it could be read; lines are missing here]\n";

// A log that has been read up to `cursor`.
struct FollowedLog {
  InstanceStreams& streams;
  std::string instance_id;
  LogOptions options;  // limit_bytes: what may still be sent
  std::string cursor;
  std::function<bool()> is_over;  // the container writes no more, whatever the provider says
};
// Sends what comes, in order and once, until the run ends, the client goes or the limit is reached. Errors of the
// provider are waited out, with growing pauses.
Task<void> FollowLog(Runtime& runtime, FollowedLog log, std::shared_ptr<net::ResponseStream> stream);

}  // namespace spillway::cloud
