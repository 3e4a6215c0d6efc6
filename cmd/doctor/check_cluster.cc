#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cmd/doctor/checks.h"
#include "cmd/doctor/words.h"
#include "cmd/flags/flags.h"
#include "cmd/scheduler_config/scheduler_config.h"
#include "controller/scheduler_version.h"
#include "scheduler_sim/semantics.h"

// What the cluster is: its APIs and its kube-scheduler.
namespace spillway::cmd::doctor {
namespace {

using controller::SchedulerVersion;
using controller::VersionName;
using kube::At;
using kube::Items;
using kube::Json;
using kube::TextAt;

constexpr const char* kApis = "apis";
constexpr const char* kScheduler = "scheduler";
constexpr const char* kDynamicResources = "resource.k8s.io/v1";
constexpr int kDeviceClassesSince = 36;  // the kube-scheduler that may take extended resources for devices

std::string SupportedRange() {
  return fmt::format("{} to {}", VersionName(sim::kOldestMinorVersion), VersionName(sim::kNewestMinorVersion));
}

bool Serves(const Json& resources, std::string_view resource) {
  const Json& list = Items(At(resources, "resources"));
  return std::any_of(list.begin(), list.end(), [&](const Json& one) { return TextAt(one, "name") == resource; });
}

std::string GroupVersionOf(const kube::Access& access) { return access.group.empty() ? "v1" : access.group + "/v1"; }

std::vector<NeededAccess> AllNeeded(const Installation& installation) {
  std::vector<NeededAccess> needed;
  if (!installation.controllers.empty()) needed = AccessNeededByController(installation.controller());
  for (const Component& agent : installation.virtual_nodes) {
    for (NeededAccess& one : AccessNeededByAgent(agent)) needed.push_back(std::move(one));
  }
  return needed;
}

// "v1.36.3" of "registry.k8s.io/kube-scheduler:v1.36.3" or "...:v1.36.3@sha256:...": its minor version.
std::optional<int> MinorOfImage(std::string image) {
  image = image.substr(0, image.find('@'));
  const std::size_t tag = image.rfind(":v1.");
  int minor = 0;
  if (tag == std::string::npos || std::sscanf(image.c_str() + tag, ":v1.%d", &minor) != 1) return std::nullopt;
  return minor;
}

struct RunningScheduler {
  std::string pod;
  std::optional<int> minor;
  std::string config;  // of --config; empty: none
};

std::vector<RunningScheduler> SchedulersOf(const std::vector<Json>& pods) {
  std::vector<RunningScheduler> running;
  for (const Json& pod : pods) {
    for (const Json& container : Items(At(pod, "spec", "containers"))) {
      RunningScheduler one{TextAt(pod, "metadata", "name"), MinorOfImage(TextAt(container, "image")), ""};
      for (const char* part : {"command", "args"}) {
        for (const Json& word : Items(At(container, part))) {
          if (kube::Text(word).starts_with("--config=")) one.config = kube::Text(word).substr(9);
        }
      }
      running.push_back(std::move(one));
    }
  }
  return running;
}

Finding OfVersion(const SchedulerVersion& version, const Component& controller) {
  const std::string name = VersionName(version.found);
  if (version.is_known()) {
    return {Level::kOk, kScheduler, fmt::format("kube-scheduler {} is simulated ({} can be)", name, SupportedRange()),
            ""};
  }
  const std::string what = fmt::format("kube-scheduler {} cannot be simulated ({} can be)", name, SupportedRange());
  if (controller.Flag("accept-scheduler-version", "") == name) {
    return {Level::kWarn, kScheduler,
            fmt::format("{}; it is accepted, and taken for {}", what, VersionName(version.simulated)),
            "watch spillway_scheduler_agreement_total; docs/compatibility.md"};
  }
  if (controller.Says("dry-run", false)) {
    return {Level::kWarn, kScheduler,
            fmt::format("{}; the dry run takes it for {}", what, VersionName(version.simulated)),
            "docs/compatibility.md"};
  }
  return {Level::kFail, kScheduler, what + ": nothing is moved",
          fmt::format("upgrade Spillway, or see whether {} is close enough with --dry-run and act on it with "
                      "--accept-scheduler-version={}; docs/compatibility.md",
                      VersionName(version.simulated), name)};
}

// What runs, against what is simulated.
void AddRunning(const Facts& facts, int simulated_for, const Component& controller, Findings& findings) {
  if (!facts.scheduler_pods) {
    findings.push_back(Unreadable(kScheduler, "kube-scheduler's Pods", facts.scheduler_pods.error()));
    return;
  }
  const std::vector<RunningScheduler> running = SchedulersOf(*facts.scheduler_pods);
  if (running.empty()) {
    findings.push_back(
        {Level::kUnknown, kScheduler,
         "kube-scheduler does not run as a Pod here, so that its own version and --config cannot be seen",
         "if it was given a configuration, give Spillway the same: --scheduler-config"});
  }
  for (const RunningScheduler& one : running) {
    if (one.minor && *one.minor != simulated_for) {
      const std::string version = VersionName(*one.minor);
      findings.push_back(
          {Level::kWarn, kScheduler,
           fmt::format("{} is {}, while {} is taken for it", one.pod, version, VersionName(simulated_for)),
           fmt::format("give --kube-scheduler-version={} for as long as that is so", version)});
    }
    if (!one.config.empty() && controller.Flag("scheduler-config", "").empty()) {
      findings.push_back({Level::kWarn, kScheduler,
                          fmt::format("{} runs with --config={}, of which Spillway knows nothing", one.pod, one.config),
                          "give Spillway that file: --scheduler-config, controller.schedulerConfig of the chart; "
                          "docs/scheduler-config.md"});
    }
  }
}

// The schedulers whose Pods are looked at; nullopt: they cannot be known.
std::optional<std::set<std::string>> ProfilesOf(const Facts& facts, Findings& findings) {
  const Component& controller = facts.installation.controller();
  const std::vector<std::string> names = ListOf(controller.Flag("scheduler-names", ""));
  std::set<std::string> profiles(names.begin(), names.end());
  if (facts.scheduler_config && !*facts.scheduler_config) {
    findings.push_back(
        Unreadable(kScheduler, "the controller's scheduler configuration", facts.scheduler_config->error()));
  } else if (facts.scheduler_config) {
    const auto config = ParseSchedulerConfig(**facts.scheduler_config, "scheduler.yaml");
    if (!config) {
      findings.push_back({Level::kFail, kScheduler,
                          "the controller's scheduler configuration: " + config.error().message,
                          "correct it: the controller does not start with it"});
      return std::nullopt;
    }
    if (profiles.empty()) {
      for (const auto& profile : config->profiles) profiles.insert(profile.scheduler_name);
    }
  }
  if (profiles.empty() && !controller.Flag("scheduler-config", "").empty()) return std::nullopt;
  if (profiles.empty()) profiles.insert("default-scheduler");
  return profiles;
}

void AddProfiles(const Facts& facts, Findings& findings) {
  const auto profiles = ProfilesOf(facts, findings);
  if (!profiles) return;
  if (!facts.pending_pods) {
    findings.push_back(Unreadable(kScheduler, "pending Pods", facts.pending_pods.error()));
    return;
  }
  std::map<std::string, std::size_t> others;
  for (const Json& pod : *facts.pending_pods) {
    const std::string name = TextAt(pod, "spec", "schedulerName");
    if (!name.empty() && !profiles->contains(name)) ++others[name];
  }
  for (const auto& [name, count] : others) {
    findings.push_back({Level::kWarn, kScheduler,
                        fmt::format("{} for scheduler {}, which Spillway does not look at",
                                    CountOf(count, "Pod waits", "Pods wait"), name),
                        "name it in --scheduler-names if it is a profile of kube-scheduler; docs/scheduler-config.md"});
  }
  if (others.empty()) {
    findings.push_back(
        {Level::kOk, kScheduler,
         fmt::format("Pods of {} are looked at, and none waits for another scheduler", fmt::join(*profiles, ", ")),
         ""});
  }
}

}  // namespace

std::vector<std::string> GroupsNeeded(const Installation& installation) {
  std::set<std::string> groups;
  for (const NeededAccess& needed : AllNeeded(installation)) groups.insert(GroupVersionOf(needed.access));
  return {groups.begin(), groups.end()};
}

Findings CheckInstallation(const Facts& facts) {
  constexpr const char* kCheck = "installation";
  const Installation& installation = facts.installation;
  if (!installation.is_found) {
    return {{Level::kUnknown, kCheck,
             fmt::format("no Deployment or StatefulSet of Spillway is in sight; taken to run elsewhere, with the "
                         "ServiceAccounts of manifests/rbac in namespace {}",
                         installation.ns),
             "if it is installed, name its namespace: --release-namespace"}};
  }
  Findings findings;
  for (const Component& controller : installation.controllers) {
    findings.push_back({Level::kOk, kCheck,
                        fmt::format("controller {}/{}{}", controller.ns, controller.name,
                                    controller.Says("dry-run", false) ? ", a dry run: it moves nothing" : ""),
                        ""});
  }
  if (installation.controllers.size() > 1) {
    findings.push_back({Level::kWarn, kCheck,
                        fmt::format("{} releases run controllers; {}/{} is looked at", installation.controllers.size(),
                                    installation.ns, installation.controller().name),
                        "one cluster needs one: uninstall the others, or make them dry runs"});
  }
  if (installation.controllers.empty()) {
    findings.push_back(
        {Level::kWarn, kCheck, "only virtual nodes are installed, and no controller", "controller.enabled=true"});
  }
  return findings;
}

Findings CheckApis(const Facts& facts) {
  Findings findings;
  std::set<std::string> missing;
  const auto version = facts.version ? SchedulerVersion::Read(*facts.version) : Fail(facts.version.error());
  for (const NeededAccess& needed : AllNeeded(facts.installation)) {
    const std::string group_version = GroupVersionOf(needed.access);
    const auto found = facts.groups.find(group_version);
    if (found == facts.groups.end()) continue;
    if (!found->second && found->second.error().code != Code::kNotFound) {
      if (missing.insert(group_version).second)
        findings.push_back(Unreadable(kApis, group_version, found->second.error()));
      continue;
    }
    if (found->second && Serves(*found->second, needed.access.resource)) continue;
    // Dynamic resource allocation may be switched off, and nothing needs it before that kube-scheduler.
    if (group_version == kDynamicResources && version && version->found < kDeviceClassesSince) continue;
    const std::string name = fmt::format("{} of {}", needed.access.resource, group_version);
    if (!missing.insert(name).second) continue;
    const bool matters = group_version != kDynamicResources;
    findings.push_back({matters ? Level::kFail : Level::kWarn, kApis, "the API server does not serve " + name,
                        matters
                            ? "it is too old (1.27 and up have it), or --runtime-config switches it off"
                            : "extended resources are then not told from devices; switch it on with --runtime-config"});
  }
  if (findings.empty()) {
    findings.push_back(
        {Level::kOk, kApis,
         CountOf(facts.groups.size(), "API group that is needed is served", "API groups that are needed are served"),
         ""});
  }
  return findings;
}

Findings CheckScheduler(const Facts& facts) {
  if (facts.installation.controllers.empty()) return {};
  const Component& controller = facts.installation.controller();
  Findings findings;
  const std::string given = controller.Flag("kube-scheduler-version", "auto");
  Result<SchedulerVersion> version = Fail(Code::kInternal, "");
  if (int minor = 0; given != "auto" && std::sscanf(given.c_str(), "1.%d", &minor) == 1) {
    version = SchedulerVersion::Of(minor);
  } else {
    version = facts.version ? SchedulerVersion::Read(*facts.version) : Fail(facts.version.error());
  }
  if (!version) {
    findings.push_back(Unreadable(kScheduler, "the API server's version", version.error()));
  } else {
    findings.push_back(OfVersion(*version, controller));
    AddRunning(facts, version->found, controller, findings);
  }
  AddProfiles(facts, findings);
  return findings;
}

Findings CheckEverything(const Facts& facts) {
  Findings all = CheckInstallation(facts);
  const auto add = [&all](Findings findings) { all.insert(all.end(), findings.begin(), findings.end()); };
  add(CheckPermissions(facts.reviewed));
  for (const auto check : {CheckApis, CheckScheduler, CheckVirtualNodes, CheckLeader, CheckWebhook, CheckClocks,
                           CheckController, CheckNetwork}) {
    add(check(facts));
  }
  return all;
}

}  // namespace spillway::cmd::doctor
