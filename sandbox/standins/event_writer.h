#pragma once

#include <map>
#include <string>

#include "sandbox/standins/objects.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

// Writes Events for a stand-in, straight into the store. Equal (object, type, reason, action) events
// become one with a count. Loop thread only.
class EventWriter {
 public:
  // What makes two events equal. client-go's events.k8s.io broadcaster (scheduler) ignores the note, so that a series
  // keeps its first text, and writes eventTime; the older recorder (controllers, kubelets) compares the note and writes
  // count and timestamps.
  enum class Equality : std::uint8_t { kIgnoresNote, kWithNote };

  // `controller`: "default-scheduler"; `instance`: "default-scheduler-sandbox".
  EventWriter(Store& store, std::string controller, std::string instance, Equality equality = Equality::kWithNote);

  // `type`: Normal or Warning. Refusals (the namespace is going) are dropped, as everywhere in Kubernetes.
  void Write(const Json& regarding, std::string_view type, std::string_view reason, std::string_view action,
             std::string_view note);
  // For a node's kubelet, whose instance is the node.
  void WriteAs(const std::string& instance, const Json& regarding, std::string_view type, std::string_view reason,
               std::string_view action, std::string_view note);

 private:
  struct Series {
    std::string ns, name;
    int count = 1;
    Instant last;
  };
  bool ContinueSeries(const std::string& key);

  Store& store_;
  std::string controller_, instance_;
  Equality equality_;
  std::map<std::string, Series> series_;
};

}  // namespace spillway::sandbox
