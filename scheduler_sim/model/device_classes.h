#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kube/api/workloads.h"

namespace spillway::sim {

// Extended resources that DeviceClasses stand for: each by its name as deviceclass.resource.kubernetes.io/<name>, and
// by spec.extendedResourceName.
//
// Source: dynamic-resource-allocation deviceclass/extendedresourcecache.
class DeviceClasses {
 public:
  // False when nothing changed.
  bool Put(const kube::DeviceClass& device_class);
  bool Remove(std::string_view uid);
  bool empty() const { return uids_.empty(); }

  // Why it may be that a node has the resource all the same; nullptr when no class stands for it.
  const std::string* WhyUncertain(std::string_view resource) const;

 private:
  struct Resource {
    std::map<std::string, std::string> classes;  // by UID: names
    std::string why;
  };
  void Add(const std::string& resource, const std::string& uid, const std::string& name);
  void Take(const std::string& resource, const std::string& uid);

  std::map<std::string, Resource, std::less<>> resources_;
  std::unordered_map<std::string, kube::DeviceClass> uids_;
};

}  // namespace spillway::sim
