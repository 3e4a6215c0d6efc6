#include <algorithm>
#include <string>

#include "sandbox/store/json_path.h"
#include "sandbox/store/validation.h"
#include "sandbox/store/validation_names.h"

// Source: pkg/apis/core/validation/validation.go ValidatePodStatusUpdate, v1.36.

namespace spillway::sandbox {
namespace {

using Errors = std::vector<FieldError>;

bool IsIpv6(const std::string& ip) { return ip.find(':') != std::string::npos; }

// Addresses that were there before may stay as they are.
void CheckIps(const Json& old, const Json& next, const char* list, Errors& errors) {
  const std::string field = std::string("status.") + list;
  const Json& before = ArrayAt(old, field);
  const Json& addresses = ArrayAt(next, field);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (std::find(before.begin(), before.end(), addresses[i]) != before.end()) continue;
    const std::string ip = TextAt(addresses[i], "ip");
    for (const std::string& why : WhyNoAddress(ip)) {
      errors.push_back(FieldInvalid(field + "[" + std::to_string(i) + "]", ip, why));
    }
  }
  if (addresses.size() < 2) return;
  const auto of_v6 =
      std::count_if(addresses.begin(), addresses.end(), [](const Json& each) { return IsIpv6(TextAt(each, "ip")); });
  if (addresses.size() == 2 && of_v6 == 1) return;
  Json shown = Json::array();
  for (const Json& each : addresses) shown.push_back({{"IP", TextAt(each, "ip")}});
  errors.push_back(FieldInvalid(field, shown, "may specify no more than one IP for each IP family"));
}

void CheckAddresses(const Json& old, const Json& next, Errors& errors) {
  CheckIps(old, next, "podIPs", errors);
  const Json& host_ips = ArrayAt(next, "status.hostIPs");
  if (!host_ips.empty() && TextAt(host_ips[0], "ip") != TextAt(next, "status.hostIP")) {
    errors.push_back(FieldInvalid("status.hostIPs[0].ip", TextAt(host_ips[0], "ip"), "must be equal to `hostIP`"));
  }
  CheckIps(old, next, "hostIPs", errors);
}

void CheckPodConditions(const Json& next, Errors& errors) {
  const Json& conditions = ArrayAt(next, "status.conditions");
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const std::string at = "status.conditions[" + std::to_string(i) + "]";
    if (const auto generation = IntAt(conditions[i], "observedGeneration", 0); generation < 0) {
      errors.push_back(FieldInvalid(at + ".observedGeneration", generation, "must be a non-negative integer"));
    }
    const std::string type = TextAt(conditions[i], "type");
    for (const std::string& why : WhyNoLabelKey(type)) errors.push_back(FieldInvalid(at + ".Type", type, why));
  }
}

// A container that has ended and is not to be started again stays ended. Sidecars always are.
void CheckTransitions(const Json& old, const Json& next, const char* list, Errors& errors) {
  const std::string policy = TextAt(old, "spec.restartPolicy");
  const std::string field = std::string("status.") + list + "Statuses";
  const Json& before = ArrayAt(old, field);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string name = TextAt(before[i], "name");
    if (!Find(before[i], "state.terminated")) continue;
    const Json& specs =
        ArrayAt(old, std::string("spec.") + (field.starts_with("status.init") ? "initContainers" : "containers"));
    const auto spec =
        std::find_if(specs.begin(), specs.end(), [&](const Json& each) { return TextAt(each, "name") == name; });
    std::string own = spec == specs.end() ? "Never" : TextAt(*spec, "restartPolicy");
    if (own.empty()) own = policy.empty() ? "Always" : policy;
    const bool failed = IntAt(before[i], "state.terminated.exitCode", 0) != 0;
    if (own == "Always" || (own == "OnFailure" && failed)) continue;
    for (const Json& after : ArrayAt(next, field)) {
      if (TextAt(after, "name") != name || Find(after, "state.terminated")) continue;
      errors.push_back(FieldForbidden(field + "[" + std::to_string(i) + "].state",
                                      "may not be transitioned to non-terminated state"));
      break;
    }
  }
}

}  // namespace

std::vector<FieldError> ValidateStatusUpdate(const Kind& kind, const Json& old, const Json& next) {
  Errors errors;
  if (kind.plural == "nodes") CheckNode(next, errors);
  if (kind.plural != "pods" || !Find(next, "status")) return errors;
  CheckPodConditions(next, errors);
  const std::string nominated = TextAt(next, "status.nominatedNodeName");
  if (!nominated.empty() && !TextAt(old, "spec.nodeName").empty() &&
      nominated != TextAt(old, "status.nominatedNodeName")) {
    errors.push_back(
        FieldForbidden("status.nominatedNodeName", "may not be set on pods that are already bound to a node"));
  }
  if (const auto generation = IntAt(next, "status.observedGeneration", 0); generation < 0) {
    errors.push_back(FieldInvalid("status.observedGeneration", generation, "must be a non-negative integer"));
  }
  const std::string was = TextAt(old, "status.qosClass"), is = TextAt(next, "status.qosClass");
  if (is != was) errors.push_back(FieldInvalid("status.qosClass", is, "field is immutable"));
  for (const char* list : {"container", "initContainer"}) CheckTransitions(old, next, list, errors);
  CheckAddresses(old, next, errors);
  return errors;
}

}  // namespace spillway::sandbox
