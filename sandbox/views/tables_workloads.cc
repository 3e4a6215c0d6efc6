#include <fmt/core.h>

#include <string>
#include <utility>

#include "sandbox/views/table_printers.h"

namespace spillway::sandbox {
namespace {

constexpr Column kContainers{"Containers", "string", 1};
constexpr Column kImages{"Images", "string", 1};
constexpr Column kSelector{"Selector", "string", 1};

Json DeploymentCells(const Json& deployment, WallTime now) {
  return {NameOf(deployment),
          fmt::format("{}/{}", IntAt(deployment, "status.readyReplicas", 0), IntAt(deployment, "spec.replicas", 0)),
          IntAt(deployment, "status.updatedReplicas", 0),
          IntAt(deployment, "status.availableReplicas", 0),
          AgeOfObject(deployment, now),
          ContainerNames(deployment),
          ContainerImages(deployment),
          SelectorText(Find(deployment, "spec.selector"))};
}

Json ReplicaSetCells(const Json& set, WallTime now) {
  return {NameOf(set),
          IntAt(set, "spec.replicas", 0),
          IntAt(set, "status.replicas", 0),
          IntAt(set, "status.readyReplicas", 0),
          AgeOfObject(set, now),
          ContainerNames(set),
          ContainerImages(set),
          SelectorText(Find(set, "spec.selector"))};
}

Json ReplicationControllerCells(const Json& set, WallTime now) {
  Json cells = ReplicaSetCells(set, now);
  cells.back() = LabelsText(Find(set, "spec.selector"));
  return cells;
}

Json StatefulSetCells(const Json& set, WallTime now) {
  return {NameOf(set), fmt::format("{}/{}", IntAt(set, "status.readyReplicas", 0), IntAt(set, "spec.replicas", 0)),
          AgeOfObject(set, now), ContainerNames(set), ContainerImages(set)};
}

Json DaemonSetCells(const Json& set, WallTime now) {
  return {NameOf(set),
          IntAt(set, "status.desiredNumberScheduled", 0),
          IntAt(set, "status.currentNumberScheduled", 0),
          IntAt(set, "status.numberReady", 0),
          IntAt(set, "status.updatedNumberScheduled", 0),
          IntAt(set, "status.numberAvailable", 0),
          LabelsText(Find(set, "spec.template.spec.nodeSelector")),
          AgeOfObject(set, now),
          ContainerNames(set),
          ContainerImages(set),
          SelectorText(Find(set, "spec.selector"))};
}

std::string JobStatus(const Json& job) {
  const auto has = [&](std::string_view type) {
    for (const Json& condition : ArrayAt(job, "status.conditions")) {
      if (TextAt(condition, "type") == type) return TextAt(condition, "status") == "True";
    }
    return false;
  };
  for (const char* type : {"Complete", "Failed"}) {
    if (has(type)) return type;
  }
  if (Find(job, "metadata.deletionTimestamp")) return "Terminating";
  for (const char* type : {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
    if (has(type)) return type;
  }
  return "Running";
}

std::string JobCompletions(const Json& job) {
  const std::int64_t succeeded = IntAt(job, "status.succeeded", 0);
  if (Find(job, "spec.completions")) return fmt::format("{}/{}", succeeded, IntAt(job, "spec.completions", 0));
  const std::int64_t parallelism = IntAt(job, "spec.parallelism", 0);
  return parallelism > 1 ? fmt::format("{}/1 of {}", succeeded, parallelism) : fmt::format("{}/1", succeeded);
}

std::string JobDuration(const Json& job, WallTime now) {
  const auto start = base::ParseRfc3339(TextAt(job, "status.startTime"));
  if (!start) return "";
  const auto end = base::ParseRfc3339(TextAt(job, "status.completionTime"));
  return HumanDuration(end.value_or(now) - *start);
}

Json JobCells(const Json& job, WallTime now) {
  return {NameOf(job),           JobStatus(job),      JobCompletions(job),  JobDuration(job, now),
          AgeOfObject(job, now), ContainerNames(job), ContainerImages(job), SelectorText(Find(job, "spec.selector"))};
}

Json CronJobCells(const Json& job, WallTime now) {
  const std::string last = TextAt(job, "status.lastScheduleTime");
  return {NameOf(job),
          TextAt(job, "spec.schedule"),
          OrNone(TextAt(job, "spec.timeZone")),
          IsTrueAt(job, "spec.suspend") ? "True" : "False",
          static_cast<std::int64_t>(ArrayAt(job, "status.active").size()),
          last.empty() ? "<none>" : AgeOf(last, now),
          AgeOfObject(job, now)};
}

// An IntOrString, or "N/A".
std::string AmountText(const Json* amount) {
  if (!amount) return "N/A";
  return amount->is_string() ? amount->get<std::string>() : amount->dump();
}

Json BudgetCells(const Json& budget, WallTime now) {
  return {NameOf(budget), AmountText(Find(budget, "spec.minAvailable")),
          AmountText(Find(budget, "spec.maxUnavailable")), IntAt(budget, "status.disruptionsAllowed", 0),
          AgeOfObject(budget, now)};
}

Json RevisionCells(const Json& revision, WallTime now) {
  std::string controller;
  for (const Json& owner : ArrayAt(revision, "metadata.ownerReferences")) {
    if (!IsTrueAt(owner, "controller")) continue;
    std::string kind = TextAt(owner, "kind");
    for (char& c : kind) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    controller = fmt::format("{}.apps/{}", kind, TextAt(owner, "name"));
  }
  return {NameOf(revision), OrNone(std::move(controller)), IntAt(revision, "revision", 0), AgeOfObject(revision, now)};
}

}  // namespace

const std::vector<Printer>& WorkloadPrinters() {
  constexpr std::string_view kInt = "integer";
  static const std::vector<Printer> printers = {
      {"apps",
       "deployments",
       {{"Name"}, {"Ready"}, {"Up-to-date"}, {"Available"}, {"Age"}, kContainers, kImages, kSelector},
       DeploymentCells},
      {"apps",
       "replicasets",
       {{"Name"}, {"Desired", kInt}, {"Current", kInt}, {"Ready", kInt}, {"Age"}, kContainers, kImages, kSelector},
       ReplicaSetCells},
      {"",
       "replicationcontrollers",
       {{"Name"}, {"Desired", kInt}, {"Current", kInt}, {"Ready", kInt}, {"Age"}, kContainers, kImages, kSelector},
       ReplicationControllerCells},
      {"apps", "statefulsets", {{"Name"}, {"Ready"}, {"Age"}, kContainers, kImages}, StatefulSetCells},
      {"apps",
       "daemonsets",
       {{"Name"},
        {"Desired", kInt},
        {"Current", kInt},
        {"Ready", kInt},
        {"Up-to-date", kInt},
        {"Available", kInt},
        {"Node Selector"},
        {"Age"},
        kContainers,
        kImages,
        kSelector},
       DaemonSetCells},
      {"batch",
       "jobs",
       {{"Name"}, {"Status"}, {"Completions"}, {"Duration"}, {"Age"}, kContainers, kImages, kSelector},
       JobCells},
      {"batch",
       "cronjobs",
       {{"Name"}, {"Schedule"}, {"Timezone"}, {"Suspend"}, {"Active", kInt}, {"Last Schedule"}, {"Age"}},
       CronJobCells},
      {"policy",
       "poddisruptionbudgets",
       {{"Name"}, {"Min Available"}, {"Max Unavailable"}, {"Allowed Disruptions", kInt}, {"Age"}},
       BudgetCells},
      {"apps", "controllerrevisions", {{"Name"}, {"Controller"}, {"Revision", kInt}, {"Age"}}, RevisionCells},
  };
  return printers;
}

}  // namespace spillway::sandbox
