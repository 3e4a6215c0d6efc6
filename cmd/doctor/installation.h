#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/json.h"

// What is installed, as its Deployment and StatefulSets say; pure.
namespace spillway::cmd::doctor {

using GivenFlags = std::map<std::string, std::string, std::less<>>;  // with dashes, without leading ones

// One Deployment or StatefulSet.
struct Component {
  std::string name, ns;
  std::string account;  // its ServiceAccount; empty: it has a kubelet's identity
  GivenFlags flags;     // of its command line; not those of its environment
  // Where --scheduler-config comes from; empty: not from a ConfigMap.
  std::string scheduler_config_map, scheduler_config_key;

  // What the flag says, or `otherwise`.
  std::string Flag(std::string_view name, std::string_view otherwise) const;
  bool Says(std::string_view bool_flag, bool otherwise) const;
};

struct Installation {
  std::string ns;                        // of the release
  std::vector<Component> controllers;    // more than one: more than one release
  std::vector<Component> virtual_nodes;  // one for each pool
  bool is_found = false;                 // false: what is here is what manifests/rbac is for
  // The one that is looked at. Precondition: there is one.
  const Component& controller() const { return controllers.front(); }
};

// Whether the chart, or the YAML made of it, has brought this object.
bool IsSpillways(const kube::Json& object);

// Of all Deployments and StatefulSets of the cluster, or of a namespace, that are Spillway's. `ns`: only those there;
// empty: the first. Where there are none: a controller and agents as manifests/rbac has them, run by somebody else.
Installation FindInstallation(const std::vector<kube::Json>& deployments, const std::vector<kube::Json>& stateful_sets,
                              const std::string& ns);

}  // namespace spillway::cmd::doctor
