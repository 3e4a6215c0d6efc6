#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/runtime.h"
#include "kube/transport.h"
#include "net/http_server.h"
#include "sandbox/faults.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

struct ApiServerOptions {
  std::uint64_t seed = 1;            // of the faults
  std::size_t watch_window = 20000;  // changes remembered per kind
  Duration bookmark_period = std::chrono::minutes(1);
  Duration latency{0};  // added to each answer of the in-process transport
};

// GET pods/{name}/log, after the API server has found the Pod and its node.
struct LogRequest {
  std::string ns, pod, container;
  std::string query;  // as the client sent it: tailLines, follow, ...
  std::string node;
  std::string kubelet_url;  // "https://10.0.0.7:10250" from the Node's status; empty when the Node has none
  std::string path;         // "/containerLogs/ns/pod/container"
};
// GET services/{name}/proxy/{path}, after an endpoint of the Service has been found.
struct ServiceRequest {
  std::string url;          // "http://10.0.0.7:8080"
  std::string path, query;  // of the request to the endpoint
};
using ServiceSource = std::function<Task<net::ServerResponse>(ServiceRequest)>;

// A write as it has reached the store, and what became of it, whether or not the client hears of it.
struct ServedWrite {
  const net::ServerRequest& request;
  std::string user;
  StoredPtr before;  // what the path names, as it was; null when there was nothing, or it names nothing
  const net::ServerResponse& response;
};
using WriteObserver = std::function<void(const ServedWrite&)>;

struct RestRequest;
using LogSource = std::function<Task<net::ServerResponse>(LogRequest)>;

// An in-memory Kubernetes API, good enough for stock kubectl, for Spillway's controller and agents, and for go clients:
// REST over a Store. Discovery, tables, paging, watches with bookmarks, patches, subresources. No authorization but of
// kubelets' identities (node_restriction.h): every other user may do everything, and act as anybody. Speaks JSON only.
// All on the loop: destroy what uses it first.
class ApiServer {
 public:
  ApiServer(Runtime& runtime, ApiServerOptions options);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // One request, over whatever wire. The user is request.client_common_name. A response of status 0 stands for a broken
  // connection (faults.h); a wire that cannot break answers 503.
  Task<net::ServerResponse> Handle(net::ServerRequest request);

  // The in-process seam: what kube::Client and kube::Reflector use in a simulation. Neither it nor an exchange under
  // way may outlive the ApiServer. Bodies reach their BodySink on the loop.
  std::unique_ptr<kube::Transport> NewTransport(std::string user);
  // For a process with a Runtime of its own (base/sim_process.h): answers reach it there.
  std::unique_ptr<kube::Transport> NewTransport(std::string user, Runtime& client);

  Store& store() { return store_; }
  Faults& faults() { return faults_; }
  // Where `kubectl logs` gets its bytes; without one, logs are answered 501.
  void SetLogSource(LogSource source) { log_source_ = std::move(source); }
  // What answers behind Services; without one, their proxy is answered 501.
  void SetServiceSource(ServiceSource source) { service_source_ = std::move(source); }
  // Hears of every write but reviews, once it is done; must not call back.
  void SetWriteObserver(WriteObserver observer) { write_observer_ = std::move(observer); }

 private:
  Task<net::ServerResponse> ServeLogs(RestRequest request);
  Task<net::ServerResponse> ServeProxy(RestRequest request);
  net::ServerResponse ServeObserved(const net::ServerRequest& http, const RestRequest& request);

  Runtime& runtime_;
  ApiServerOptions options_;
  Store store_;
  Faults faults_;
  LogSource log_source_;
  ServiceSource service_source_;
  WriteObserver write_observer_;
};

}  // namespace spillway::sandbox
