#include "sandbox/store/wire_form.h"

#include <fmt/core.h>

#include <map>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sandbox/store/quantity_text.h"

namespace spillway::sandbox {
namespace {

// One struct a line: its fields and their types. "!": written even when empty; "*": a pointer, so that an empty value
// differs from none; "[]": a list; "{}": a map from text. A type that is no line is kept as it is.
constexpr std::string_view kTypes = R"(
PodStatus observedGeneration int phase text conditions []PodCondition message text reason text nominatedNodeName text hostIP text hostIPs []Address podIP text podIPs []Address startTime *time initContainerStatuses []ContainerStatus containerStatuses []ContainerStatus qosClass text ephemeralContainerStatuses []ContainerStatus resize text resourceClaimStatuses []any extendedResourceClaimStatus any allocatedResources {}quantity resources any nodeAllocatableResourceClaimStatuses []any
PodCondition type! text observedGeneration int status! text lastProbeTime! time lastTransitionTime! time reason text message text
Address ip! text
ContainerStatus name! text state! ContainerState lastState! ContainerState ready! bool restartCount! int image! text imageID! text containerID text started *bool allocatedResources {}quantity resources any volumeMounts []any user any allocatedResourcesStatus []any stopSignal *text
ContainerState waiting *Waiting running *Running terminated *Terminated
Waiting reason text message text
Running startedAt! time
Terminated exitCode! int signal int reason text message text startedAt! time finishedAt! time containerID text
NodeSpec podCIDR text podCIDRs []text providerID text unschedulable bool taints []Taint configSource any externalID text
Taint key! text value text effect! text timeAdded *time
NodeStatus capacity {}quantity allocatable {}quantity phase text conditions []NodeCondition addresses []NodeAddress daemonEndpoints! DaemonEndpoints nodeInfo! NodeInfo images []any volumesInUse []text volumesAttached []any config any runtimeHandlers []any features any declaredFeatures []text
NodeCondition type! text status! text lastHeartbeatTime! time lastTransitionTime! time reason text message text
NodeAddress type! text address! text
DaemonEndpoints kubeletEndpoint! DaemonEndpoint
DaemonEndpoint Port! int
NodeInfo machineID! text systemUUID! text bootID! text kernelVersion! text osImage! text containerRuntimeVersion! text kubeletVersion! text kubeProxyVersion! text operatingSystem! text architecture! text swap any
LeaseSpec holderIdentity *text leaseDurationSeconds *int acquireTime *micro renewTime *micro leaseTransitions *int strategy *text preferredHolder *text
Event apiVersion text kind text metadata any involvedObject! Reference reason text message text source! Source firstTimestamp! time lastTimestamp! time count int type text eventTime! micro series *Series action text related *Reference reportingComponent! text reportingInstance! text
Reference kind text namespace text name text uid text apiVersion text resourceVersion text fieldPath text
Source component text host text
Series count int lastObservedTime! micro
)";

struct Field {
  std::string name, type;
  bool is_always = false;  // written
};
using Struct = std::vector<Field>;

const std::map<std::string, Struct, std::less<>>& Structs() {
  static const std::map<std::string, Struct, std::less<>> structs = [] {
    std::map<std::string, Struct, std::less<>> all;
    std::istringstream lines{std::string(kTypes)};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string name;
      words >> name;
      for (Field field; words >> field.name >> field.type;) {
        field.is_always = field.name.ends_with('!');
        if (field.is_always) field.name.pop_back();
        all[name].push_back(field);
      }
    }
    return all;
  }();
  return structs;
}

std::string_view GoNameOf(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_number()) return "number";
  if (value.is_boolean()) return "bool";
  return value.is_array() ? "array" : "object";
}

// RFC 3339 with exactly six digits after the second.
bool IsMicroTime(std::string_view text) {
  constexpr std::size_t kPoint = std::string_view("2006-01-02T15:04:05").size();
  if (text.size() < kPoint + 8 || text[kPoint] != '.') return false;
  return text.find_first_not_of("0123456789", kPoint + 1) == kPoint + 7;
}

class FieldDecoder {
 public:
  const std::optional<std::string>& problem() const { return problem_; }

