#pragma once

#include <string>
#include <vector>

#include "controller/webhook/admission.h"
#include "controller/webhook/json_patch.h"

namespace spillway::webhook {

// A Pod that is being created, read twice: as JSON, to be patched, and as policies know it.
struct NewPod {
  const Json& json;
  kube::Pod pod;
};

struct Changes {
  JsonPatch patch;
  std::vector<std::string> warnings;  // for whoever creates it: what was not done, and why
};

// Duty::kInject.
void SendToVirtualNodes(const NewPod& pod, const AdmissionRules& rules, Changes& changes);
// Duty::kAdopt.
void AdoptScheduler(const NewPod& pod, const AdmissionRules& rules, Changes& changes);
void GateLocalReplicas(const NewPod& pod, const AdmissionRules& rules, Changes& changes);

// nullptr, or why it is left alone whatever is asked for: it belongs to one node, or has one.
const char* WhyLeftAlone(const kube::Pod& pod);

}  // namespace spillway::webhook
