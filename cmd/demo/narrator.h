#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/runtime.h"
#include "sandbox/store/store.h"

namespace spillway::cmd {

// Tells what happens in the sandbox as it happens: one line per event worth telling, with the time since Begin().
class Narrator {
 public:
  Narrator(Runtime& runtime, sandbox::Store& store);

  // Prints a heading and counts the time from now on.
  void Begin(const std::string& heading);
  // Silent until the next Begin().
  void End() { silent_ = true; }
  // A step of the walk-through itself.
  void Step(const std::string& text);
  void Print(const std::string& text);

 private:
  void OnEvent(const sandbox::WatchEvent& event);

  Runtime& runtime_;
  bool silent_ = true;
  Instant begin_;
  std::set<std::string> told_;  // UIDs of events
  std::unique_ptr<sandbox::Store::Watch> watch_;
};

}  // namespace spillway::cmd
