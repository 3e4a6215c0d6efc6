#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/policy/policy.h"
#include "kube/client.h"
#include "kube/event_recorder.h"
#include "kube/reflector.h"
#include "kube/transport.h"
#include "metrics/registry.h"

namespace spillway::controller {

// Key of the SpillwayConfiguration in its ConfigMap.
inline constexpr std::string_view kConfigurationKey = "config.yaml";

// The policy that a SpillwayConfiguration comes to: what it does not say is as `flags` have it. Validated whole: an
// error ("config.yaml:3: ...") means that nothing of it counts. `set_in` names it in texts: "ConfigMap ns/name".
using ConfigurationReader =
    std::function<Result<Policy>(std::string_view yaml, const Policy& flags, const std::string& set_in)>;

struct ConfigurationOptions {
  std::string config_map;    // namespace/name; empty: flags alone
  ConfigurationReader read;  // null: flags alone
};

// Keeps a policy as the SpillwayConfiguration in a ConfigMap says, from one turn of the loop to the next, while people
// edit it. One that cannot be read changes nothing: the last that could be stays in effect, across restarts too, for
// the leader keeps it in a ConfigMap beside, <name>-last-good. Should there be none, everything is a dry run until it
// is mended. Without the ConfigMap the flags are in effect. With --dry-run it can only switch everything off. Loop
// thread only.
class Configuration {
 public:
  // All outlive this. `policy` is as the flags have it, and this writes it. `leads`: whether this process may write.
  Configuration(Runtime& runtime, kube::Transport& transport, kube::Client& api, kube::EventRecorder& events,
                metrics::Registry& metrics, ConfigurationOptions options, Policy& policy, std::function<bool()> leads);
  // `on_change` is called after each change.
  void Start(std::function<void()> on_change);
  // This process leads now: what is in effect is kept.
  void Keep() { keep_.Notify(); }

  // Ok once it is known what is in effect: nothing may be decided before.
  Status Known() const;
  // What is wrong with the newest, and what is in effect instead; empty: nothing is.
  const std::string& rejected() const { return rejected_; }

 private:
  void OnConfigMap(const kube::DeltaBatch<kube::ConfigMap>& batch);
  void Take(const kube::ConfigMap& map);
  void Adopt(Policy policy, std::string good_text);
  void Reject(std::string why);
  void Forget();
  void Swap(Policy policy);
  Result<Policy> Read(const std::string& text) const;
  Task<void> FindLastGood();
  Task<void> KeepLastGood();
  Task<Status> WriteLastGood(std::string text, std::string uid);
  void Tell(kube::Event::Type type, std::string_view reason, const std::string& note);

  Runtime& runtime_;
  kube::Client& api_;
  kube::EventRecorder& events_;
  metrics::Registry& metrics_;
  ConfigurationOptions options_;
  Policy& policy_;
  const Policy flags_;
  std::function<bool()> leads_;
  std::function<void()> on_change_;
  std::string ns_, name_, set_in_;
  std::string uid_, version_;        // of the ConfigMap; empty: there is none
  std::string text_;                 // that was looked at last
  std::optional<std::string> good_;  // that was read last; nullopt: none was
  std::optional<std::string> kept_;  // that is in <name>-last-good, as far as this process knows...
  std::string kept_for_;             // ...and the UID of the ConfigMap that it goes with
  std::string rejected_;
  bool listed_ = false;
  bool searching_ = false;  // for the last good one
  Signal keep_;
  std::optional<kube::Reflector<kube::ConfigMap>> watch_;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
