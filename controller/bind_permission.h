#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/runtime.h"
#include "base/scope.h"
#include "kube/client.h"

namespace spillway::controller {

// Whether we may bind Pods, namespace by namespace. It is taken for granted until a bind is refused with 403. That may
// be an admission plugin's word about one Pod, or a missing permission; the API server itself is asked which. Only its
// "no" holds a namespace back, is logged once with what to do, and is asked about until it is a "yes". Loop thread
// only.
class BindPermission {
 public:
  // `client` outlives this.
  BindPermission(Runtime& runtime, kube::Client& client) : runtime_(runtime), client_(client), flows_(runtime) {}

  // A bind in `ns` was answered with 403.
  void Doubt(const std::string& ns);
  // Set while we may not bind in `ns`: when to look again.
  std::optional<Instant> HeldUntil(const std::string& ns) const;

 private:
  Task<void> AskUntilAllowed(std::string ns);

  Runtime& runtime_;
  kube::Client& client_;
  std::map<std::string, std::optional<Instant>> doubted_;  // with a value: it may not, and is asked again then
  TaskScope flows_;                                        // last: dies before what its flows use
};

}  // namespace spillway::controller
