#include <fmt/core.h>
#include <gflags/gflags.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/agent/cloud_flags.h"
#include "cmd/doctor/checks.h"
#include "cmd/doctor/gather.h"
#include "cmd/doctor/output.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/live_flags.h"
#include "cmd/flags/output_flags.h"
#include "cmd/subcommands.h"

DEFINE_string(release_namespace, "",
              "Namespace that Spillway is installed in. Empty: where its Deployment is found, or spillway-system.");
DEFINE_string(controller_service_account, "",
              "ServiceAccount of the controller. Empty: its Deployment's, or spillway-controller.");
DEFINE_string(agent_service_account, "", "ServiceAccount of agents. Empty: their StatefulSet's, or spillway-agent.");

namespace spillway::cmd {
namespace {

constexpr double kDoctorQps = 50;
constexpr int kDoctorBurst = 100;
constexpr Duration kLongestVisit = std::chrono::minutes(5);
constexpr Duration kLongestDial = std::chrono::seconds(10);

// Any answer will do: a cloud refuses who shows no key.
Task<Status> DialUrl(Runtime& runtime, std::string url) {
  auto client = Connect(runtime, url);
  if (!client) co_return Fail(std::move(client).error());
  net::HttpRequest request;
  request.path = "/";
  request.timeout = kLongestDial;
  Result<net::HttpResponse> answer = co_await (*client)->Send(std::move(request));
  if (!answer) co_return Fail(std::move(answer).error());
  co_return Status();
}

Task<void> Visit(kube::Client& client, doctor::GatherOptions options, std::optional<Result<doctor::Facts>>& into) {
  Result<doctor::Facts> facts = co_await doctor::Gather(client, std::move(options));
  into = std::move(facts);
}

Result<doctor::Facts> ExamineCluster(std::optional<ServiceName> service) {
  RealRuntime runtime;
  auto api = NewTransportFromFlags(runtime);
  if (!api) return Fail(std::move(api.error()));
  std::unique_ptr<kube::Transport> direct;
  if (!FLAGS_url.empty()) {
    auto opened = NewDirectTransport(runtime, FLAGS_url);
    if (!opened) return Fail(std::move(opened.error()));
    direct = std::move(*opened);
  }
  kube::RateLimiter limiter(runtime, kDoctorQps, kDoctorBurst);
  kube::Client client(runtime, *api->transport, limiter);
  doctor::GatherOptions options;
  options.ns = FLAGS_release_namespace;
  options.controller_account = FLAGS_controller_service_account;
  options.agent_account = FLAGS_agent_service_account;
  options.service = std::move(service);
  options.direct = direct.get();
  options.dial = [&runtime](std::string url) { return DialUrl(runtime, std::move(url)); };
  std::optional<Result<doctor::Facts>> facts;
  TaskScope flows(runtime);
  flows.Spawn(Visit(client, std::move(options), facts));
  if (!runtime.RunUntil([&] { return facts.has_value(); }, kLongestVisit)) {
    return Fail(Code::kDeadlineExceeded, fmt::format("{}: the cluster could not be read in time", api->host));
  }
  if (!*facts) return Fail(std::move(facts->error()).Annotated(api->host));
  return std::move(*facts);
}

}  // namespace

FlagSet DoctorFlags() {
  return {
      .subcommand = "doctor",
      .summary =
          "Looks for what keeps Spillway from working in a cluster: permissions, API versions, kube-scheduler, virtual "
          "nodes, the leader, webhook, clocks, network; changes nothing. Exit code 0: nothing was found; 3: "
          "something fails; 4: nothing fails, but there are warnings; 1: the API server could not be asked.",
      .groups = {{"Installation", "cmd/doctor/doctor.cc"}, kLiveFlags, kKubeconfigFlags, kOutputFlags},
      .defaults = {{"service", ""}},
      .arguments = ""};
}

int RunDoctor(std::vector<std::string> args) {
  const auto flags = ParseFlags(DoctorFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto json = WantsJson();
  if (!json) return UsageError("doctor", json.error().message);
  std::optional<ServiceName> service;
  if (!FLAGS_service.empty()) {
    auto parsed = ParseServiceName(FLAGS_service);
    if (!parsed) return UsageError("doctor", parsed.error().message);
    service = *std::move(parsed);
  }
  InitProcess(*flags);
  if (!flags->given.contains("v")) log::Quiet();  // the report says it all
  const Result<doctor::Facts> facts = ExamineCluster(std::move(service));
  if (!facts) {
    UsageError("doctor", facts.error().message);
    return 1;
  }
  const doctor::Findings findings = doctor::CheckEverything(*facts);
  fmt::print("{}", *json ? doctor::ReportJson(findings) : doctor::ReportText(findings));
  return doctor::ExitCodeOf(findings);
}

}  // namespace spillway::cmd
