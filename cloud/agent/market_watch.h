#pragma once

#include <functional>

#include "base/scope.h"
#include "cloud/agent/context.h"

namespace spillway::cloud {

// Asks a cloud for its prices and its stock now and then, where it has calls for that. Loop thread only.
class MarketWatch {
 public:
  // `on_news` is called after each answer. The context outlives it.
  MarketWatch(AgentContext& context, std::function<void()> on_news);
  void Start();

 private:
  Task<void> Keep();

  AgentContext& context_;
  std::function<void()> on_news_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
