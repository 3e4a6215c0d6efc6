#include "cmd/subcommands.h"

namespace spillway::cmd {

const std::vector<Subcommand>& Subcommands() {
  static const std::vector<Subcommand> table = {
      {"controller", "find Pods that fit nowhere and bind them to virtual nodes", RunController, ControllerFlags},
      {"agent", "run one virtual node on a provider", RunAgent, AgentFlags},
      {"agent audit", "list instances in the cloud that no Pod stands behind", RunAgentAudit, AgentAuditFlags},
      {"agent retire", "wait until nothing runs on virtual nodes, so that their agents can go", RunAgentRetire,
       AgentRetireFlags},
      {"agent forget", "delete the Nodes of virtual nodes whose agents are gone", RunAgentForget, AgentForgetFlags},
      {"completion", "print a script that has a shell complete commands and flags", RunCompletion, CompletionFlags},
      {"config check", "say whether a controller would take a configuration, or why not", RunConfigCheck,
       ConfigCheckFlags},
      {"demo", "play the walk-throughs on a cluster in memory, and leave it up to play with", RunDemo, DemoFlags},
      {"docs", "print the reference of flags, metrics or events as Markdown", RunDocs, DocsFlags},
      {"doctor", "look for what keeps Spillway from working in a cluster, and say what to do", RunDoctor, DoctorFlags},
      {"explain", "say of one Pod which nodes refuse it, and what would change that", RunExplain, ExplainFlags},
      {"gates lift", "lift the gates that nobody has lifted, when all else of Spillway is gone", RunGatesLift,
       GatesLiftFlags},
      {"sandbox", "serve an in-memory Kubernetes API, empty or synthetic, over HTTPS", RunSandbox, SandboxFlags},
      {"simulate", "say of every pending Pod in a snapshot where it fits, or why nowhere", RunSimulate, SimulateFlags},
      {"webhook", "answer kube-apiserver as Pods are created: gates, injection, adopted schedulers", RunWebhook,
       WebhookFlags},
  };
  return table;
}

}  // namespace spillway::cmd
