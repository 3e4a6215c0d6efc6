#include "cmd/agent/agent_provider.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "cloud/files.h"
#include "cloud/providers/process/provider.h"
#include "cloud/providers/process/written_instances.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/providers/simulated/state_file.h"
#include "cmd/agent/alibaba_provider.h"
#include "cmd/agent/tencent_provider.h"

DEFINE_string(
    provider, "",
    "What runs the Pods. Required. alibabacloud: Elastic Container Instance of Alibaba Cloud; tencentcloud: EKSCI of "
    "Tencent Cloud; simulated: nothing runs, an in-memory cloud pretends to; process: commands run as processes of "
    "this machine with the agent's rights, for "
    "demonstrations and tests only.");
DEFINE_string(state_dir, "",
              "Where the simulated and the process provider keep what must outlive the agent. Empty: a directory of "
              "this user's own under $TMPDIR or /tmp.");
DEFINE_string(simulated_start, "1s",
              "How long a simulated instance takes to start: 1s, exp(2s) (a mean) or uniform(1s,3s).");
DEFINE_string(simulated_stop, "200ms", "How long a simulated instance takes to go, as --simulated-start.");
DEFINE_string(simulated_call, "20ms", "How long a call to the simulated cloud takes, as --simulated-start.");
DEFINE_double(simulated_no_stock, 0, "Share of creates that the simulated cloud refuses for lack of stock, 0 to 1.");
DEFINE_double(simulated_late_no_stock, 0, "Share of instances that it gives up after having taken them, 0 to 1.");
DEFINE_double(simulated_lost_reply, 0, "Share of its calls that are carried out and never answered, 0 to 1.");
DEFINE_double(simulated_throttled, 0, "Share of its calls that are refused as too many, 0 to 1.");

