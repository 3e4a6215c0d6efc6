#include "cloud/streams.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::cloud {
namespace {

constexpr int kNotImplemented = 501;  // HTTP

tl::unexpected<Error> Cannot(std::string_view provider, std::string_view what) {
  return Unimplemented(fmt::format("the provider {} cannot {}", provider, what));
}

}  // namespace

tl::unexpected<Error> Unimplemented(std::string message) {
  Error error{Code::kInvalidArgument, std::move(message)};
  error.http_status = kNotImplemented;
  return tl::unexpected(std::move(error));
}

bool IsUnimplemented(const Error& error) { return error.http_status == kNotImplemented; }

Task<Result<std::unique_ptr<ContainerSession>>> InstanceStreams::Exec(std::string /*id*/, ExecRequest /*request*/) {
  co_return Cannot(provider_name(), "run commands in containers");
}

Task<Result<std::unique_ptr<ContainerSession>>> InstanceStreams::Attach(std::string /*id*/, AttachRequest /*request*/) {
  co_return Cannot(provider_name(), "attach to containers");
}

Status InstanceStreams::CanForward() const { return Cannot(provider_name(), "forward ports"); }

Task<Result<std::unique_ptr<ByteChannel>>> InstanceStreams::PortForward(std::string /*id*/, std::uint16_t /*port*/) {
  co_return Cannot(provider_name(), "forward ports");
}

Task<Result<std::vector<InstanceStats>>> InstanceStreams::Stats(std::vector<std::string> /*ids*/) {
  co_return Cannot(provider_name(), "tell what containers use");
}

}  // namespace spillway::cloud
