#include "cloud/kubelet_api/kubelet_api.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "cloud/json.h"
#include "cloud/kubelet_api/container_logs.h"
#include "cloud/kubelet_api/port_forward.h"
#include "cloud/kubelet_api/remote_command.h"
#include "cloud/kubelet_api/resource_usage.h"

namespace spillway::cloud {
namespace {

constexpr char kNoStreams[] = "this virtual node's provider knows neither logs nor commands";

net::ServerResponse Plain(int status, std::string text) {
  net::ServerResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

net::ServerResponse JsonBody(const Json& body) {
  net::ServerResponse response;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

net::ServerResponse PodList(std::vector<Json> pods) {
  return JsonBody(
      {{"kind", "PodList"}, {"apiVersion", "v1"}, {"metadata", Json::object()}, {"items", std::move(pods)}});
}

int HttpStatusOf(const Error& error) {
  if (error.http_status != 0) return error.http_status;
  switch (error.code) {
    case Code::kNotFound:
      return 404;
    case Code::kInvalidArgument:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    default:
      return 500;
  }
}
net::ServerResponse Refused(const Error& error) { return Plain(HttpStatusOf(error), error.message + "\n"); }

// "/containerLogs/a/b/c" -> containerLogs, a, b, c.
std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return segments;
}

// The agent's own share of what its node uses.
std::uint64_t OwnCpuNanoseconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto nanoseconds = [](const timeval& t) {
    return std::uint64_t(t.tv_sec) * 1'000'000'000 + std::uint64_t(t.tv_usec) * 1000;
  };
  return nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime);
}
std::uint64_t OwnResidentBytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

class KubeletApi {
 public:
  KubeletApi(Runtime& runtime, Agent& agent, KubeletAccess* access)
      : runtime_(runtime), agent_(agent), access_(access), started_at_(runtime.WallNow()) {}

  Task<net::ServerResponse> Answer(net::ServerRequest request) {
    if (access_) {
      const Status may = co_await access_->Check(request);
      if (!may) co_return Refused(may.error());
    }
    const std::vector<std::string> parts = Segments(request.path);
    const std::string& kind = parts.empty() ? request.path : parts[0];
    const bool is_stream = kind == "exec" || kind == "attach" || kind == "portForward";
    if (request.method != "GET" && !(is_stream && request.method == "POST")) {
      co_return Plain(405, "405: Method Not Allowed\n");
    }
    if (kind == "exec" || kind == "attach") co_return co_await Command(std::move(request), parts);
    if (kind == "portForward") co_return co_await Forward(std::move(request), parts);
    if (kind == "containerLogs") co_return co_await ContainerLogs(std::move(request), parts);
    const std::string path =
        request.path.ends_with('/') ? request.path.substr(0, request.path.size() - 1) : request.path;
    if (path == "/healthz") co_return Plain(200, "ok");
    if (path == "/pods") co_return PodList(agent_.Pods());
    if (path == "/runningpods") co_return PodList(agent_.RunningPods());
    if (path == "/stats/summary") co_return co_await Summary();
    if (path == "/metrics/resource") co_return co_await Metrics();
    co_return Plain(404, "404 page not found\n");
  }

 private:
  Task<net::ServerResponse> ContainerLogs(net::ServerRequest request, std::vector<std::string> parts);
  Task<net::ServerResponse> Command(net::ServerRequest request, std::vector<std::string> parts);
  Task<net::ServerResponse> Forward(net::ServerRequest request, std::vector<std::string> parts);
  Task<net::ServerResponse> Summary();
  Task<net::ServerResponse> Metrics();
  Task<Result<NodeUsage>> Measure();

