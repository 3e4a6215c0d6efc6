// The state file's form of an instance.
#include "cloud/providers/simulated/timeline.h"

namespace spillway::cloud {
namespace {

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }
WallTime TimeFrom(const Json& value) { return WallTime(Duration(Integer(value))); }

Json Optional(const std::optional<WallTime>& time) { return time ? Json(Nanos(*time)) : Json(); }
std::optional<WallTime> OptionalFrom(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  return TimeFrom(value);
}

}  // namespace

Json ToJson(const InstanceScript& script) {
  Json containers = Json::array();
  for (const ContainerScript& container : script.containers) {
    containers.push_back({{"name", container.name},
                          {"image", container.image},
                          {"init", container.is_init},
                          {"sidecar", container.is_sidecar},
                          {"runFor", container.run_for ? Json(container.run_for->count()) : Json()},
                          {"exitCode", container.exit_code},
                          {"readyAfter", container.ready_after.count()}});
  }
  return {{"id", script.id},
          {"clientToken", script.client_token},
          {"podIP", script.pod_ip},
          {"restartPolicy", script.restart_policy},
          {"cluster", script.identity.cluster_id},
          {"node", script.identity.node_name},
          {"podUID", script.identity.pod_uid},
          {"podNamespace", script.identity.pod_namespace},
          {"podName", script.identity.pod_name},
          {"cpuMilli", script.cpu_milli},
          {"memoryBytes", script.memory_bytes},
          {"createdAt", Nanos(script.created_at)},
          {"startAfter", script.start_after.count()},
          {"lateNoStock", script.late_no_stock},
          {"containers", std::move(containers)},
          {"reclaimedAt", Optional(script.reclaimed_at)},
          {"deletedAt", Optional(script.deleted_at)},
          {"stopAfter", script.stop_after.count()}};
}

Result<InstanceScript> InstanceScriptFrom(const Json& json) {
  InstanceScript script;
  script.id = TextAt(json, "id");
  script.client_token = TextAt(json, "clientToken");
  script.pod_ip = TextAt(json, "podIP");
  script.restart_policy = TextAt(json, "restartPolicy");
  script.identity = {TextAt(json, "cluster"), TextAt(json, "node"), TextAt(json, "podUID"),
                     TextAt(json, "podNamespace"), TextAt(json, "podName")};
  if (script.id.empty() || script.identity.pod_uid.empty()) {
    return Fail(Code::kMalformed, "an instance without id or podUID");
  }
  script.cpu_milli = Integer(At(json, "cpuMilli"));
  script.memory_bytes = Integer(At(json, "memoryBytes"));
  script.created_at = TimeFrom(At(json, "createdAt"));
  script.start_after = Duration(Integer(At(json, "startAfter")));
  script.late_no_stock = IsTrue(At(json, "lateNoStock"));
  for (const Json& container : Items(At(json, "containers"))) {
    ContainerScript parsed;
    parsed.name = TextAt(container, "name");
    parsed.image = TextAt(container, "image");
    parsed.is_init = IsTrue(At(container, "init"));
    parsed.is_sidecar = IsTrue(At(container, "sidecar"));
    if (At(container, "runFor").is_number_integer()) parsed.run_for = Duration(Integer(At(container, "runFor")));
    parsed.exit_code = static_cast<int>(Integer(At(container, "exitCode")));
    parsed.ready_after = Duration(Integer(At(container, "readyAfter")));
    script.containers.push_back(std::move(parsed));
  }
  script.reclaimed_at = OptionalFrom(At(json, "reclaimedAt"));
  script.deleted_at = OptionalFrom(At(json, "deletedAt"));
  script.stop_after = Duration(Integer(At(json, "stopAfter")));
  return script;
}

}  // namespace spillway::cloud
