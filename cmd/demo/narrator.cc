#include "cmd/demo/narrator.h"

#include <fmt/core.h>

#include <cstdio>

#include "sandbox/standins/objects.h"

namespace spillway::cmd {
namespace {

// What leads a Pod to its place; the rest (pulling, scaling) is left to kubectl describe.
const std::set<std::string, std::less<>> kWorthTelling = {"Scheduled",
                                                          "FailedScheduling",
                                                          "OverflowScheduled",
                                                          "OverflowWaiting",
                                                          "OverflowNoCapacity",
                                                          "OverflowUnsupported",
                                                          "OverflowBindFailed",
                                                          "OverflowUndecidable",
                                                          "Started",
                                                          "Failed",
                                                          "InstanceCreateFailed",
                                                          "InstanceLost",
                                                          "Completed"};

constexpr int kReasonWidth = 18;

}  // namespace

Narrator::Narrator(Runtime& runtime, sandbox::Store& store)
    : runtime_(runtime),
      watch_(store.NewWatch("events", {}, [this](const sandbox::WatchEvent& event) { OnEvent(event); })) {}

void Narrator::Begin(const std::string& heading) {
  begin_ = runtime_.Now();
  silent_ = false;
  fmt::print("\n{}\n{}\n\n", heading, std::string(heading.size(), '='));
  std::fflush(stdout);
}

void Narrator::Step(const std::string& text) {
  fmt::print("{:>7}  $ {}\n", base::FormatDuration(runtime_.Now() - begin_), text);
  std::fflush(stdout);
}

void Narrator::Print(const std::string& text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

void Narrator::OnEvent(const sandbox::WatchEvent& event) {
  const std::string reason = sandbox::Text(event.object, {"reason"});
  if (!told_.insert(sandbox::UidOf(event.object)).second || silent_ || !kWorthTelling.contains(reason)) return;
  if (event.type == sandbox::WatchEvent::Type::kDeleted) return;
  fmt::print("{:>7}  {:<{}} {}: {}\n", base::FormatDuration(runtime_.Now() - begin_), reason, kReasonWidth,
             sandbox::Text(event.object, {"involvedObject", "name"}), sandbox::Text(event.object, {"message"}));
  std::fflush(stdout);
}

}  // namespace spillway::cmd
