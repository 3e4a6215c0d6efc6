#include <fmt/core.h>
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/demo/cluster.h"
#include "cmd/demo/emulated_cloud.h"
#include "cmd/demo/narrator.h"
#include "cmd/demo/play.h"
#include "cmd/flags/endpoint_flags.h"
#include "cmd/subcommands.h"

DEFINE_bool(exit, false, "End after the walk-throughs, with exit code 1 if one did not end as it should.");
DEFINE_string(cloud, "",
              "eci or eksci: virtual nodes run on the emulator of that cloud, by the provider that production has for "
              "it. Empty: on clouds in memory.");
DEFINE_string(cloud_emulator, "", "The emulator's program. Empty: eci_server or eksci_server beside this binary.");

namespace spillway::cmd {
namespace {

// A folder of our own, since others may write to the temporary one; gone with the demo.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "spillway-demo-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Demo {
 public:
  Demo(RealRuntime& runtime, DemoCluster& cluster, std::string kubeconfig)
      : runtime_(runtime),
        kubeconfig_(std::move(kubeconfig)),
        narrator_(runtime, cluster.sandbox().store()),
        play_(runtime, cluster, narrator_),
        flows_(runtime) {}

  int Run() {
    flows_.Spawn(Play());
    runtime_.Run([this](int signals) {
      if (signals > 1) std::_Exit(1);
      runtime_.Stop();
    });
    return exit_code_;
  }

 private:
  Task<void> Play() {
    const Instant begin = runtime_.Now();
    co_await play_.Run();
    const bool failed = !play_.failures().empty();
    fmt::print("\n{} after {}\n",
               failed ? fmt::format("{} checks of the walk-throughs FAILED", play_.failures().size())
                      : "W1, W2 and W3 ended as they should",
               base::FormatDuration(runtime_.Now() - begin));
    if (FLAGS_exit) {
      exit_code_ = failed ? 1 : 0;
      runtime_.Stop();
    } else {
      Invite();
    }
    std::fflush(stdout);
  }

  void Invite() const {
    fmt::print(
        "\nThe cluster stays up until Ctrl-C. In another terminal:\n\n"
        "  export KUBECONFIG={}\n\n"
        "  kubectl get pods -A -o wide -w\n"
        "  kubectl -n spread scale deployment nginx --replicas=14\n"
        "  kubectl -n slots describe pods\n\n",
        kubeconfig_);
  }

  RealRuntime& runtime_;
  std::string kubeconfig_;
  Narrator narrator_;
  DemoPlay play_;
  int exit_code_ = 0;
  TaskScope flows_;
};

}  // namespace

FlagSet DemoFlags() {
  return {.subcommand = "demo",
          .summary = "Plays three walk-throughs on a cluster in memory, then leaves it up to play with.",
          .groups = {{"Demo", "cmd/demo/demo.cc"}, kEndpointFlags},
          .defaults = {{"v", "0"}},
          .arguments = ""};
}

int RunDemo(std::vector<std::string> args) {
  const auto flags = ParseFlags(DemoFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto port = EndpointPort();
  if (!port) return UsageError("demo", port.error().message);
  InitProcess(*flags);
  if (!flags->given.contains("v")) log::Quiet();  // the narration is the output

  const auto fail = [](const Error& error) {
    fmt::print(stderr, "spillway demo: {}\n", error.message);
    return 1;
  };
  if (!FLAGS_cloud.empty() && !EmulatedCloud::IsName(FLAGS_cloud))
    return UsageError("demo", fmt::format("--cloud={}: want eci or eksci", FLAGS_cloud));
  const TemporaryFolder folder;
  if (folder.path().empty()) return fail(Error{Code::kUnavailable, "no folder can be made for temporary files"});
  const std::string kubeconfig = KubeconfigOut().empty() ? folder.path() + "/kubeconfig" : KubeconfigOut();
  RealRuntime runtime;
  std::unique_ptr<EmulatedCloud> emulated;
  if (!FLAGS_cloud.empty()) {
    auto started = EmulatedCloud::Start(runtime, FLAGS_cloud, FLAGS_cloud_emulator);
    if (!started) return fail(started.error());
    emulated = *std::move(started);
    fmt::print("Virtual nodes run on the emulator of {} at {}: no command is carried out.\n", FLAGS_cloud,
               emulated->url());
  }
  auto cluster = DemoCluster::Start(runtime, *port, folder.path(), emulated.get());
  if (!cluster) return fail(cluster.error());
  if (auto written = (*cluster)->endpoint().WriteAdminKubeconfig(kubeconfig); !written) return fail(written.error());
  if (auto started = (*cluster)->StartController(); !started) return fail(started.error());
  return Demo(runtime, **cluster, kubeconfig).Run();
}

}  // namespace spillway::cmd
