#include <fmt/core.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/real_runtime.h"
#include "cmd/flags/endpoint_flags.h"
#include "cmd/subcommands.h"
#include "sandbox/rest/https_endpoint.h"
#include "sandbox/store/synthetic.h"

DEFINE_int32(nodes, 0, "Nodes of the synthetic cluster.");
DEFINE_int32(pods, 0, "Running Pods of the synthetic cluster, spread evenly over its nodes.");

namespace spillway::cmd {
namespace {

std::string Problem() {
  if (FLAGS_nodes < 0 || FLAGS_pods < 0) return "--nodes and --pods must not be negative";
  if (FLAGS_pods > 0 && FLAGS_nodes == 0)
    return fmt::format("--pods={} needs nodes to run on; give --nodes", FLAGS_pods);
  if (const auto port = EndpointPort(); !port) return port.error().message;
  if (KubeconfigOut().empty()) return "--kubeconfig-out must name a file";
  return "";
}

}  // namespace

FlagSet SandboxFlags() {
  return {
      .subcommand = "sandbox",
      .summary =
          "Serves an in-memory Kubernetes API over HTTPS: an empty or a synthetic cluster in which nothing else runs.",
      .groups = {{"Sandbox", "cmd/sandbox.cc"}, kEndpointFlags},
      .defaults = {{"port", "6443"}, {"kubeconfig-out", "spillway-sandbox.kubeconfig"}},
      .arguments = ""};
}

int RunSandbox(std::vector<std::string> args) {
  const auto flags = ParseFlags(SandboxFlags(), std::move(args));
  if (!flags) return flags.error();
  if (const std::string problem = Problem(); !problem.empty()) return UsageError("sandbox", problem);
  InitProcess(*flags);

  RealRuntime runtime;
  sandbox::ApiServer api(runtime, {});
  const Instant begin = runtime.Now();
  sandbox::FillSynthetic(api.store(), {.nodes = FLAGS_nodes, .pods = FLAGS_pods});
  sandbox::HttpsEndpointOptions options;
  options.port = *EndpointPort();
  auto endpoint = sandbox::HttpsEndpoint::Start(runtime, api, options);
  const auto fail = [](const Error& error) {
    fmt::print(stderr, "spillway sandbox: {}\n", error.message);
    return 1;
  };
  if (!endpoint) return fail(endpoint.error());
  if (auto written = (*endpoint)->WriteAdminKubeconfig(KubeconfigOut()); !written) return fail(written.error());
  log::Info("serving", {{"url", (*endpoint)->url()},
                        {"nodes", FLAGS_nodes},
                        {"pods", FLAGS_pods},
                        {"filled_in", base::FormatDuration(runtime.Now() - begin)},
                        {"kubeconfig", KubeconfigOut()}});
  runtime.Run([&](int signals) {
    if (signals > 1) std::_Exit(1);
    runtime.Stop();
  });
  endpoint->reset();
  return 0;
}

}  // namespace spillway::cmd
