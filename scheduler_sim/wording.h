#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kube/api/objects.h"
#include "scheduler_sim/model/counter.h"

// Facts as operators write them.
namespace spillway::sim {

// cpu in milli-CPU ("1500m", "2"); memory, ephemeral-storage and hugepages in bytes ("512Mi", "15.6Gi" rounded to
// nearest); others counts.
std::string AmountText(std::string_view resource, std::int64_t amount);
// The same rounded up, so that it is enough.
std::string AtLeastText(std::string_view resource, std::int64_t amount);

std::string TaintText(const kube::Taint& taint);                    // "gpu=true:NoSchedule"
std::string RequirementText(const kube::LabelRequirement& wanted);  // "zone in (a,b)"
std::string SelectorText(const kube::LabelSelector& selector);      // "app=web,tier in (a,b)"; "any Pod" when empty
std::string TermText(const PodTerm& term);                          // "app=web in namespace shop"

// "1 Pod", "3 Pods"
std::string PodsText(std::int64_t count);

}  // namespace spillway::sim
