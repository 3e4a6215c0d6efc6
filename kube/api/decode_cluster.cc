#include "kube/api/decode_common.h"

// Nodes.
namespace spillway::kube::internal {
namespace {

bool ReadNodeSpec(Value& value, Trail& trail, Node& node) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "unschedulable") return Read(field, trail, node.unschedulable);
    if (key == "taints") return ReadList(field, trail, node.taints);
    return true;
  });
}

bool ReadNodeCondition(Value& value, Trail& trail, Node& node) {
  std::string_view type, status;
  std::string reason;
  std::optional<WallTime> changed;
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "type") return ReadText(field, trail, type);
    if (key == "status") return ReadText(field, trail, status);
    if (key == "reason") return Read(field, trail, reason);
    if (key == "lastTransitionTime") return Read(field, trail, changed);
    return true;
  });
  if (!read) return false;
  if (type == "Ready") {
    node.ready_changed = changed;
    node.ready = status == "True";
    node.ready_reason = std::move(reason);
  }
  if (type == "CloudReachable") node.cloud_unreachable = status == "False";
  return true;
}

bool ReadNodeStatus(Value& value, Trail& trail, Node& node) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "allocatable") return Read(field, trail, node.allocatable);
    if (key == "declaredFeatures") return Read(field, trail, node.declared_features);
    if (key == "conditions")
      return EachItem(field, trail, [&](Value& item) { return ReadNodeCondition(item, trail, node); });
    return true;
  });
}

}  // namespace

bool Kind<Node>::ReadField(std::string_view key, Value& value, Trail& trail, Node& node) {
  if (key == "spec") return ReadNodeSpec(value, trail, node);
  if (key == "status") return ReadNodeStatus(value, trail, node);
  return true;
}

bool Kind<ObjectEvent>::ReadField(std::string_view key, Value& value, Trail& trail, ObjectEvent& event) {
  if (key == "reason") return Read(value, trail, event.reason);
  if (key != "involvedObject") return true;
  return EachField(value, trail, [&](std::string_view inner, Value& field) {
    return inner != "uid" || Read(field, trail, event.about_uid);
  });
}

}  // namespace spillway::kube::internal
