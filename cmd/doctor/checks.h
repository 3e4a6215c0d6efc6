#pragma once

#include "cmd/doctor/facts.h"
#include "cmd/doctor/finding.h"

// What follows from facts. Pure: no clock but the facts', no I/O.
namespace spillway::cmd::doctor {

Findings CheckInstallation(const Facts& facts);
// Whether each API that is needed is served, at the version that is asked for.
Findings CheckApis(const Facts& facts);
// Whether kube-scheduler can be simulated, and is configured as the controller believes.
Findings CheckScheduler(const Facts& facts);
// Ready, reachable cloud, taints, capacity, heartbeat.
Findings CheckVirtualNodes(const Facts& facts);
// Whether anybody leads.
Findings CheckLeader(const Facts& facts);
// Nothing is found where no webhook is installed.
Findings CheckWebhook(const Facts& facts);
// This machine's against the API server's, and the Leases' holders'.
Findings CheckClocks(const Facts& facts);
// What the controller says of itself: agreement with kube-scheduler, mode, configuration, caches.
Findings CheckController(const Facts& facts);
// The clouds' APIs, the API server as Pods in the cloud see it, and the routes between both networks.
Findings CheckNetwork(const Facts& facts);

// All of them, permissions first.
Findings CheckEverything(const Facts& facts);

// What of the above has to be asked for: the labels of virtual nodes as a selector, "events.k8s.io/v1" and so on.
std::string VirtualNodeSelectorOf(const Installation& installation);
std::vector<std::string> GroupsNeeded(const Installation& installation);

// How late a Lease is by the API server's clock: past its duration. nullopt: it is held, and in time.
std::optional<Duration> LateBy(const kube::Json& lease, WallTime server_time);

}  // namespace spillway::cmd::doctor
