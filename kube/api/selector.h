#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/api/objects.h"

namespace spillway::kube {

// Label and node selectors with upstream's exact corner cases.
// Source: apimachinery pkg/labels/selector.go; component-helpers scheduling/corev1/nodeaffinity.

// A label selector as flags and query strings write it: "type=virtual-kubelet", "a!=b,c in (d,e),!f".
Result<LabelSelector> ParseSelector(std::string_view text);

bool Matches(const LabelSelector& selector, const StringMap& labels);
// nil matches nothing.
bool Matches(const std::optional<LabelSelector>& selector, const StringMap& labels);
bool Matches(const LabelRequirement& requirement, const StringMap& labels);
// A term without expressions and fields matches nothing; fields know only metadata.name.
bool Matches(const NodeSelectorTerm& term, const StringMap& labels, std::string_view node_name);
bool Matches(const NodeSelector& selector, const StringMap& labels, std::string_view node_name);

// Source: api core/v1 toleration.go ToleratesTaint; Lt and Gt need a feature gate that is off in 1.36 and match
// nothing.
bool Tolerates(const Toleration& toleration, const Taint& taint);
bool ToleratesAny(const std::vector<Toleration>& tolerations, const Taint& taint);

}  // namespace spillway::kube
