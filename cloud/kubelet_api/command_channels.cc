#include "cloud/kubelet_api/command_channels.h"

#include <fmt/core.h>

#include <algorithm>

#include "cloud/kubelet_api/spdy_command.h"
#include "cloud/kubelet_api/websocket_command.h"

namespace spillway::cloud {
namespace {

constexpr std::size_t kMaxResize = 256;

std::uint16_t Cells(const Json& size, const char* key) {
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(Integer(At(size, key)), 0, 0xffff));
}

}  // namespace

std::unique_ptr<CommandChannels> NewCommandChannels(const StreamProtocol& protocol, const CommandStreams& streams) {
  if (protocol.carrier == StreamCarrier::kSpdy) return std::make_unique<SpdyCommand>(protocol, streams);
  return std::make_unique<WebSocketCommand>(protocol, streams);
}

std::string StatusText(const CommandStatus& status) {
  if (!status.error.empty()) return "Internal error occurred: " + status.error;
  if (status.exit_code == 0) return "";
  return fmt::format("command terminated with non-zero exit code: exit status {}", status.exit_code);
}

Json StatusOf(const CommandStatus& status) {
  Json told = {{"metadata", Json::object()}, {"status", "Success"}};
  if (status.error.empty() && status.exit_code == 0) return told;
  told["status"] = "Failure";
  told["message"] = StatusText(status);
  if (!status.error.empty()) {
    told["reason"] = "InternalError";
    told["code"] = 500;
    return told;
  }
  told["reason"] = "NonZeroExitCode";
  const Json cause = {{"reason", "ExitCode"}, {"message", std::to_string(status.exit_code)}};
  told["details"]["causes"] = Json::array({cause});
  return told;
}

bool ResizeReader::Feed(std::string_view bytes, std::vector<CommandInput>& inputs) {
  pending_ += bytes;
  for (;;) {
    const auto begin = pending_.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) {
      pending_.clear();
      return true;
    }
    if (pending_[begin] != '{') return false;
    const auto end = pending_.find('}', begin);
    if (end == std::string::npos) return pending_.size() < kMaxResize;
    const Json size = Json::parse(pending_.substr(begin, end + 1 - begin), nullptr, /*allow_exceptions=*/false);
    pending_.erase(0, end + 1);
    if (!size.is_object()) return false;
    CommandInput input{CommandInput::Kind::kResize, "", {Cells(size, "Width"), Cells(size, "Height")}};
    if (input.size.columns > 0 && input.size.rows > 0) inputs.push_back(std::move(input));
  }
}

}  // namespace spillway::cloud
