#pragma once

#include "base/runtime.h"
#include "cloud/agent/agent.h"
#include "cloud/kubelet_api/access.h"
#include "net/http_server.h"

namespace spillway::cloud {

// kubelet's HTTP API, as far as clients of Kubernetes ask for it.
//
//   GET /healthz
//   GET /pods, /runningpods/                              v1 PodLists: what is bound here; what has a running instance
//   GET /containerLogs/{namespace}/{pod}/{container}      see container_logs.h
//   GET /stats/summary, /metrics/resource                 see resource_usage.h
//   POST, GET /exec/{namespace}/{pod}[/{uid}]/{container}, /attach/..., /portForward/{namespace}/{pod}[/{uid}]
//                                                         over SPDY/3.1 or WebSockets, see stream_handshake.h
//
// What the provider cannot do is answered 501 with the reason. `access` says who may ask; null: whoever the server has
// let in. Agent and access outlive the handler's server.
//
// Source: kubelet server/server.go and virtual-kubelet node/api, whose errors it follows.
net::Handler KubeletApiHandler(Runtime& runtime, Agent& agent, KubeletAccess* access = nullptr);

}  // namespace spillway::cloud
