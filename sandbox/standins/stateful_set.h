#pragma once

#include <string>

#include "sandbox/standins/context.h"
#include "sandbox/standins/event_writer.h"

namespace spillway::sandbox {

// Stands in for the StatefulSet controller: name-0, name-1, ... one after the other (or side by side with
// podManagementPolicy Parallel), the highest ordinal goes first, a changed template replaces Pods from the highest
// ordinal down. Claims from volumeClaimTemplates are not made.
//
// Source: kube-controller-manager pkg/controller/statefulset, v1.36.
class StatefulSetController {
 public:
  explicit StatefulSetController(StandinContext context);

 private:
  void Sync(const std::string& key);
  // True if something was created or deleted: the next look comes with its effect.
  bool Step(const Json& set, const std::string& revision);
  void CreatePod(const Json& set, std::int64_t ordinal, const std::string& revision);
  void DeletePod(const Json& set, const Json& pod);
  void WriteStatus(const std::string& key, const Json& set, const std::string& revision);

  StandinContext context_;
  ObjectCache& sets_;
  ObjectCache& pods_;
  EventWriter events_;
  WorkQueue queue_;
};

}  // namespace spillway::sandbox