  Runtime& runtime_;
  Agent& agent_;
  KubeletAccess* const access_;
  const WallTime started_at_;
  CpuTotal cpu_total_;
};

Task<net::ServerResponse> KubeletApi::ContainerLogs(net::ServerRequest request, std::vector<std::string> parts) {
  if (parts.size() != 4) co_return Plain(404, "want /containerLogs/{namespace}/{pod}/{container}\n");
  Result<LogQuery> query = ParseLogQuery(parts[3], request.query, runtime_.WallNow());
  if (!query) co_return Refused(query.error());
  auto instance = agent_.FindInstance(parts[1], parts[2], parts[3]);
  if (!instance) co_return Refused(instance.error());
  InstanceStreams* streams = agent_.streams();
  if (!streams) co_return Plain(501, kNoStreams);
  std::string id = instance->instance_id;
  LogOptions options = query->options;
  std::string no_cursor;
  Result<LogPart> first = co_await streams->ReadLog(std::move(id), std::move(options), std::move(no_cursor));
  if (!first) co_return Refused(first.error());
  net::ServerResponse response = Plain(200, std::move(first->text));
  if (!query->follow || first->is_end) co_return response;
  if (auto& limit = query->options.limit_bytes) *limit -= static_cast<std::int64_t>(response.body.size());
  const auto is_over = [&agent = agent_, uid = instance->pod_uid, container = parts[3]] {
    return agent.HasEnded(uid, container);
  };
  const FollowedLog log{*streams, instance->instance_id, query->options, first->cursor, is_over};
  response.stream = [&runtime = runtime_, log](std::shared_ptr<net::ResponseStream> stream) {
    return FollowLog(runtime, log, std::move(stream));
  };
  co_return response;
}

Task<net::ServerResponse> KubeletApi::Command(net::ServerRequest request, std::vector<std::string> parts) {
  if (parts.size() != 4 && parts.size() != 5)
    co_return Plain(404, "want /{exec,attach}/{namespace}/{pod}/{container}\n");
  Result<CommandQuery> query = ParseCommandQuery(request.query);
  if (!query) co_return Refused(query.error());
  auto instance = agent_.FindInstance(parts[1], parts[2], parts.back());
  if (instance && parts.size() == 5 && parts[3] != instance->pod_uid) co_return Plain(404, "pod not found\n");
  if (!instance) co_return Refused(instance.error());
  InstanceStreams* streams = agent_.streams();
  if (!streams) co_return Plain(501, kNoStreams);
  Result<StreamProtocol> protocol = AcceptCommandStream(request);
  if (!protocol) co_return Refused(protocol.error());

  std::string id = instance->instance_id;
  Result<std::unique_ptr<ContainerSession>> begun;
  if (parts[0] == "exec") {
    ExecRequest exec{parts.back(), query->command, query->streams.has_stdin, query->streams.is_terminal};
    begun = co_await streams->Exec(std::move(id), std::move(exec));
  } else {
    AttachRequest attach{parts.back(), query->streams.has_stdin};
    begun = co_await streams->Attach(std::move(id), std::move(attach));
  }
  if (!begun) co_return Refused(begun.error());
  net::ServerResponse response;
  response.status = 101;
  response.headers = protocol->headers;
  response.upgrade = [&runtime = runtime_, session = std::shared_ptr<ContainerSession>(*std::move(begun)),
                      protocol = *protocol,
                      streams = query->streams](std::shared_ptr<net::UpgradedConnection> connection) {
    return ServeCommand(runtime, session, protocol, streams, std::move(connection));
  };
  co_return response;
}

Task<net::ServerResponse> KubeletApi::Forward(net::ServerRequest request, std::vector<std::string> parts) {
  if (parts.size() != 3 && parts.size() != 4) co_return Plain(404, "want /portForward/{namespace}/{pod}\n");
  auto instance = agent_.FindInstance(parts[1], parts[2], "");
  if (instance && parts.size() == 4 && parts[3] != instance->pod_uid) co_return Plain(404, "pod not found\n");
  if (!instance) co_return Refused(instance.error());
  InstanceStreams* streams = agent_.streams();
  if (!streams) co_return Plain(501, kNoStreams);
  if (const Status can = streams->CanForward(); !can) co_return Refused(can.error());
  Result<StreamProtocol> protocol = AcceptPortForward(request);
  if (!protocol) co_return Refused(protocol.error());
  Result<std::vector<std::uint16_t>> ports = ParseForwardQuery(request.query, *protocol);
  if (!ports) co_return Refused(ports.error());
  net::ServerResponse response;
  response.status = 101;
  response.headers = protocol->headers;
  response.upgrade = [&runtime = runtime_, streams, id = instance->instance_id, protocol = *protocol,
                      ports = *ports](std::shared_ptr<net::UpgradedConnection> connection) {
    return ServePortForward(runtime, *streams, id, protocol, ports, std::move(connection));
  };
  co_return response;
}

Task<Result<NodeUsage>> KubeletApi::Measure() {
  InstanceStreams* streams = agent_.streams();
  if (!streams) co_return Unimplemented(kNoStreams);
  std::map<std::string, PodUsage> pods;  // by instance
  std::vector<std::string> ids;
  for (const Agent::RunningInstance& running : agent_.RunningInstances()) {
    pods[running.instance_id] = {running.pod_namespace, running.pod_name, running.pod_uid, running.started_at, {}};
    ids.push_back(running.instance_id);
  }
  auto stats = co_await streams->Stats(std::move(ids));
  if (!stats) co_return Fail(std::move(stats).error());
  NodeUsage usage;
  usage.node_name = agent_.options().node_name;
  usage.at = runtime_.WallNow();
  usage.started_at = started_at_;
  usage.cpu_nanoseconds = cpu_total_.Add(*stats) + OwnCpuNanoseconds();
  usage.working_set_bytes = OwnResidentBytes();
  for (InstanceStats& instance : *stats) {
    const auto pod = pods.find(instance.instance_id);
    if (pod == pods.end()) continue;
    for (const ContainerStats& container : instance.containers) usage.working_set_bytes += container.working_set_bytes;
    pod->second.stats = std::move(instance);
    usage.pods.push_back(pod->second);
  }
  co_return usage;
}

Task<net::ServerResponse> KubeletApi::Summary() {
  const Result<NodeUsage> usage = co_await Measure();
  if (!usage) co_return Refused(usage.error());
  co_return JsonBody(StatsSummary(*usage));
}

Task<net::ServerResponse> KubeletApi::Metrics() {
  const Result<NodeUsage> usage = co_await Measure();
  if (!usage) co_return Refused(usage.error());
  net::ServerResponse response = Plain(200, ResourceMetrics(*usage));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

}  // namespace

net::Handler KubeletApiHandler(Runtime& runtime, Agent& agent, KubeletAccess* access) {
  const auto api = std::make_shared<KubeletApi>(runtime, agent, access);
  return [api](net::ServerRequest request) { return api->Answer(std::move(request)); };
}

}  // namespace spillway::cloud
