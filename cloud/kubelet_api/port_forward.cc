#include "cloud/kubelet_api/port_forward.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/kubelet_api/forward_channels.h"

namespace spillway::cloud {
namespace {

constexpr std::size_t kMaxPorts = 64;
constexpr Duration kClientCheck = 1s;            // whether it is still there, while it is not read
constexpr std::size_t kMaxUntaken = 256u << 10;  // of one connection, by its instance

// One conversation. Its flows end with it.
class PortForward {
 public:
  PortForward(Runtime& runtime, InstanceStreams& streams, std::string instance_id,
              std::unique_ptr<ForwardChannels> channels, std::shared_ptr<net::UpgradedConnection> connection)
      : runtime_(runtime),
        streams_(streams),
        instance_id_(std::move(instance_id)),
        channels_(std::move(channels)),
        connection_(std::move(connection)),
        room_(runtime),
        flows_(runtime) {}

  Task<void> Run() {
    Flush();
    for (;;) {
      const std::string bytes = co_await connection_->Read();
      if (bytes.empty()) co_return;
      std::vector<ForwardEvent> events;
      const bool goes_on = channels_->Feed(bytes, events);
      for (ForwardEvent& event : events) Take(std::move(event));
      Flush();
      if (!goes_on) co_return;
      // The carrier knows no flow control: who is slow holds up all.
      while (IsAnyFull() && connection_->is_open()) co_await room_.WaitUntil(runtime_.Now() + kClientCheck);
    }
  }

 private:
  struct Connection {
    Connection(Runtime& runtime, ForwardId forward_id, std::uint16_t to)
        : id(forward_id), port(to), changed(runtime), pumps_ended(runtime) {}
    const ForwardId id;
    const std::uint16_t port;
    std::unique_ptr<ByteChannel> instance;
    std::string input;  // not yet taken by the instance
    bool input_ended = false, is_over = false;
    Signal changed, pumps_ended;
    int pumps = 0;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  bool IsAnyFull() const {
    for (const auto& [id, connection] : connections_) {
      if (connection->input.size() > kMaxUntaken) return true;
    }
    return false;
  }

  void Take(ForwardEvent event) {
    if (event.kind == ForwardEvent::Kind::kOpened) {
      auto opened = std::make_shared<Connection>(runtime_, event.id, event.port);
      connections_[event.id] = opened;
      flows_.Spawn(Serve(std::move(opened)));
      return;
    }
    const auto found = connections_.find(event.id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    connection.input += event.bytes;
    if (event.kind != ForwardEvent::Kind::kData) connection.input_ended = true;
    if (event.kind == ForwardEvent::Kind::kReset) {
      connection.is_over = true;
      connection.input.clear();
      connection.pumps_ended.Notify();
    }
    connection.changed.Notify();
  }

  Task<void> Serve(ConnectionPtr connection) {
    std::string id = instance_id_;
    auto reached = co_await streams_.PortForward(std::move(id), connection->port);
    if (!reached) {
      channels_->Break(connection->id, fmt::format("error forwarding port {} to instance {}: {}", connection->port,
                                                   instance_id_, reached.error().message));
      End(*connection);
      co_return;
    }
    connection->instance = *std::move(reached);
    TaskScope pumps(runtime_);
    connection->pumps = 2;
    pumps.Spawn(PumpInput(connection));
    pumps.Spawn(PumpOutput(connection));
    while (connection->pumps > 0 && !connection->is_over) co_await connection->pumps_ended.Wait();
    End(*connection);
  }

  void End(Connection& connection) {
    channels_->Forget(connection.id);
    connections_.erase(connection.id);
    room_.Notify();
    Flush();
  }

  Task<void> PumpInput(ConnectionPtr connection) {
    for (;;) {
      while (connection->input.empty() && !connection->input_ended) co_await connection->changed.Wait();
      if (connection->input.empty()) break;
      std::string bytes = std::exchange(connection->input, {});
      room_.Notify();
      const bool is_taken = co_await connection->instance->Write(std::move(bytes));
      if (!is_taken) break;
    }
    connection->instance->CloseWrite();
    connection->input.clear();
    --connection->pumps;
    connection->pumps_ended.Notify();
  }

  Task<void> PumpOutput(ConnectionPtr connection) {
    for (;;) {
      const std::string bytes = co_await connection->instance->Read();
      if (bytes.empty()) break;
      co_await connection_->Writable();
      channels_->Put(connection->id, bytes);
      Flush();
    }
    // The client may go on sending to whoever has only stopped to answer; most just wait for this to close.
    channels_->Finish(connection->id);
    Flush();
    --connection->pumps;
    connection->pumps_ended.Notify();
  }

  void Flush() {
    const std::string bytes = channels_->TakeOutput();
    if (!bytes.empty()) connection_->Write(bytes);
  }

  Runtime& runtime_;
  InstanceStreams& streams_;
  const std::string instance_id_;
  const std::unique_ptr<ForwardChannels> channels_;
  const std::shared_ptr<net::UpgradedConnection> connection_;
  std::map<ForwardId, ConnectionPtr> connections_;
  Signal room_;
  TaskScope flows_;
};

}  // namespace

Result<std::vector<std::uint16_t>> ParseForwardQuery(std::string_view query, const StreamProtocol& protocol) {
  std::vector<std::uint16_t> ports;
  if (protocol.carrier != StreamCarrier::kWebSocket) return ports;
  for (const auto& [key, value] : net::ParseQuery(query)) {
    if (key != "port" && key != "ports") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      std::uint16_t port = 0;
      const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), port);
      if (error != std::errc() || end != item.data() + item.size() || port == 0) {
        return Fail(Code::kInvalidArgument, fmt::format("unable to parse \"{}\" as a port", item));
      }
      ports.push_back(port);
    }
  }
  if (ports.empty()) return Fail(Code::kInvalidArgument, "query parameter \"port\" is required");
  if (ports.size() > kMaxPorts) return Fail(Code::kInvalidArgument, fmt::format("more than {} ports", kMaxPorts));
  return ports;
}

Task<void> ServePortForward(Runtime& runtime, InstanceStreams& streams, std::string instance_id,
                            StreamProtocol protocol, std::vector<std::uint16_t> ports,
                            std::shared_ptr<net::UpgradedConnection> connection) {
  PortForward forward(runtime, streams, std::move(instance_id), NewForwardChannels(protocol, ports),
                      std::move(connection));
  co_await forward.Run();
}

}  // namespace spillway::cloud
