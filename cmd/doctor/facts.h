#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cmd/doctor/installation.h"
#include "cmd/doctor/permissions.h"
#include "kube/json.h"

// Everything that the checks look at. Each is what could be read, or why it could not.
namespace spillway::cmd::doctor {

using Objects = Result<std::vector<kube::Json>>;

// The API server's clock (its Date header, whole seconds) and this machine's while that answer was under way.
struct Clocks {
  WallTime server{}, here{};
};

struct LeaseFacts {
  std::string what;  // "the leader's Lease ops/spillway-controller", "node vnode-1's Lease"
  Result<kube::Json> lease;
  WallTime server_time{};  // when it was read, by the API server's clock
  // Once more, a while later, where the first look found it late.
  std::optional<Result<kube::Json>> later;
};

// A webhook's Service and what is behind it.
struct WebhookFacts {
  kube::Json configuration;                        // a MutatingWebhookConfiguration
  std::map<std::string, Objects> endpoint_slices;  // by "namespace/service"
};

// One cloud's API, dialled from where doctor runs.
struct CloudDial {
  std::string provider, url;
  Status reached;
};

struct Facts {
  Installation installation;
  std::vector<Reviewed> reviewed;

  Result<kube::Json> version;                           // GET /version
  std::map<std::string, Result<kube::Json>> groups;     // "events.k8s.io/v1" to its APIResourceList
  std::optional<Clocks> clocks;                         // none: no Date header came
  Objects scheduler_pods;                               // of kube-scheduler, in kube-system
  Objects pending_pods;                                 // bound to no node
  std::optional<Result<std::string>> scheduler_config;  // the text that the controller has; none: it has none

  Objects nodes;                                  // all
  std::optional<LeaseFacts> leader;               // none: nothing is elected
  std::map<std::string, LeaseFacts> node_leases;  // by virtual node

  Result<std::vector<WebhookFacts>> webhooks;
  Result<std::string> metrics;  // of the controller that leads, in Prometheus' text format

  std::vector<CloudDial> clouds;
  Objects daemon_sets;                    // all: which network there is
  Objects calico_pools;                   // kNotFound: there is no Calico
  Result<kube::Json> kubernetes_service;  // default/kubernetes
  Objects virtual_pods;                   // some of those on virtual nodes
};

}  // namespace spillway::cmd::doctor
