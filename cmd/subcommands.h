#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/flags/flags.h"

// One function and one FlagSet per subcommand, each defined in the cmd/ file of its name. `args` is what follows the
// subcommand's name; the result is the process's exit code.
namespace spillway::cmd {

int RunAgent(std::vector<std::string> args);
FlagSet AgentFlags();
int RunAgentAudit(std::vector<std::string> args);
FlagSet AgentAuditFlags();
int RunAgentForget(std::vector<std::string> args);
FlagSet AgentForgetFlags();
int RunAgentRetire(std::vector<std::string> args);
FlagSet AgentRetireFlags();
int RunController(std::vector<std::string> args);
FlagSet ControllerFlags();
int RunCompletion(std::vector<std::string> args);
FlagSet CompletionFlags();
int RunConfigCheck(std::vector<std::string> args);
FlagSet ConfigCheckFlags();
int RunDemo(std::vector<std::string> args);
FlagSet DemoFlags();
int RunDocs(std::vector<std::string> args);
FlagSet DocsFlags();
// What `spillway docs <name>` prints; nullopt when there is no such page.
std::optional<std::string> DocsPage(std::string_view name);

int RunDoctor(std::vector<std::string> args);
FlagSet DoctorFlags();
int RunExplain(std::vector<std::string> args);
FlagSet ExplainFlags();
int RunGatesLift(std::vector<std::string> args);
FlagSet GatesLiftFlags();
int RunSandbox(std::vector<std::string> args);
FlagSet SandboxFlags();
int RunSimulate(std::vector<std::string> args);
FlagSet SimulateFlags();
int RunWebhook(std::vector<std::string> args);
FlagSet WebhookFlags();

struct Subcommand {
  std::string_view name;  // one word, or two: "agent audit"
  std::string_view summary;
  int (*run)(std::vector<std::string> args);
  FlagSet (*flags)();
};

// In the order of help texts.
const std::vector<Subcommand>& Subcommands();

}  // namespace spillway::cmd
