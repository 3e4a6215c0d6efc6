#include "kube/api/decode_common.h"

namespace spillway::kube::internal {
namespace {

bool ReadSelectorMap(Value& value, Trail& trail, SelectingObject& object) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key != "selector" || IsNull(field)) return true;
    return Read(field, trail, object.selector.emplace().match_labels);
  });
}

bool ReadLabelSelector(Value& value, Trail& trail, SelectingObject& object) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "selector" || Read(field, trail, object.selector);
  });
}

}  // namespace

bool Kind<Service>::ReadField(std::string_view key, Value& value, Trail& trail, Service& service) {
  return key != "spec" || ReadSelectorMap(value, trail, service);
}

bool Kind<ReplicationController>::ReadField(std::string_view key, Value& value, Trail& trail,
                                            ReplicationController& controller) {
  return key != "spec" || ReadSelectorMap(value, trail, controller);
}

bool Kind<ReplicaSet>::ReadField(std::string_view key, Value& value, Trail& trail, ReplicaSet& set) {
  return key != "spec" || ReadLabelSelector(value, trail, set);
}

bool Kind<StatefulSet>::ReadField(std::string_view key, Value& value, Trail& trail, StatefulSet& set) {
  return key != "spec" || ReadLabelSelector(value, trail, set);
}

bool Kind<DeviceClass>::ReadField(std::string_view key, Value& value, Trail& trail, DeviceClass& device_class) {
  if (key != "spec") return true;
  return EachField(value, trail, [&](std::string_view inner, Value& field) {
    return inner != "extendedResourceName" || Read(field, trail, device_class.extended_resource);
  });
}

}  // namespace spillway::kube::internal
