#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/agent/agent.h"
#include "cloud/provider.h"
#include "cloud/providers/simulated/cloud.h"
#include "cmd/demo/emulated_cloud.h"
#include "controller/controller.h"
#include "kube/transport.h"
#include "metrics/registry.h"
#include "net/http_server.h"
#include "sandbox/rest/https_endpoint.h"
#include "sandbox/standins/cluster.h"

namespace spillway::cmd {

// A cluster with Spillway on it, in one process: the sandbox, served over HTTPS, and controller and agents that reach
// it the way they reach any API server, each with its own client certificate. Loop thread only.
class DemoCluster {
 public:
  enum class ProviderKind : std::uint8_t { kSimulated, kProcess };

  // `state_dir`: an own folder, for what the process provider keeps. `emulated`: what all virtual nodes run on,
  // whatever kind they are asked for; null: nothing; outlives the cluster.
  static Result<std::unique_ptr<DemoCluster>> Start(Runtime& runtime, std::uint16_t port, std::string state_dir,
                                                    EmulatedCloud* emulated);
  ~DemoCluster();

  Status StartController();
  Status AddVirtualNode(const std::string& name, ProviderKind kind);
  // Stops its agent and deletes its Node. Delete its Pods before.
  void RemoveVirtualNode(const std::string& name);
  bool IsNodeReady(const std::string& name);
  // The process provider does; an emulator only writes lines of its own into logs.
  bool runs_commands() const { return emulated_ == nullptr; }

  sandbox::SandboxCluster& sandbox() { return sandbox_; }
  sandbox::HttpsEndpoint& endpoint() { return *endpoint_; }
  const controller::Controller& controller() const { return *controller_; }
  // As an administrator, over HTTPS.
  kube::Transport& admin() { return *admin_; }

 private:
  struct VirtualNode {
    std::unique_ptr<kube::Transport> transport;
    std::unique_ptr<cloud::Provider> provider;
    std::unique_ptr<cloud::Agent> agent;
    std::unique_ptr<net::HttpServer> kubelet;  // dies before the agent
  };

  DemoCluster(Runtime& runtime, std::string state_dir, EmulatedCloud* emulated);
  Result<std::unique_ptr<cloud::Provider>> NewProvider(const std::string& name, ProviderKind kind);
  Result<std::unique_ptr<kube::Transport>> ConnectAs(const std::string& user, const std::string& group);
  Status ServeKubelet(const std::string& name, VirtualNode& node);

  Runtime& runtime_;
  std::string state_dir_;
  EmulatedCloud* emulated_;
  sandbox::SandboxCluster sandbox_;
  std::unique_ptr<sandbox::HttpsEndpoint> endpoint_;
  cloud::SimulatedCloud cloud_;
  std::unique_ptr<kube::Transport> admin_, controller_transport_;
  metrics::Registry metrics_;
  std::unique_ptr<controller::Controller> controller_;
  std::map<std::string, VirtualNode> virtual_nodes_;
};

}  // namespace spillway::cmd
