#include <fmt/core.h>
#include <gflags/gflags.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/explain/live.h"
#include "cmd/explain/output.h"
#include "cmd/flags/input_flags.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/live_flags.h"
#include "cmd/flags/output_flags.h"
#include "cmd/flags/simulation_flags.h"
#include "cmd/snapshot/snapshot.h"
#include "cmd/subcommands.h"
#include "controller/explain_json.h"

DEFINE_string(namespace, "", "Namespace of the Pod. Empty: that of the context, or default.");
DEFINE_string(n, "", "Short for --namespace.");

namespace spillway::cmd {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr Duration kLongestLook = std::chrono::seconds(60);

struct Subject {
  std::string ns, name;  // ns may be empty: not said
};

// Takes "pod NS/NAME", "pod NAME" or "pod/NAME" off `arguments`.
Result<Subject> TakeSubject(std::vector<std::string>& arguments) {
  const auto fail = [] { return Fail(Code::kInvalidArgument, "want: explain pod NAMESPACE/NAME"); };
  if (arguments.empty()) return fail();
  std::string kind = arguments.front(), name;
  std::size_t taken = 1;
  if (const std::size_t slash = kind.find('/'); slash != std::string::npos) {
    name = kind.substr(slash + 1);
    kind.resize(slash);
  } else if (arguments.size() > 1) {
    name = arguments[1];
    taken = 2;
  }
  if ((kind != "pod" && kind != "pods" && kind != "po") || name.empty()) return fail();
  Subject subject{FLAGS_namespace.empty() ? FLAGS_n : FLAGS_namespace, name};
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) {
    const std::string ns = name.substr(0, slash);
    if (!subject.ns.empty() && subject.ns != ns) {
      return Fail(Code::kInvalidArgument, fmt::format("{} is not in --namespace={}", name, subject.ns));
    }
    subject = {ns, name.substr(slash + 1)};
    if (subject.ns.empty()) return fail();
  }
  if (subject.name.empty() || subject.name.find('/') != std::string::npos) return fail();
  arguments.erase(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(taken));
  return subject;
}

Result<OrderedJson> ExplainFromFiles(Subject subject, const std::vector<std::string>& files,
                                     controller::ExplainDetail detail) {
  if (subject.ns.empty()) subject.ns = "default";
  auto options = SnapshotOptionsFromFlags();
  if (!options) return Fail(std::move(options.error()));
  options->keeps = [&](const kube::Pod& pod) {
    return pod.metadata.ns == subject.ns && pod.metadata.name == subject.name;
  };
  Snapshot snapshot(std::move(*options));
  for (const std::string& file : files) {
    if (auto read = snapshot.ReadFile(file); !read) return Fail(std::move(read.error()));
  }
  if (snapshot.kept().empty()) {
    return Fail(Code::kNotFound, fmt::format("{} has no Pod {}/{}", files.front(), subject.ns, subject.name));
  }
  const kube::Pod& pod = snapshot.kept().back();
  for (const Snapshot::PendingPod& pending : snapshot.PendingPods()) {
    if (pending.ns != subject.ns || pending.name != subject.name) continue;
    return controller::ExplainPending(snapshot.cluster(), pod, pending.index, pending.undecidable,
                                      {.detail = detail, .overflow_taints = {}});
  }
  return controller::DescribePod(snapshot.cluster(), pod);
}

Task<void> Ask(Runtime& runtime, kube::Transport& transport, LiveQuestion question,
               std::optional<Result<std::string>>& answer) {
  Result<std::string> got = co_await AskController(runtime, transport, std::move(question));
  answer = std::move(got);
}

Result<OrderedJson> ExplainLive(const Subject& subject, const ServiceName& service, controller::ExplainDetail detail) {
  RealRuntime runtime;
  LiveQuestion question{.service = service,
                        .url = FLAGS_url,
                        .ns = subject.ns,
                        .pod = subject.name,
                        .all_nodes = detail == controller::ExplainDetail::kAllNodes};
  std::unique_ptr<kube::Transport> transport;
  if (FLAGS_url.empty()) {
    auto api = NewTransportFromFlags(runtime);
    if (!api) return Fail(std::move(api.error()));
    if (question.ns.empty()) question.ns = api->ns;
    transport = std::move(api->transport);
  } else {
    auto direct = NewDirectTransport(runtime, FLAGS_url);
    if (!direct) return Fail(std::move(direct.error()));
    if (question.ns.empty()) question.ns = "default";
    transport = std::move(*direct);
  }
  std::optional<Result<std::string>> answer;
  TaskScope flows(runtime);
  flows.Spawn(Ask(runtime, *transport, std::move(question), answer));
  if (!runtime.RunUntil([&] { return answer.has_value(); }, kLongestLook)) {
    return Fail(Code::kDeadlineExceeded, "there was no answer in time");
  }
  if (!*answer) return Fail(std::move(answer->error()));
  return OrderedJson::parse(**answer, nullptr, false);
}

}  // namespace

FlagSet ExplainFlags() {
  return {.subcommand = "explain",
          .summary =
              "Says of one Pod which nodes refuse it and why, with numbers, what would change that, and why it "
              "is or is not moved: from the running controller, or from a file.",
          .groups = {{"Pod", "cmd/explain/explain.cc"},
                     kLiveFlags,
                     kInputFlags,
                     kOutputFlags,
                     kKubeconfigFlags,
                     kSimulationFlags},
          .defaults = {},
          .arguments = "pod NAMESPACE/NAME [FILE...]"};
}

int RunExplain(std::vector<std::string> args) {
  auto flags = ParseFlags(ExplainFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto subject = TakeSubject(flags->arguments);
  if (!subject) return UsageError("explain", subject.error().message);
  const auto json = WantsJson();
  if (!json) return UsageError("explain", json.error().message);
  const auto service = ParseServiceName(FLAGS_service);
  if (!service) return UsageError("explain", service.error().message);
  const std::vector<std::string> files = InputFiles(flags->arguments);
  if (const auto live = WantsCluster(*flags, files); !live) return UsageError("explain", live.error().message);
  InitProcess(*flags);

  const auto detail = *json ? controller::ExplainDetail::kAllNodes : controller::ExplainDetail::kGroups;
  const auto answer =
      files.empty() ? ExplainLive(*subject, *service, detail) : ExplainFromFiles(*subject, files, detail);
  if (!answer) {
    UsageError("explain", answer.error().message);
    const bool is_ours = answer.error().code == Code::kInvalidArgument && answer.error().http_status == 0;
    return files.empty() && !is_ours ? 1 : kUsageExit;
  }
  fmt::print("{}", *json ? answer->dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n"
                         : ExplanationText(*answer));
  return 0;
}

}  // namespace spillway::cmd
