#pragma once

#include <string>

#include "cloud/agent/pod_admission.h"

namespace spillway::cloud {

// What a lifecycle asks of its agent. Outlives it.
class PodLifecycleHost {
 public:
  virtual ~PodLifecycleHost() = default;
  // A fresh, complete listing of all instances, soon.
  virtual void RequestListing() = 0;
  // This instance of the Pod as it is, soon: OnInstance() or OnNotFound() is called on the lifecycle.
  virtual void RequestLook(const std::string& pod_uid, const std::string& instance_id) = 0;
  // No new instances are made: the agent is ending.
  virtual bool is_stopping() const = 0;
  // No other agent of this name can have taken over yet.
  virtual bool is_in_charge() const = 0;
  virtual PodAdmission& admission() = 0;
  // Nothing of the Pod is left here or in the cloud. Called once; destroys the lifecycle on a later turn.
  virtual void OnDone(const std::string& uid) = 0;
};

}  // namespace spillway::cloud
