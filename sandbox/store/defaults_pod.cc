#include <optional>
#include <string>

#include "kube/api/quantity.h"
#include "sandbox/store/defaults.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

void DefaultProbe(Json& container, const char* name) {
  Json* probe = Find(container, name);
  if (!probe || !probe->is_object()) return;
  Default(*probe, "timeoutSeconds", 1);
  Default(*probe, "periodSeconds", 10);
  Default(*probe, "successThreshold", 1);
  Default(*probe, "failureThreshold", 3);
  if (Json* http = Find(*probe, "httpGet"); http && http->is_object()) {
    Default(*http, "path", "/");
    Default(*http, "scheme", "HTTP");
  }
}

// Always for a floating image, IfNotPresent for a fixed one.
std::string_view PullPolicy(const std::string& image) {
  if (image.find('@') != std::string::npos) return "IfNotPresent";
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.rfind(':');
  const bool has_tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return !has_tag || image.substr(colon + 1) == "latest" ? "Always" : "IfNotPresent";
}

void DefaultContainer(Json& container, bool host_network) {
  if (!container.is_object()) return;
  for (const char* part : {"resources.requests", "resources.limits"}) QuantitiesToText(Find(container, part));
  Default(container, "terminationMessagePath", "/dev/termination-log");
  Default(container, "terminationMessagePolicy", "File");
  Default(container, "imagePullPolicy", PullPolicy(TextAt(container, "image")));
  Default(container, "resources", Json::object());
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) DefaultProbe(container, probe);
  if (Json* ports = Find(container, "ports"); ports && ports->is_array()) {
    for (Json& port : *ports) {
      if (!port.is_object()) continue;
      Default(port, "protocol", "TCP");
      if (host_network && port.contains("containerPort")) Default(port, "hostPort", port["containerPort"]);
    }
  }
  if (Json* env = Find(container, "env"); env && env->is_array()) {
    for (Json& variable : *env) {
      if (Json* ref = Find(variable, "valueFrom.fieldRef"); ref && ref->is_object()) Default(*ref, "apiVersion", "v1");
    }
  }
}

void DefaultVolume(Json& volume) {
  if (!volume.is_object()) return;
  if (volume.size() == 1) volume["emptyDir"] = Json::object();
  for (const char* source : {"secret", "configMap", "projected", "downwardAPI"}) {
    if (Json* found = Find(volume, source); found && found->is_object()) Default(*found, "defaultMode", 420);
  }
  if (Json* path = Find(volume, "hostPath"); path && path->is_object()) Default(*path, "type", "");
}

bool IsPositive(const Json& quantity) {
  if (!quantity.is_string()) return false;
  const auto parsed = kube::Quantity::Parse(quantity.get<std::string>());
  return parsed && *parsed > kube::Quantity();
}

}  // namespace

void QuantitiesToText(Json* amounts) {
  if (!amounts || !amounts->is_object()) return;
  for (Json& amount : *amounts) {
    if (amount.is_number()) amount = amount.dump();
  }
}

void DefaultPodSpec(Json& spec) {
  if (!spec.is_object()) return;
  Default(spec, "dnsPolicy", "ClusterFirst");
  Default(spec, "restartPolicy", "Always");
  Default(spec, "terminationGracePeriodSeconds", 30);
  Default(spec, "securityContext", Json::object());
  Default(spec, "schedulerName", "default-scheduler");
  // The older name lives on beside the newer one, as upstream.
  if (const std::string account = TextAt(spec, "serviceAccountName"); !account.empty())
    spec["serviceAccount"] = account;
  for (const char* list : {"initContainers", "containers"}) {
    Json* containers = Find(spec, list);
    if (!containers || !containers->is_array()) continue;
    for (Json& container : *containers) DefaultContainer(container, IsTrueAt(spec, "hostNetwork"));
  }
  if (Json* volumes = Find(spec, "volumes"); volumes && volumes->is_array()) {
    for (Json& volume : *volumes) DefaultVolume(volume);
  }
}

std::string_view QosClass(const Json& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : ArrayAt(spec, list)) {
      for (const char* resource : {"cpu", "memory"}) {
        const Json* request = Find(container, std::string("resources.requests.") + resource);
        const Json* limit = Find(container, std::string("resources.limits.") + resource);
        const bool has_request = request && IsPositive(*request);
        const bool has_limit = limit && IsPositive(*limit);
        any = any || has_request || has_limit;
        if (!has_limit) guaranteed = false;
        if (has_limit && has_request &&
            kube::Quantity::Parse(request->get<std::string>()) != kube::Quantity::Parse(limit->get<std::string>())) {
          guaranteed = false;
        }
      }
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace spillway::sandbox
