#include <fmt/core.h>
#include <gflags/gflags.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "cmd/configuration/configuration.h"
#include "cmd/flags/input_flags.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/output_flags.h"
#include "cmd/flags/policy_flags.h"
#include "cmd/flags/simulation_flags.h"
#include "cmd/simulate/simulation.h"
#include "cmd/simulate/what_if.h"
#include "cmd/snapshot/live_snapshot.h"
#include "cmd/snapshot/snapshot.h"
#include "cmd/subcommands.h"

DEFINE_string(mode, "filter",
              "filter: judge each pending Pod alone. pack: place them in kube-scheduler's queue order, then on the "
              "virtual nodes those that a controller with these flags would move. each: pack each pending Pod alone.");
DEFINE_string(configuration_file, "",
              "With --mode=pack: a file with the SpillwayConfiguration that the controller would have.");
DEFINE_bool(batch, false,
            "Every line of the input is a snapshot of its own, a List; every line of the output answers one, as JSON, "
            "the moment it is read: {\"verdicts\":[...]} or {\"error\":\"...\"}.");
DEFINE_string(
    add_nodes, "",
    "What if there were more nodes: a number and a manifest of one such Node each, as 3=node.yaml,1=gpu.yaml.");
DEFINE_string(count_nodes, "",
              "How many nodes like this one, the manifest of a Node, would take the Pods that fit on no real node.");
DEFINE_string(scale, "",
              "What if owners had more or fewer Pods: [namespace/]kind/name=replicas, as shop/deployment/web=20.");

