#include <fmt/core.h>

#include <set>
#include <string>
#include <utility>

#include "sandbox/views/table_printers.h"

namespace spillway::sandbox {
namespace {

std::string NodeStatus(const Json& node) {
  std::string status = "Unknown";
  for (const Json& condition : ArrayAt(node, "status.conditions")) {
    if (TextAt(condition, "type") == "Ready") status = TextAt(condition, "status") == "True" ? "Ready" : "NotReady";
  }
  return IsTrueAt(node, "spec.unschedulable") ? status + ",SchedulingDisabled" : status;
}

std::string NodeRoles(const Json& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  if (const Json* labels = Find(node, "metadata.labels"); labels && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) roles.insert(key.substr(kPrefix.size()));
      const std::string* role = key == "kubernetes.io/role" ? value.get_ptr<const std::string*>() : nullptr;
      if (role && !role->empty()) roles.insert(*role);
    }
  }
  std::string text;
  for (const std::string& role : roles) text += (text.empty() ? "" : ",") + role;
  return OrNone(std::move(text));
}

std::string NodeAddress(const Json& node, std::string_view type) {
  for (const Json& address : ArrayAt(node, "status.addresses")) {
    if (TextAt(address, "type") == type) return TextAt(address, "address");
  }
  return "<none>";
}

std::string OrUnknown(std::string text) { return text.empty() ? "<unknown>" : text; }

Json NodeCells(const Json& node, WallTime now) {
  return {NameOf(node),
          NodeStatus(node),
          NodeRoles(node),
          AgeOfObject(node, now),
          TextAt(node, "status.nodeInfo.kubeletVersion"),
          NodeAddress(node, "InternalIP"),
          NodeAddress(node, "ExternalIP"),
          OrUnknown(TextAt(node, "status.nodeInfo.osImage")),
          OrUnknown(TextAt(node, "status.nodeInfo.kernelVersion")),
          OrUnknown(TextAt(node, "status.nodeInfo.containerRuntimeVersion"))};
}

Json NamespaceCells(const Json& ns, WallTime now) {
  return {NameOf(ns), TextAt(ns, "status.phase"), AgeOfObject(ns, now)};
}

std::string Source(const Json& event) {
  std::string component = TextAt(event, "source.component");
  if (component.empty()) component = TextAt(event, "reportingComponent");
  std::string host = TextAt(event, "source.host");
  if (host.empty()) host = TextAt(event, "reportingInstance");
  return host.empty() ? component : component + ", " + host;
}

Json EventCells(const Json& event, WallTime now) {
  const std::string first_time = TextAt(event, "firstTimestamp");
  const std::string first = AgeOf(first_time.empty() ? TextAt(event, "eventTime") : first_time, now);
  const std::string last_time = TextAt(event, "lastTimestamp");
  std::string last = last_time.empty() ? first : AgeOf(last_time, now);
  std::int64_t count = IntAt(event, "count", 0);
  if (Find(event, "series")) {
    last = AgeOf(TextAt(event, "series.lastObservedTime"), now);
    count = IntAt(event, "series.count", 0);
  } else if (count == 0) {
    count = 1;
  }
  std::string object = TextAt(event, "involvedObject.kind");
  for (char& c : object) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (const std::string name = TextAt(event, "involvedObject.name"); !name.empty()) object += "/" + name;
  std::string message = TextAt(event, "message");
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  return {last,
          TextAt(event, "type"),
          TextAt(event, "reason"),
          object,
          TextAt(event, "involvedObject.fieldPath"),
          Source(event),
          message,
          first,
          count,
          NameOf(event)};
}

Json LeaseCells(const Json& lease, WallTime now) {
  return {NameOf(lease), TextAt(lease, "spec.holderIdentity"), AgeOfObject(lease, now)};
}

Json PriorityClassCells(const Json& priority_class, WallTime now) {
  return {NameOf(priority_class), IntAt(priority_class, "value", 0), IsTrueAt(priority_class, "globalDefault"),
          AgeOfObject(priority_class, now), TextAt(priority_class, "preemptionPolicy")};
}

Json CsiNodeCells(const Json& node, WallTime now) {
  return {NameOf(node), static_cast<std::int64_t>(ArrayAt(node, "spec.drivers").size()), AgeOfObject(node, now)};
}

Json StorageClassCells(const Json& storage_class, WallTime now) {
  const Json* annotations = Find(storage_class, "metadata.annotations");
  const bool is_default =
      annotations && annotations->value("storageclass.kubernetes.io/is-default-class", std::string()) == "true";
  return {NameOf(storage_class) + (is_default ? " (default)" : ""),
          TextAt(storage_class, "provisioner"),
          TextAt(storage_class, "reclaimPolicy"),
          TextAt(storage_class, "volumeBindingMode"),
          IsTrueAt(storage_class, "allowVolumeExpansion"),
          AgeOfObject(storage_class, now)};
}

}  // namespace

const std::vector<Printer>& ClusterPrinters() {
  static const std::vector<Printer> printers = {
      {"",
       "nodes",
       {{"Name"},
        {"Status"},
        {"Roles"},
        {"Age"},
        {"Version"},
        {"Internal-IP", "string", 1},
        {"External-IP", "string", 1},
        {"OS-Image", "string", 1},
        {"Kernel-Version", "string", 1},
        {"Container-Runtime", "string", 1}},
       NodeCells},
      {"", "namespaces", {{"Name"}, {"Status"}, {"Age"}}, NamespaceCells},
      {"",
       "events",
       {{"Last Seen"},
        {"Type"},
        {"Reason"},
        {"Object"},
        {"Subobject", "string", 1},
        {"Source", "string", 1},
        {"Message"},
        {"First Seen", "string", 1},
        {"Count", "integer", 1},
        {"Name", "string", 1}},
       EventCells},
      {"coordination.k8s.io", "leases", {{"Name"}, {"Holder"}, {"Age"}}, LeaseCells},
      {"scheduling.k8s.io",
       "priorityclasses",
       {{"Name"}, {"Value", "integer"}, {"Global-Default", "boolean"}, {"Age"}, {"PreemptionPolicy"}},
       PriorityClassCells},
      {"storage.k8s.io", "csinodes", {{"Name"}, {"Drivers", "integer"}, {"Age"}}, CsiNodeCells},
      {"storage.k8s.io",
       "storageclasses",
       {{"Name"},
        {"Provisioner"},
        {"ReclaimPolicy"},
        {"VolumeBindingMode"},
        {"AllowVolumeExpansion", "boolean"},
        {"Age"}},
       StorageClassCells},
  };
  return printers;
}

}  // namespace spillway::sandbox
