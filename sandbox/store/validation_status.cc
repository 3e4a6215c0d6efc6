#include <algorithm>
#include <string>

#include "sandbox/store/json_path.h"
#include "sandbox/store/validation.h"

namespace spillway::sandbox {
namespace {

using Errors = std::vector<FieldError>;

bool IsIpv6(const std::string& ip) { return ip.find(':') != std::string::npos; }

void CheckFamilies(const Json& status, const char* list, Errors& errors) {
  const Json& addresses = ArrayAt(status, list);
  if (addresses.size() < 2) return;
  const auto is_v6 = [](const Json& each) { return IsIpv6(TextAt(each, "ip")); };
  const auto of_v6 = std::count_if(addresses.begin(), addresses.end(), is_v6);
  if (addresses.size() == 2 && of_v6 == 1) return;
  errors.push_back(
      FieldInvalid(std::string("status.") + list, addresses, "may specify no more than one IP for each IP family"));
}

void CheckAddresses(const Json& status, Errors& errors) {
  // Where podIP and podIPs differ, podIP is what counts.
  const Json& pod_ips = ArrayAt(status, "podIPs");
  const std::string pod_ip = TextAt(status, "podIP");
  if (pod_ip.empty() || pod_ips.empty() || TextAt(pod_ips[0], "ip") == pod_ip) CheckFamilies(status, "podIPs", errors);
  const Json& host_ips = ArrayAt(status, "hostIPs");
  if (!host_ips.empty() && TextAt(host_ips[0], "ip") != TextAt(status, "hostIP")) {
    errors.push_back(FieldInvalid("status.hostIPs[0].ip", TextAt(host_ips[0], "ip"), "must be equal to `hostIP`"));
  }
  CheckFamilies(status, "hostIPs", errors);
}

// A container that has ended and is not to be started again stays ended.
void CheckTransitions(const Json& old, const Json& next, Errors& errors) {
  const std::string policy = TextAt(old, "spec.restartPolicy");
  if (policy.empty() || policy == "Always") return;
  const Json& before = ArrayAt(old, "status.containerStatuses");
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!Find(before[i], "state.terminated")) continue;
    if (IntAt(before[i], "state.terminated.exitCode", 0) != 0 && policy == "OnFailure") continue;
    for (const Json& after : ArrayAt(next, "status.containerStatuses")) {
      if (TextAt(after, "name") != TextAt(before[i], "name") || Find(after, "state.terminated")) continue;
      errors.push_back(FieldForbidden("status.containerStatuses[" + std::to_string(i) + "].state",
                                      "may not be transitioned to non-terminated state"));
    }
  }
}

}  // namespace

std::vector<FieldError> ValidateStatusUpdate(const Kind& kind, const Json& old, const Json& next) {
  Errors errors;
  if (kind.plural != "pods") return errors;
  const Json* status = Find(next, "status");
  if (!status || !status->is_object()) return errors;
  const std::string was = TextAt(old, "status.qosClass");
  const std::string is = TextAt(*status, "qosClass");
  if (!was.empty() && !is.empty() && is != was) {
    errors.push_back(FieldInvalid("status.qosClass", is, "field is immutable"));
  }
  CheckTransitions(old, next, errors);
  CheckAddresses(*status, errors);
  return errors;
}

}  // namespace spillway::sandbox
