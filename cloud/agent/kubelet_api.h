#pragma once

#include "base/runtime.h"
#include "cloud/agent/agent.h"
#include "net/http_server.h"

namespace spillway::cloud {

// The part of kubelet's HTTP API that the agent serves: what kube-apiserver asks for `kubectl logs`, and what tests of
// virtual nodes read.
//
//   GET /healthz
//   GET /pods, /runningpods/                              v1 PodLists
//   GET /containerLogs/{namespace}/{pod}/{container}      tailLines, limitBytes, sinceSeconds, timestamps, previous,
//   follow
//
// follow asks the provider again each second and sends what is new. Every other route of kubelet is answered 501 with
// the reason. Who may ask is decided before: the server wants a client certificate. `agent` outlives the handler's
// server.
//
// Source: kubelet server/server.go and virtual-kubelet node/api, whose errors it follows.
net::Handler KubeletApiHandler(Runtime& runtime, Agent& agent);

}  // namespace spillway::cloud
