#pragma once

#include <string>
#include <string_view>
#include <vector>

// What a Pod asks of whoever runs it, beyond "run these images": the one vocabulary of controller and agents. A feature
// has a name, and is asked for by fields of the Pod's spec; docs/capabilities.md lists them all.
//
// It is an allow-list from end to end: a field that is not known here is a feature by itself, named after where it
// stands ("container.newField", "volume.newSource"), and nobody can it until somebody says so.
//
// Source: k8s.io/api core/v1 PodSpec, v0.33 to v0.36, without what the API server sets by default on every Pod
// (resizePolicy, enableServiceLinks, ...) and what schedulers see to (affinity, priority, ...).
namespace spillway::kube {

struct PodFeature {
  std::string name;   // "privileged", "csi/driver.example.com"
  std::string field;  // the first that asks for it: "spec.containers[0].securityContext.privileged"
  bool operator==(const PodFeature&) const = default;
};

// A field of a Pod's spec whose value restrictions are about: a port (containerPort, hostPort, and those of probes, as
// numbers), or the name or value of a sysctl.
struct PodValue {
  std::string field, value;  // "spec.containers[0].ports[0].containerPort", "61000"
  bool operator==(const PodValue&) const = default;
};

// Of the vocabulary: a name, and every field that asks for it, in words.
struct FeatureDescription {
  std::string name;
  std::string asked_by;  // "spec.dnsPolicy: None; spec.dnsConfig"
};
// All there are, by name. "csi" stands for "csi/<driver>".
const std::vector<FeatureDescription>& KnownFeatures();
// Of the vocabulary, with or without a qualifier after a slash, or of the form that unknown fields have.
bool IsFeatureName(std::string_view name);

}  // namespace spillway::kube
