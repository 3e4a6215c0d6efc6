#pragma once

#include "base/runtime.h"
#include "cloud/agent/api_clients.h"
#include "cloud/agent/observer.h"
#include "cloud/agent/options.h"
#include "cloud/provider.h"
#include "kube/client.h"
#include "kube/event_recorder.h"

namespace spillway::cloud {

class CostMeter;
class InputReader;
class NodeDns;
class NodeLabels;

// What every part of one agent works with. All of it outlives them.
struct AgentContext {
  Runtime& runtime;
  ApiClients& api;
  kube::EventRecorder& events;
  Provider& provider;
  const AgentOptions& options;
  AgentObserver& observer;
  InputReader& inputs;
  NodeDns& node_dns;
  CostMeter& costs;
  NodeLabels& node_labels;
};

// Doubling pauses with up to 25% of jitter, so that what failed together does not come back together.
class RetryPauses {
 public:
  explicit RetryPauses(AgentContext& context) : RetryPauses(context, context.options.longest_retry) {}
  RetryPauses(AgentContext& context, Duration longest) : context_(context), longest_(longest) {}
  Duration Next() {
    pause_ = pause_ == Duration(0) ? context_.options.first_retry : 2 * pause_;
    if (pause_ > longest_) pause_ = longest_;
    return pause_ + context_.runtime.random().Between(Duration(0), pause_ / 4);
  }
  void Reset() { pause_ = Duration(0); }

 private:
  AgentContext& context_;
  Duration longest_;
  Duration pause_{0};
};

}  // namespace spillway::cloud
