#pragma once

#include <optional>
#include <string>

#include "cloud/agent/context.h"
#include "cloud/agent/latch.h"
#include "cloud/pod_network.h"

namespace spillway::cloud {

// The Node's annotation kResolvConfAnnotation, as it is now. Lines of which nothing can be made are told once for each
// content: a warning InvalidResolvConf on the Node and in the log, with number and text; the others hold. Without a
// single nameserver it says nothing. Loop thread only.
class NodeDns {
 public:
  NodeDns(Runtime& runtime, kube::EventRecorder& events, std::string node_name);

  // The Node as the API server has it.
  void OnNode(const Json& node);
  // Returns once the Node has been seen.
  Task<void> Known() { return known_.Wait(); }
  // None: Pods have what their policy says.
  const std::optional<ResolvConf>& conf() const { return conf_; }

 private:
  void Tell(const std::string& node_uid, const std::string& note);

  kube::EventRecorder& events_;
  const std::string node_name_;
  std::string text_;
  std::optional<ResolvConf> conf_;
  Latch known_;
};

}  // namespace spillway::cloud
