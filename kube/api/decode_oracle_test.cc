#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "kube/api/decode.h"

// The same Pods read by simdjson and, slowly and plainly, by nlohmann::json: they must agree on every field, in
// whatever order the fields come and whatever lies between them.
namespace spillway::kube {
namespace {

using Json = nlohmann::ordered_json;
using base::Random;

// ---- random Pods

std::string Word(Random& random) {
  static constexpr const char* kWords[] = {"a",       "web",         "zone", "x/y",   "caf\u00e9",
                                           "quo\"te", "back\\slash", "",     "tab\t", "\u4e2d"};
  return kWords[random.Below(std::size(kWords))];
}

std::string Amount(Random& random) {
  static constexpr const char* kAmounts[] = {"1", "250m", "1.5", "0.5Gi", "128Mi", "1e3", "3n", ".5", "2E", "0", "-1"};
  return kAmounts[random.Below(std::size(kAmounts))];
}

Json Shuffled(Random& random, Json object) {
  std::vector<std::pair<std::string, Json>> fields;
  for (auto& [key, value] : object.items()) fields.emplace_back(key, value);
  for (std::size_t i = fields.size(); i > 1; --i) std::swap(fields[i - 1], fields[random.Below(i)]);
  Json result = Json::object();
  for (auto& [key, value] : fields) result[key] = std::move(value);
  return result;
}

// Sometimes leaves the field out, sometimes writes null.
void Maybe(Random& random, Json& object, const char* key, Json value) {
  const auto dice = random.Below(10);
  if (dice < 2) return;
  object[key] = dice == 2 ? Json() : std::move(value);
}

Json Noise(Random& random, int depth = 0) {
  switch (random.Below(depth > 2 ? 4 : 6)) {
    case 0:
      return Word(random);
    case 1:
      return static_cast<std::int64_t>(random.Next());
    case 2:
      return random.Chance(0.5);
    case 3:
      return Json();
    case 4:
      return Json::array({Noise(random, depth + 1), Noise(random, depth + 1)});
    default:
      return Json{{"containers", Noise(random, depth + 1)}, {"name", Noise(random, depth + 1)}};
  }
}

Json Strings(Random& random) {
  Json result = Json::array();
  for (auto n = random.Below(3); n > 0; --n) result.push_back(Word(random));
  return result;
}

Json Map(Random& random, bool amounts) {
  Json result = Json::object();
  for (auto n = random.Below(4); n > 0; --n) result[Word(random)] = amounts ? Amount(random) : Word(random);
  return result;
}

Json Requirements(Random& random) {
  static constexpr const char* kOperators[] = {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Like"};
  Json result = Json::array();
  for (auto n = random.Below(3); n > 0; --n) {
    Json requirement{{"key", Word(random)}, {"operator", kOperators[random.Below(std::size(kOperators))]}};
    Maybe(random, requirement, "values", Strings(random));
    result.push_back(Shuffled(random, std::move(requirement)));
  }
  return result;
}

Json Selector(Random& random) {
  Json selector = Json::object();
  Maybe(random, selector, "matchLabels", Map(random, false));
  Maybe(random, selector, "matchExpressions", Requirements(random));
  return selector;
}

Json RandomContainer(Random& random) {
  Json resources = Json::object();
  Maybe(random, resources, "limits", Map(random, true));
  Maybe(random, resources, "requests", Map(random, true));
  Json container{{"name", Word(random)}, {"env", Noise(random)}};
  Maybe(random, container, "resources", std::move(resources));
  Maybe(random, container, "ports", Json::array({Json{{"hostPort", random.Below(3)}, {"containerPort", 80}}}));
  Maybe(random, container, "restartPolicy", random.Chance(0.5) ? "Always" : "Never");
  return Shuffled(random, std::move(container));
}

Json Containers(Random& random) {
  Json result = Json::array();
  for (auto n = random.Below(3); n > 0; --n) result.push_back(RandomContainer(random));
  return result;
}

Json Tolerations(Random& random) {
  static constexpr const char* kEffects[] = {"", "NoSchedule", "PreferNoSchedule", "NoExecute"};
  Json result = Json::array();
  for (auto n = random.Below(3); n > 0; --n) {
    Json toleration = Json::object();
    Maybe(random, toleration, "key", Word(random));
    Maybe(random, toleration, "operator", random.Chance(0.5) ? "Exists" : "Equal");
    Maybe(random, toleration, "effect", kEffects[random.Below(std::size(kEffects))]);
    result.push_back(Shuffled(random, std::move(toleration)));
  }
  return result;
}

Json RandomPod(Random& random) {
  constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
  Json meta{{"name", "p" + Word(random)}};
  Maybe(random, meta, "namespace", Word(random));
  Maybe(random, meta, "uid", Word(random));
  Maybe(random, meta, "labels", Map(random, false));
  Maybe(random, meta, "managedFields", Noise(random));
  Json terms = Json::array();
  for (auto n = random.Below(3); n > 0; --n) {
    Json term = Json::object();
    Maybe(random, term, "matchExpressions", Requirements(random));
    terms.push_back(std::move(term));
  }
  Json affinity = Json::object();
  Maybe(random, affinity, "nodeAffinity", Json{{kRequired, Json{{"nodeSelectorTerms", terms}}}});
  Json anti{{"topologyKey", Word(random)}};
  Maybe(random, anti, "labelSelector", Selector(random));
  Maybe(random, anti, "namespaceSelector", Selector(random));
  Maybe(random, affinity, "podAntiAffinity", Json{{kRequired, Json::array({Shuffled(random, anti)})}});
  Json spec{{"restartPolicy", "Always"}};
  Maybe(random, spec, "nodeName", Word(random));
  Maybe(random, spec, "priority", static_cast<std::int32_t>(random.Next()));
  Maybe(random, spec, "nodeSelector", Map(random, false));
  Maybe(random, spec, "affinity", Shuffled(random, affinity));
  Maybe(random, spec, "tolerations", Tolerations(random));
  Maybe(random, spec, "initContainers", Containers(random));
  Maybe(random, spec, "containers", Containers(random));
  Maybe(random, spec, "overhead", Map(random, true));
  Maybe(random, spec, "hostNetwork", random.Chance(0.5));
  Maybe(random, spec, "securityContext", Noise(random));
  Json status{{"qosClass", "Burstable"}};
  static constexpr const char* kPhases[] = {"Pending", "Running", "Succeeded", "Failed", "Odd"};
  Maybe(random, status, "phase", kPhases[random.Below(std::size(kPhases))]);
  Maybe(random, status, "nominatedNodeName", Word(random));
  Json pod{{"kind", "Pod"}, {"metadata", Shuffled(random, meta)}, {"noise", Noise(random)}};
  Maybe(random, pod, "spec", Shuffled(random, spec));
  Maybe(random, pod, "status", Shuffled(random, status));
  return Shuffled(random, std::move(pod));
}

// ---- the oracle

const Json& At(const Json& object, const char* key) {
  static const Json kNull;
  return object.is_object() && object.contains(key) ? object.at(key) : kNull;
}
std::string Text(const Json& json) { return json.is_string() ? json.get<std::string>() : std::string(); }
std::vector<std::string> TextList(const Json& json) {
  std::vector<std::string> result;
  for (const auto& item : json) result.push_back(Text(item));
  return result;
}
StringMap TextMap(const Json& json) {
  StringMap result;
  for (const auto& [key, value] : json.items()) result.emplace_back(key, Text(value));
  std::sort(result.begin(), result.end());
  return result;
}
ResourceList Amounts(const Json& json) {
  ResourceList result;
  for (const auto& [key, value] : json.items()) result.emplace_back(key, *Quantity::Parse(Text(value)));
  std::sort(result.begin(), result.end());
  return result;
}
std::vector<LabelRequirement> OracleRequirements(const Json& json) {
  static const std::vector<std::string> kOperators = {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"};
  std::vector<LabelRequirement> result;
  for (const auto& item : json) {
    const auto at = std::find(kOperators.begin(), kOperators.end(), Text(At(item, "operator"))) - kOperators.begin();
    result.push_back(
        {Text(At(item, "key")), static_cast<LabelRequirement::Operator>(at), TextList(At(item, "values"))});
  }
  return result;
}
std::optional<LabelSelector> OracleSelector(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return LabelSelector{TextMap(At(json, "matchLabels")), OracleRequirements(At(json, "matchExpressions"))};
}
std::vector<Container> OracleContainers(const Json& json, bool init) {
  std::vector<Container> result;
  for (const auto& item : json) {
    Container container;
    container.name = Text(At(item, "name"));
    container.requests = Amounts(At(At(item, "resources"), "requests"));
    container.restart_always = init && Text(At(item, "restartPolicy")) == "Always";
    for (const auto& port : At(item, "ports")) {
      if (port.at("hostPort") > 0)
        container.host_ports.push_back({"", "", port.at("hostPort"), port.at("containerPort")});
    }
    result.push_back(std::move(container));
  }
  return result;
}
TaintEffect OracleEffect(const std::string& text) {
  if (text == "NoSchedule") return TaintEffect::kNoSchedule;
  if (text == "PreferNoSchedule") return TaintEffect::kPreferNoSchedule;
  return text == "NoExecute" ? TaintEffect::kNoExecute : TaintEffect::kNone;
}
PodPhase OraclePhase(const std::string& text) {
  if (text.empty() || text == "Pending") return PodPhase::kPending;
  if (text == "Running") return PodPhase::kRunning;
  if (text == "Succeeded") return PodPhase::kSucceeded;
  return text == "Failed" ? PodPhase::kFailed : PodPhase::kUnknown;
}

void CheckAgainstOracle(const Pod& pod, const Json& json) {
  constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
  const Json& meta = At(json, "metadata");
  const Json& spec = At(json, "spec");
  const Json& status = At(json, "status");
  RC_ASSERT(pod.metadata.name == Text(At(meta, "name")));
  RC_ASSERT(pod.metadata.ns == Text(At(meta, "namespace")));
  RC_ASSERT(pod.metadata.uid == Text(At(meta, "uid")));
  RC_ASSERT(pod.metadata.labels == TextMap(At(meta, "labels")));
  RC_ASSERT(pod.node_name == Text(At(spec, "nodeName")));
  RC_ASSERT(pod.priority == (At(spec, "priority").is_null() ? 0 : At(spec, "priority").get<std::int32_t>()));
  RC_ASSERT(pod.node_selector == TextMap(At(spec, "nodeSelector")));
  RC_ASSERT(pod.overhead == Amounts(At(spec, "overhead")));
  RC_ASSERT(pod.host_network == (At(spec, "hostNetwork") == Json(true)));
  RC_ASSERT(pod.containers == OracleContainers(At(spec, "containers"), false));
  RC_ASSERT(pod.init_containers == OracleContainers(At(spec, "initContainers"), true));
  std::vector<Toleration> tolerations;
  for (const auto& item : At(spec, "tolerations")) {
    const auto op =
        Text(At(item, "operator")) == "Exists" ? Toleration::Operator::kExists : Toleration::Operator::kEqual;
    tolerations.push_back({Text(At(item, "key")), op, Text(At(item, "value")), OracleEffect(Text(At(item, "effect")))});
  }
  RC_ASSERT(pod.tolerations == tolerations);
  const Json& required = At(At(At(spec, "affinity"), "nodeAffinity"), kRequired);
  RC_ASSERT(pod.required_node_affinity.has_value() == !required.is_null());
  if (pod.required_node_affinity) {
    std::vector<NodeSelectorTerm> terms;
    for (const auto& term : At(required, "nodeSelectorTerms"))
      terms.push_back({OracleRequirements(At(term, "matchExpressions")), {}});
    RC_ASSERT(pod.required_node_affinity->terms == terms);
  }
  std::vector<PodAffinityTerm> anti;
  for (const auto& term : At(At(At(spec, "affinity"), "podAntiAffinity"), kRequired)) {
    anti.push_back({OracleSelector(At(term, "labelSelector")),
                    {},
                    OracleSelector(At(term, "namespaceSelector")),
                    Text(At(term, "topologyKey"))});
  }
  RC_ASSERT(pod.required_pod_anti_affinity == anti);
  RC_ASSERT(pod.phase == OraclePhase(Text(At(status, "phase"))));
  RC_ASSERT(pod.nominated_node_name == Text(At(status, "nominatedNodeName")));
}

RC_GTEST_PROP(DecodeOracle, AgreesWithNlohmannOnEveryField, (std::uint64_t seed)) {
  static Decoder decoder;
  Random random(seed);
  for (int i = 0; i < 20; ++i) {
    const Json json = RandomPod(random);
    const std::string text = random.Chance(0.5) ? json.dump() : json.dump(2, ' ', true);
    const auto pod = decoder.Decode<Pod>(text);
    RC_LOG() << text;
    RC_ASSERT(pod.has_value());
    CheckAgainstOracle(*pod, json);
  }
}

}  // namespace
}  // namespace spillway::kube
