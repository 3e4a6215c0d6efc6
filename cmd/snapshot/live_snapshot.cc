#include "cmd/snapshot/live_snapshot.h"

#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "controller/scheduler_version.h"
#include "kube/paths.h"

namespace spillway::cmd {
namespace {

constexpr int kPage = 500;
constexpr double kQps = 50;
constexpr int kBurst = 100;
constexpr Duration kLongestListing = std::chrono::minutes(30);

struct Listed {
  std::string_view kind, resource, path, query;
};
constexpr std::array<Listed, 3> kListed = {{
    {"Node", "nodes", kube::kNodesPath, ""},
    {"Namespace", "namespaces", kube::kNamespacesPath, ""},
    {"Pod", "pods", kube::kPodsPath, "&fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"},
}};

// Only Pods with volumes depend on these.
constexpr std::array<Listed, 7> kStorage = {{
    {"PersistentVolumeClaim", "persistentvolumeclaims", kube::kPersistentVolumeClaimsPath, ""},
    {"PersistentVolume", "persistentvolumes", kube::kPersistentVolumesPath, ""},
    {"StorageClass", "storageclasses", kube::kStorageClassesPath, ""},
    {"CSINode", "csinodes", kube::kCsiNodesPath, ""},
    {"CSIDriver", "csidrivers", kube::kCsiDriversPath, ""},
    {"CSIStorageCapacity", "csistoragecapacities", kube::kCsiStorageCapacitiesPath, ""},
    {"VolumeAttachment", "volumeattachments", kube::kVolumeAttachmentsPath, ""},
}};

// One page; returns where the next one starts, "" after the last.
Task<Result<std::string>> ReadPage(kube::Client& client, Snapshot& snapshot, Listed listed, std::string token) {
  kube::Request request;
  request.path = fmt::format("{}?limit={}{}", listed.path, kPage, listed.query);
  if (!token.empty()) request.path += "&continue=" + kube::UrlEncode(token);
  Result<kube::Response> response = co_await client.Send(std::move(request));
  if (!response) co_return Fail(std::move(response.error()).Annotated(fmt::format("listing {}", listed.resource)));
  if (response->status == 410) {
    co_return Fail(Code::kGone, fmt::format("listing {} took longer than the API server keeps the pages of a list; "
                                            "try again",
                                            listed.resource));
  }
  if (response->status != 200) {
    co_return Fail(kube::ExplainRefusal(kube::ToError(*response), "list", listed.resource));
  }
  kube::Decoder decoder;
  Status added;
  const auto header = decoder.DecodeList(response->body, [&](std::string_view item) {
    if (added) added = snapshot.Add(listed.kind, item);
  });
  if (!header) co_return Fail(Error(header.error()).Annotated(fmt::format("listing {}", listed.resource)));
  if (!added) {
    co_return Fail(Code::kMalformed, fmt::format("listing {}: one {}", listed.resource, added.error().message));
  }
  co_return header->continue_token;
}

Task<Status> ReadKind(kube::Client& client, Snapshot& snapshot, Listed listed) {
  std::string token;
  do {
    Result<std::string> next = co_await ReadPage(client, snapshot, listed, std::move(token));
    if (!next) co_return Fail(std::move(next.error()));
    token = std::move(*next);
  } while (!token.empty());
  co_return Status();
}

constexpr Listed kDeviceClasses = {"DeviceClass", "deviceclasses", kube::kDeviceClassesPath, ""};

struct ListedSelecting {
  sim::SelectingKind selecting;
  Listed listed;
};
constexpr std::array<ListedSelecting, 4> kSelecting = {{
    {sim::SelectingKind::kService, {"Service", "services", kube::kServicesPath, ""}},
    {sim::SelectingKind::kReplicationController,
     {"ReplicationController", "replicationcontrollers", kube::kReplicationControllersPath, ""}},
    {sim::SelectingKind::kReplicaSet, {"ReplicaSet", "replicasets", kube::kReplicaSetsPath, ""}},
    {sim::SelectingKind::kStatefulSet, {"StatefulSet", "statefulsets", kube::kStatefulSetsPath, ""}},
}};

// As the controller has it: what may not be listed leaves Pods with volumes undecidable, and no others.
Task<Status> ReadStorage(kube::Client& client, Snapshot& snapshot) {
  for (const Listed& listed : kStorage) {
    const Status read = co_await ReadKind(client, snapshot, listed);
    if (read) continue;
    if (read.error().code != Code::kPermissionDenied && read.error().code != Code::kNotFound) co_return read;
    snapshot.SetStorageUnknown(fmt::format("it has volumes, and what decides about them is not known: {}: {}",
                                           listed.resource, read.error().message));
    break;
  }
  co_return Status();
}

// Kinds that verdicts depend on in some clusters only.
Task<Status> ReadMore(kube::Client& client, Snapshot& snapshot) {
  if (snapshot.NeedsDeviceClasses()) {
    const Status read = co_await ReadKind(client, snapshot, kDeviceClasses);
    // Dynamic resource allocation may be switched off.
    if (!read && read.error().code != Code::kNotFound) co_return read;
  }
  if (!snapshot.NeedsSelectors()) co_return Status();
  for (const ListedSelecting& kind : kSelecting) {
    const Status read = co_await ReadKind(client, snapshot, kind.listed);
    if (!read) co_return read;
    snapshot.MarkListed(kind.selecting);
  }
  co_return Status();
}

// Without the ConfigMap the switch is not set; without the right to read it that is assumed, and said.
Task<Status> ReadAutoScale(kube::Client& client, Snapshot& snapshot, std::string config) {
  const std::size_t slash = config.find('/');
  if (slash == std::string::npos) co_return Status();
  kube::Request request;
  request.path = kube::ConfigMapPath(config.substr(0, slash), config.substr(slash + 1));
  Result<kube::Response> response = co_await client.Send(std::move(request));
  if (!response) co_return Fail(std::move(response.error()).Annotated("reading ConfigMap " + config));
  if (response->status == 200) co_return snapshot.Add("ConfigMap", response->body);
  if (response->status != 404) {
    log::Warning("the cluster's AUTO_SCALE_EKS is not known and counts as not set",
                 {{"error", kube::ExplainRefusal(kube::ToError(*response), "get", "configmaps").message}});
  }
  co_return Status();
}

Task<Result<int>> AskVersion(kube::Client& client) {
  Result<nlohmann::json> answer = co_await client.Get("/version");
  if (!answer) co_return Fail(std::move(answer.error()));
  const Result<controller::SchedulerVersion> version = controller::SchedulerVersion::Read(*answer);
  if (!version) co_return Fail(version.error());
  if (!version->is_known()) log::Warning("kube-scheduler " + version->Text());
  co_return version->simulated;
}

Task<void> Read(kube::Client& client, SnapshotOptions options, VersionSource version,
                std::optional<Result<Snapshot>>& into) {
  if (version == VersionSource::kAsTheApiServer) {
    Result<int> minor = co_await AskVersion(client);
    if (!minor) {
      into = Fail(std::move(minor.error()));
      co_return;
    }
    options.cluster.minor_version = *minor;
  }
  std::string auto_scale_config = options.auto_scale_config;
  Snapshot snapshot(std::move(options));
  Status read = co_await ReadCluster(client, snapshot);
  if (read) read = co_await ReadAutoScale(client, snapshot, std::move(auto_scale_config));
  if (read) {
    into = std::move(snapshot);
  } else {
    into = Fail(std::move(read.error()));
  }
}

}  // namespace

Task<Status> ReadCluster(kube::Client& client, Snapshot& snapshot) {
  for (const Listed& listed : kListed) {
    Status read = co_await ReadKind(client, snapshot, listed);
    if (!read) co_return Fail(std::move(read.error()));
  }
  const Status storage = co_await ReadStorage(client, snapshot);
  if (!storage) co_return storage;
  Status more = co_await ReadMore(client, snapshot);
  co_return more;
}

Result<Snapshot> SnapshotOfCluster(SnapshotOptions options, VersionSource version) {
  RealRuntime runtime;
  auto api = NewTransportFromFlags(runtime);
  if (!api) return Fail(std::move(api.error()));
  kube::RateLimiter limiter(runtime, kQps, kBurst);
  kube::Client client(runtime, *api->transport, limiter);
  std::optional<Result<Snapshot>> snapshot;
  TaskScope flows(runtime);
  flows.Spawn(Read(client, std::move(options), version, snapshot));
  if (!runtime.RunUntil([&] { return snapshot.has_value(); }, kLongestListing)) {
    return Fail(Code::kDeadlineExceeded, fmt::format("{}: the cluster could not be read in time", api->host));
  }
  if (!*snapshot) return Fail(std::move(snapshot->error()).Annotated(api->host));
  return std::move(**snapshot);
}

}  // namespace spillway::cmd