namespace spillway::cmd {
namespace {

constexpr const char* kProviders = "alibabacloud, tencentcloud, simulated or process";

struct Fault {
  const char* flag;
  double share;
};

Result<cloud::SimulatedCloudOptions> SimulatedOptions(const std::string& node_name) {
  cloud::SimulatedCloudOptions options;
  const std::array<std::tuple<const char*, std::string, cloud::Latency*>, 3> latencies = {{
      {"simulated-start", FLAGS_simulated_start, &options.start},
      {"simulated-stop", FLAGS_simulated_stop, &options.stop},
      {"simulated-call", FLAGS_simulated_call, &options.call},
  }};
  for (const auto& [flag, text, target] : latencies) {
    auto parsed = cloud::Latency::Parse(text);
    if (!parsed) return Fail(std::move(parsed.error()).Annotated(fmt::format("--{}", flag)));
    *target = *parsed;
  }
  for (const auto& [flag, share] : {Fault{"simulated-no-stock", FLAGS_simulated_no_stock},
                                    Fault{"simulated-late-no-stock", FLAGS_simulated_late_no_stock},
                                    Fault{"simulated-lost-reply", FLAGS_simulated_lost_reply},
                                    Fault{"simulated-throttled", FLAGS_simulated_throttled}}) {
    if (share < 0 || share > 1) return Fail(Code::kInvalidArgument, fmt::format("--{}={}: want 0 to 1", flag, share));
  }
  options.faults.no_stock = FLAGS_simulated_no_stock;
  options.faults.late_no_stock = FLAGS_simulated_late_no_stock;
  options.faults.lost_reply = FLAGS_simulated_lost_reply;
  options.faults.throttled = FLAGS_simulated_throttled;
  // Each node's cloud lives in its own agent: addresses from different parts of 10.64.0.0/10, by the node's name.
  std::uint32_t hash = 2166136261u;
  for (const char c : node_name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  const std::uint32_t slot = hash % 1024;
  options.pod_network = fmt::format("10.{}.{}.0", 64 + slot / 16, slot % 16 * 16);
  return options;
}

std::string StatePath() {
  if (!FLAGS_state_dir.empty()) return FLAGS_state_dir;
  const char* temporary = std::getenv("TMPDIR");
  return fmt::format("{}/spillway-{}", temporary && *temporary ? temporary : "/tmp", ::geteuid());
}

Result<std::string> StateDirectory() {
  std::string path = StatePath();
  if (auto made = cloud::MakePrivateDirectory(path); !made) {
    return Fail(std::move(made.error()).Annotated("--state-dir"));
  }
  return path;
}

// Names in file names: nothing that leads elsewhere.
std::string FileName(const std::string& text) {
  std::string name = text;
  for (char& c : name) {
    if (c == '/' || c == '\0') c = '_';
  }
  return name;
}

class Simulated final : public OwnedProvider {
 public:
  static Result<std::unique_ptr<OwnedProvider>> Open(Runtime& runtime, const std::string& cluster_id,
                                                     const std::string& node_name) {
    auto options = SimulatedOptions(node_name);
    if (!options) return Fail(std::move(options.error()));
    const auto directory = StateDirectory();
    if (!directory) return Fail(directory.error());
    const std::string path = fmt::format("{}/simulated-{}-{}", *directory, FileName(cluster_id), FileName(node_name));
    auto lock = cloud::LockFile(path + ".lock");
    if (!lock) return Fail(Code::kConflict, fmt::format("{}: another agent of this node runs", path));
    auto made = std::make_unique<Simulated>(runtime, std::move(*options), std::move(*lock));
    auto file = cloud::SimulatedStateFile::Open(runtime, made->cloud_, path + ".json");
    if (!file) return Fail(std::move(file.error()));
    made->file_ = std::move(*file);
    return made;
  }
  Simulated(Runtime& runtime, cloud::SimulatedCloudOptions options, cloud::UniqueFd lock)
      : lock_(std::move(lock)), cloud_(runtime, std::move(options)), provider_(cloud_.NewProvider()) {}
  cloud::Provider& provider() override { return *provider_; }

 private:
  cloud::UniqueFd lock_;
  cloud::SimulatedCloud cloud_;
  std::unique_ptr<cloud::SimulatedStateFile> file_;
  std::unique_ptr<cloud::Provider> provider_;
};

class Process final : public OwnedProvider {
 public:
  static Result<std::unique_ptr<OwnedProvider>> Open(Runtime& runtime, const std::string& cluster_id,
                                                     const std::string& node_name, const std::string& pod_ip) {
    const auto directory = StateDirectory();
    if (!directory) return Fail(directory.error());
    cloud::ProcessProviderOptions options;
    options.state_dir = fmt::format("{}/process-{}-{}", *directory, FileName(cluster_id), FileName(node_name));
    options.instance.pod_ip = pod_ip.empty() ? "127.0.0.1" : pod_ip;
    log::Warning(
        "--provider=process runs the commands of Pods on this machine, with this process's rights: whoever may create "
        "Pods "
        "in the cluster may run programs here. For demonstrations and tests only.");
    auto opened = cloud::ProcessProvider::Open(runtime, std::move(options));
    if (!opened) return Fail(std::move(opened.error()));
    return std::make_unique<Process>(std::move(*opened));
  }
  explicit Process(std::unique_ptr<cloud::ProcessProvider> provider) : provider_(std::move(provider)) {}
  cloud::Provider& provider() override { return *provider_; }

 private:
  std::unique_ptr<cloud::ProcessProvider> provider_;
};

// One that is not of this machine.
Result<std::unique_ptr<OwnedProvider>> NewCloudProvider(Runtime& runtime) {
  return IsAlibaba(FLAGS_provider) ? NewAlibabaProvider(runtime) : NewTencentProvider(runtime);
}

}  // namespace

Status CheckProviderFlags() {
  if (FLAGS_provider.empty()) {
    return Fail(Code::kInvalidArgument, fmt::format("--provider is required: {}", kProviders));
  }
  if (IsAlibaba(FLAGS_provider)) return CheckAlibabaFlags();
  if (IsTencent(FLAGS_provider)) return CheckTencentFlags();
  if (FLAGS_provider != "simulated" && FLAGS_provider != "process") {
    return Fail(Code::kInvalidArgument, fmt::format("--provider={}: want {}", FLAGS_provider, kProviders));
  }
  if (auto options = SimulatedOptions(""); !options) return Fail(std::move(options.error()));
  return {};
}

Task<Result<std::vector<cloud::Instance>>> ListInstancesFromFlags(Runtime& runtime, std::string cluster_id) {
  if (IsAlibaba(FLAGS_provider) || IsTencent(FLAGS_provider)) {
    auto opened = NewCloudProvider(runtime);
    if (!opened) co_return Fail(std::move(opened.error()));
    auto listed = co_await (*opened)->provider().List(cluster_id);
    if (!listed) {
      Error error = listed.error().error;
      error.message = ToString(listed.error());
      co_return Fail(std::move(error));
    }
    co_return *std::move(listed);
  }
  const std::string directory = StatePath();
  if (::access(directory.c_str(), R_OK | X_OK) != 0) {
    co_return Fail(Code::kNotFound, fmt::format("--state-dir: {}: {}", directory, std::strerror(errno)));
  }
  const std::string prefix = fmt::format("{}-{}-", FLAGS_provider, FileName(cluster_id));
  std::vector<cloud::Instance> all;
  for (const std::string& name : cloud::ListDirectory(directory)) {
    if (!name.starts_with(prefix)) continue;
    const std::string path = directory + "/" + name;
    if (FLAGS_provider == "process") {
      for (cloud::Instance& instance : cloud::ReadProcessInstances(path)) all.push_back(std::move(instance));
    } else if (name.ends_with(".json")) {
      auto read = cloud::ReadSimulatedInstances(runtime, path);
      if (!read) co_return Fail(std::move(read.error()));
      for (cloud::Instance& instance : *read) all.push_back(std::move(instance));
    }
  }
  // One cluster's id may begin with another's.
  std::erase_if(all, [&](const cloud::Instance& instance) { return instance.identity.cluster_id != cluster_id; });
  co_return all;
}

Result<std::unique_ptr<OwnedProvider>> NewProviderFromFlags(Runtime& runtime, const std::string& cluster_id,
                                                            const std::string& node_name, const std::string& pod_ip) {
  if (IsAlibaba(FLAGS_provider) || IsTencent(FLAGS_provider)) return NewCloudProvider(runtime);
  if (FLAGS_provider == "process") return Process::Open(runtime, cluster_id, node_name, pod_ip);
  return Simulated::Open(runtime, cluster_id, node_name);
}

}  // namespace spillway::cmd