  void Value(std::string_view type, Json& value, const std::string& path) {
    if (type.starts_with('*')) return Value(type.substr(1), value, path);
    if (type.starts_with("[]")) return List(type.substr(2), value, path);
    if (type == "{}quantity") return Quantities(value, path);
    if (type == "text") return Expect(value.is_string(), value, path, "string");
    if (type == "int") return Expect(value.is_number_integer(), value, path, "int32");
    if (type == "bool") return Expect(value.is_boolean(), value, path, "bool");
    if (type == "time" || type == "micro") return Time(type == "micro", value, path);
    if (const auto found = Structs().find(type); found != Structs().end()) Object(found->second, value, path);
  }

 private:
  void Object(const Struct& fields, Json& value, const std::string& path) {
    if (!value.is_object()) return Expect(false, value, path, "struct");
    Json decoded = Json::object();
    for (const Field& field : fields) {
      const auto found = value.find(field.name);
      if (found != value.end() && !found->is_null()) {
        Value(field.type, *found, path + "." + field.name);
        const bool is_pointer = field.type.starts_with('*') || field.type == "any";
        if (is_pointer || field.is_always || !IsEmpty(*found)) decoded[field.name] = std::move(*found);
      } else if (field.is_always) {
        decoded[field.name] = ZeroOf(field.type);
      }
    }
    value = std::move(decoded);
  }

  void List(std::string_view type, Json& value, const std::string& path) {
    if (!value.is_array()) return Expect(false, value, path, "[]" + std::string(type));
    for (Json& each : value) {
      if (each.is_null()) each = ZeroOf(type);
      Value(type, each, path);
    }
  }

  void Quantities(Json& value, const std::string& path) {
    if (!value.is_object()) return Expect(false, value, path, "ResourceList");
    for (Json& amount : value) {
      const auto text = CanonicalQuantity(amount.is_string() ? amount.get<std::string>() : amount.dump());
      if (text) {
        amount = *text;
      } else {
        Fail(
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
      }
    }
  }

  void Time(bool is_micro, Json& value, const std::string& path) {
    if (!value.is_string()) return Expect(false, value, path, "string");
    const std::string text = value.get<std::string>();
    const auto time = base::ParseRfc3339(text);
    if (!time || (is_micro && !IsMicroTime(text))) {
      return Fail(fmt::format("parsing time \"{}\" as \"{}\": cannot parse \"{}\" as \"2006\"", text,
                              is_micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00", text));
    }
    value = is_micro ? base::FormatRfc3339Micro(*time) : base::FormatRfc3339(*time);
  }

  static bool IsEmpty(const Json& value) {
    return value == Json("") || value == Json(0) || value == Json(false) || (value.is_structured() && value.empty());
  }

  Json ZeroOf(std::string_view type) {
    if (type == "text") return "";
    if (type == "int") return 0;
    if (type == "bool") return false;
    const auto found = Structs().find(type);
    if (found == Structs().end()) return nullptr;
    Json zero = Json::object();
    Object(found->second, zero, "");
    return zero;
  }

  void Expect(bool holds, const Json& value, const std::string& path, std::string_view type) {
    if (holds) return;
    Fail(fmt::format("json: cannot unmarshal {} into Go struct field {} of type {}", GoNameOf(value), path, type));
  }

  void Fail(std::string why) {
    if (!problem_) problem_ = std::move(why);
  }

  std::optional<std::string> problem_;
};

}  // namespace

std::optional<std::string> ToWireForm(const Kind& kind, Json& object) {
  FieldDecoder decoder;
  const std::string name(kind.kind);
  const auto part = [&](const char* field, const std::string& type) {
    if (Json* found = Find(object, field)) decoder.Value(type, *found, name + "." + field);
  };
  if (kind.plural == "pods") part("status", "PodStatus");
  if (kind.plural == "leases") part("spec", "LeaseSpec");
  if (kind.plural == "nodes") {
    part("spec", "NodeSpec");
    part("status", "NodeStatus");
  }
  if (kind.plural == "events") decoder.Value("Event", object, name);
  return decoder.problem();
}

}  // namespace spillway::sandbox
