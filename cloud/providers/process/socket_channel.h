#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd_watcher.h"
#include "cloud/streams.h"

namespace spillway::cloud {

// A TCP connection to `address`, which is numeric. kUnavailable: nobody listens. The watcher outlives the channel.
Task<Result<std::unique_ptr<ByteChannel>>> ConnectTcp(FdWatcher& watcher, std::string address, std::uint16_t port);

}  // namespace spillway::cloud
