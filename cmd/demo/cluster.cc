#include "cmd/demo/cluster.h"

#include <fmt/core.h>

#include <utility>

#include "cloud/kubelet_api/kubelet_api.h"
#include "cloud/providers/process/provider.h"
#include "cloud/providers/simulated/provider.h"
#include "kube/credentials.h"
#include "sandbox/standins/objects.h"

namespace spillway::cmd {
namespace {

sandbox::SandboxOptions DemoOptions() {
  sandbox::SandboxOptions options;
  options.kubelet.start_low = 300ms;
  options.kubelet.start_high = 900ms;
  return options;
}

cloud::SimulatedCloudOptions DemoCloud() {
  cloud::SimulatedCloudOptions options;
  options.start = cloud::Latency::Uniform(700ms, 1300ms);
  return options;
}

}  // namespace

DemoCluster::DemoCluster(Runtime& runtime, std::string state_dir, EmulatedCloud* emulated)
    : runtime_(runtime),
      state_dir_(std::move(state_dir)),
      emulated_(emulated),
      sandbox_(runtime, DemoOptions()),
      cloud_(runtime, DemoCloud()),
      metrics_(metrics::Component::kController) {}

DemoCluster::~DemoCluster() = default;

Result<std::unique_ptr<DemoCluster>> DemoCluster::Start(Runtime& runtime, std::uint16_t port, std::string state_dir,
                                                        EmulatedCloud* emulated) {
  std::unique_ptr<DemoCluster> cluster(new DemoCluster(runtime, std::move(state_dir), emulated));
  sandbox::HttpsEndpointOptions options;
  options.port = port;
  auto endpoint = sandbox::HttpsEndpoint::Start(runtime, cluster->sandbox_.api(), options);
  if (!endpoint) return Fail(std::move(endpoint.error()).Annotated("while serving the sandbox"));
  cluster->endpoint_ = std::move(*endpoint);
  auto admin = cluster->ConnectAs("demo-admin", "system:masters");
  if (!admin) return Fail(std::move(admin.error()));
  cluster->admin_ = std::move(*admin);
  return cluster;
}

Result<std::unique_ptr<kube::Transport>> DemoCluster::ConnectAs(const std::string& user, const std::string& group) {
  auto kubeconfig = endpoint_->Kubeconfig(user, {group});
  if (!kubeconfig) return Fail(std::move(kubeconfig.error()));
  auto config = kube::ParseKubeconfig(*kubeconfig, "", "");
  if (!config) return Fail(std::move(config.error()));
  return kube::NewHttpsTransport(runtime_, std::move(*config));
}

Status DemoCluster::StartController() {
  auto transport = ConnectAs("spillway-controller", "spillway");
  if (!transport) return Fail(std::move(transport.error()));
  controller_transport_ = std::move(*transport);
  controller::ControllerOptions options;
  options.api_host = endpoint_->url();
  controller_ =
      std::make_unique<controller::Controller>(runtime_, *controller_transport_, std::move(options), metrics_);
  controller_->Start();
  return {};
}

Status DemoCluster::AddVirtualNode(const std::string& name, ProviderKind kind) {
  VirtualNode node;
  auto transport = ConnectAs("system:node:" + name, "system:nodes");
  if (!transport) return Fail(std::move(transport.error()));
  node.transport = std::move(*transport);
  auto provider = NewProvider(name, kind);
  if (!provider) return Fail(std::move(provider.error()));
  node.provider = std::move(*provider);

  cloud::AgentOptions options;
  options.node_name = name;
  options.cluster_id = sandbox::UidOf(*sandbox_.store().Get("namespaces", "", "kube-system"));
  options.internal_ip = "127.0.0.1";
  options.taint_value = std::string(node.provider->name());
  options.capacity = {{"cpu", "1000"}, {"memory", "4Ti"}, {"pods", "3000"}, {"ephemeral-storage", "60Ti"}};
  node.agent = std::make_unique<cloud::Agent>(runtime_, *node.transport, *node.provider, options);
  if (auto served = ServeKubelet(name, node); !served) return served;
  node.agent->Start();
  virtual_nodes_[name] = std::move(node);
  return {};
}

Result<std::unique_ptr<cloud::Provider>> DemoCluster::NewProvider(const std::string& name, ProviderKind kind) {
  if (emulated_) return emulated_->NewProvider();
  if (kind == ProviderKind::kSimulated) return cloud_.NewProvider();
  cloud::ProcessProviderOptions options;
  options.state_dir = state_dir_ + "/" + name;
  auto provider = cloud::ProcessProvider::Open(runtime_, std::move(options));
  if (!provider) return Fail(std::move(provider.error()));
  return std::unique_ptr<cloud::Provider>(std::move(*provider));
}

// kubectl logs asks the API server, which asks the node.
Status DemoCluster::ServeKubelet(const std::string& name, VirtualNode& node) {
  auto certificate = endpoint_->IssueServer(name, {"127.0.0.1"});
  if (!certificate) return Fail(std::move(certificate.error()));
  net::HttpServerOptions options;
  options.tls = [tls = net::HttpServerOptions::Tls{certificate->cert_pem, certificate->key_pem,
                                                   endpoint_->authority().cert_pem,
                                                   true}]() -> Result<net::HttpServerOptions::Tls> { return tls; };
  auto server = net::NewHttpServer(runtime_, std::move(options), cloud::KubeletApiHandler(runtime_, *node.agent));
  if (!server) return Fail(std::move(server.error()));
  node.kubelet = std::move(*server);
  node.agent->SetKubeletPort(node.kubelet->port());
  return {};
}

void DemoCluster::RemoveVirtualNode(const std::string& name) {
  virtual_nodes_.erase(name);
  (void)sandbox_.store().Delete("nodes", "", name);
}

bool DemoCluster::IsNodeReady(const std::string& name) {
  const auto node = sandbox_.store().Get("nodes", "", name);
  return node && sandbox::Text(sandbox::FindCondition(*node, "Ready"), {"status"}) == "True";
}

}  // namespace spillway::cmd
