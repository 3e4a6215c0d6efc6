#pragma once

#include "base/runtime.h"
#include "controller/cluster_state.h"
#include "kube/event_recorder.h"
#include "metrics/registry.h"

namespace spillway::controller {

// Fills the gauges of the controller from its state, at a scrape.
void ScrapePending(const ClusterState& state, const Runtime& runtime, bool dry_run, metrics::Registry& metrics);
void ScrapeVirtualNodes(const sim::Cluster& cluster, metrics::Registry& metrics);
void ScrapeWatches(const ClusterState& state, metrics::Registry& metrics);
void ScrapeEvents(const kube::EventCounts& counts, metrics::Registry& metrics);

// The value of label `reason` of spillway_pods_unschedulable: the reason that rules out most nodes.
std::string UnschedulableLabel(const sim::Explanation& nowhere);

}  // namespace spillway::controller
