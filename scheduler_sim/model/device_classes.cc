#include "scheduler_sim/model/device_classes.h"

namespace spillway::sim {
namespace {

std::string ImplicitName(const kube::DeviceClass& device_class) {
  return "deviceclass.resource.kubernetes.io/" + device_class.metadata.name;
}

}  // namespace

bool DeviceClasses::Put(const kube::DeviceClass& device_class) {
  const std::string& uid = device_class.metadata.uid.empty() ? device_class.metadata.name : device_class.metadata.uid;
  const auto known = uids_.find(uid);
  if (known != uids_.end() && known->second.metadata.name == device_class.metadata.name &&
      known->second.extended_resource == device_class.extended_resource) {
    return false;
  }
  Remove(uid);
  uids_[uid] = device_class;
  Add(ImplicitName(device_class), uid, device_class.metadata.name);
  if (!device_class.extended_resource.empty()) {
    Add(device_class.extended_resource, uid, device_class.metadata.name);
  }
  return true;
}

bool DeviceClasses::Remove(std::string_view uid) {
  const auto known = uids_.find(std::string(uid));
  if (known == uids_.end()) return false;
  Take(ImplicitName(known->second), known->first);
  Take(known->second.extended_resource, known->first);
  uids_.erase(known);
  return true;
}

const std::string* DeviceClasses::WhyUncertain(std::string_view resource) const {
  const auto found = resources_.find(resource);
  return found == resources_.end() ? nullptr : &found->second.why;
}

void DeviceClasses::Add(const std::string& resource, const std::string& uid, const std::string& name) {
  Resource& entry = resources_[resource];
  entry.classes[uid] = name;
  entry.why = "it asks for " + resource + ", for which the DeviceClass " + name +
              " stands: only kube-scheduler can allocate devices (dynamic resource allocation)";
}

void DeviceClasses::Take(const std::string& resource, const std::string& uid) {
  const auto found = resources_.find(resource);
  if (found == resources_.end()) return;
  found->second.classes.erase(uid);
  if (found->second.classes.empty()) resources_.erase(found);
}

}  // namespace spillway::sim