namespace spillway::cmd {
namespace {

struct NewNodes {
  int count = 0;
  std::string file, yaml;
};

using Mode = std::function<std::vector<Outcome>(const Snapshot&, const std::vector<Snapshot::PendingPod>&)>;

struct Simulation {
  SnapshotOptions options;
  std::vector<NewNodes> new_nodes;
  std::vector<Scaling> scalings;
  Mode judge = JudgeEach;
  bool keeps_pending = false;  // as PackAll() wants it
  std::string auto_scale_config;
  std::optional<kube::Node> shape;  // with --count-nodes
  bool json = false;
};

Status ChangeAsAsked(const Simulation& simulation, Snapshot& snapshot) {
  for (const NewNodes& nodes : simulation.new_nodes) {
    if (const Status added = AddNodes(snapshot, nodes.count, nodes.yaml); !added) {
      return Fail(added.error().code, fmt::format("{}: {}", nodes.file, added.error().message));
    }
  }
  for (const Scaling& scaling : simulation.scalings) {
    if (Status scaled = Rescale(snapshot, scaling); !scaled) return scaled;
  }
  return {};
}

std::string Answer(const Simulation& simulation, const Snapshot& snapshot) {
  const auto pods = snapshot.PendingPods();
  const auto outcomes = simulation.judge(snapshot, pods);
  std::optional<NodesOfShape> needed;
  if (simulation.shape) needed = CountNodes(snapshot, outcomes, *simulation.shape);
  return simulation.json ? AsJson(snapshot.cluster(), outcomes, needed) : AsTable(snapshot.cluster(), outcomes, needed);
}

// One answer a line, and the next line is read only then: another process may converse with this one.
bool AnswerLines(const Simulation& simulation, std::istream& input, std::string_view name) {
  bool all_read = true;
  std::string line;
  for (std::size_t number = 1; std::getline(input, line); ++number) {
    if (line.empty()) continue;
    Snapshot snapshot(simulation.options);
    Status read = snapshot.ReadText(line, fmt::format("{}[{}]", name, number));
    if (read) read = ChangeAsAsked(simulation, snapshot);
    if (read) {
      fmt::print("{}", Answer(simulation, snapshot));
    } else {
      all_read = false;
      fmt::print("{}\n", nlohmann::json{{"error", read.error().message}}.dump(
                             -1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    std::fflush(stdout);
  }
  return all_read;
}

ExitCode Batch(const Simulation& simulation, const std::vector<std::string>& files) {
  bool all_read = true;
  for (const std::string& file : files) {
    if (file == "-") {
      all_read &= AnswerLines(simulation, std::cin, "<stdin>");
      continue;
    }
    std::ifstream input(file);
    if (!input) return UsageError("simulate", fmt::format("{}: {}", file, std::strerror(errno)));
    all_read &= AnswerLines(simulation, input, file);
  }
  return all_read ? 0 : kUsageExit;
}

Status ReadChanges(Simulation& simulation) {
  auto additions = ParseNodeAdditions(FLAGS_add_nodes);
  if (!additions) return Fail(std::move(additions.error()));
  for (NodeAddition& addition : *additions) {
    auto yaml = base::ReadFile(addition.file);
    if (!yaml) return Fail(std::move(yaml.error()));
    simulation.new_nodes.push_back({addition.count, std::move(addition.file), std::move(*yaml)});
  }
  if (!FLAGS_count_nodes.empty()) {
    const auto yaml = base::ReadFile(FLAGS_count_nodes);
    if (!yaml) return Fail(yaml.error());
    auto shape = ParseNodeShape(*yaml);
    if (!shape) return Fail(std::move(shape.error()).Annotated(FLAGS_count_nodes));
    simulation.shape = std::move(*shape);
  }
  auto scalings = ParseScalings(FLAGS_scale);
  if (!scalings) return Fail(std::move(scalings.error()));
  simulation.scalings = std::move(*scalings);
  simulation.options.keeps = [wanted = simulation.scalings, packs = simulation.keeps_pending](const kube::Pod& pod) {
    return (packs && IsPacked(pod)) ||
           std::any_of(wanted.begin(), wanted.end(), [&](const Scaling& scaling) { return scaling.Owns(pod); });
  };
  return {};
}

// What a controller with these flags would go by, and with that configuration.
Result<controller::Policy> PackingPolicy() {
  auto policy = PolicyOfFlags();
  if (!policy || FLAGS_configuration_file.empty()) return policy;
  const auto text = base::ReadFile(FLAGS_configuration_file);
  if (!text) return Fail(text.error());
  return ReadConfiguration(*text, *policy, FLAGS_configuration_file, FLAGS_configuration_file);
}

Status ReadMode(Simulation& simulation) {
  if (FLAGS_mode == "filter") {
    simulation.judge = JudgeEach;
  } else if (FLAGS_mode == "each") {
    simulation.judge = PackEach;
  } else if (FLAGS_mode == "pack") {
    auto policy = PackingPolicy();
    if (!policy) return Fail(std::move(policy.error()));
    simulation.auto_scale_config = policy->auto_scale_eks_config;
    simulation.judge = [policy = std::move(*policy)](const Snapshot& snapshot, const auto& pods) {
      return PackAll(snapshot, pods, policy);
    };
    simulation.keeps_pending = true;
  } else {
    return Fail(Code::kInvalidArgument, fmt::format("--mode={}: want filter, pack or each", FLAGS_mode));
  }
  return {};
}

Result<Simulation> SimulationFromFlags() {
  Simulation simulation;
  if (Status read = ReadMode(simulation); !read) return Fail(std::move(read.error()));
  const auto json = WantsJson();
  if (!json) return Fail(json.error());
  simulation.json = *json || FLAGS_batch;
  auto options = SnapshotOptionsFromFlags();
  if (!options) return Fail(std::move(options.error()));
  simulation.options = std::move(*options);
  simulation.options.auto_scale_config = simulation.auto_scale_config;
  if (auto read = ReadChanges(simulation); !read) return Fail(std::move(read.error()));
  return simulation;
}

VersionSource VersionOfCluster() {
  const auto given = SchedulerMinorVersion();
  return given && *given == 0 ? VersionSource::kAsTheApiServer : VersionSource::kAsGiven;
}

Result<Snapshot> SnapshotOfFiles(const SnapshotOptions& options, const std::vector<std::string>& files) {
  Snapshot snapshot(options);
  for (const std::string& file : files) {
    if (auto read = snapshot.ReadFile(file); !read) return Fail(std::move(read.error()));
  }
  return snapshot;
}

}  // namespace

FlagSet SimulateFlags() {
  return {.subcommand = "simulate",
          .summary =
              "Says of every pending Pod in a snapshot, or in a live cluster, where kube-scheduler could place it, or "
              "why nowhere.",
          .groups = {kInputFlags,
                     kOutputFlags,
                     kKubeconfigFlags,
                     {"What if, and how", "cmd/simulate/simulate.cc"},
                     kPolicyFlags,
                     kSimulationFlags},
          .defaults = {},
          .arguments = "[FILE...]"};
}

int RunSimulate(std::vector<std::string> args) {
  const auto flags = ParseFlags(SimulateFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto simulation = SimulationFromFlags();
  if (!simulation) return UsageError("simulate", simulation.error().message);
  const std::vector<std::string> files = InputFiles(flags->arguments);
  const auto live = WantsCluster(*flags, files);
  if (!live) return UsageError("simulate", live.error().message);
  if (FLAGS_batch && *live) return UsageError("simulate", "--batch reads files, not a live cluster");
  if (files.empty() && !*live) {
    return UsageError("simulate",
                      "name a file to read with -f, - for standard input, or a live cluster with --kubeconfig");
  }
  if (FLAGS_batch) return Batch(*simulation, files);
  InitProcess(*flags);
  auto snapshot =
      *live ? SnapshotOfCluster(simulation->options, VersionOfCluster()) : SnapshotOfFiles(simulation->options, files);
  if (!snapshot) {
    UsageError("simulate", snapshot.error().message);
    return *live ? 1 : kUsageExit;
  }
  if (const Status changed = ChangeAsAsked(*simulation, *snapshot); !changed) {
    return UsageError("simulate", changed.error().message);
  }
  fmt::print("{}", Answer(*simulation, *snapshot));
  return 0;
}

}  // namespace spillway::cmd
