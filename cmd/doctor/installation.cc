#include "cmd/doctor/installation.h"

#include <algorithm>

namespace spillway::cmd::doctor {
namespace {

using kube::At;
using kube::Items;
using kube::Json;
using kube::TextAt;

constexpr const char* kDefaultNamespace = "spillway-system";

std::vector<std::string> CommandLineOf(const Json& container) {
  std::vector<std::string> words;
  for (const char* part : {"command", "args"}) {
    for (const Json& word : Items(At(container, part))) words.push_back(kube::Text(word));
  }
  return words;
}

std::string Dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// "--a=b", "--a b" and "--a", from where the subcommand stands.
GivenFlags FlagsOf(const std::vector<std::string>& words) {
  GivenFlags flags;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t begin = words[i].find_first_not_of('-');
    if (begin == 0 || begin > 2 || begin == std::string::npos) continue;
    const std::size_t equals = words[i].find('=');
    if (equals != std::string::npos) {
      flags[Dashed(words[i].substr(begin, equals - begin))] = words[i].substr(equals + 1);
    } else {
      const bool has_value = i + 1 < words.size() && !words[i + 1].starts_with('-');
      flags[Dashed(words[i].substr(begin))] = has_value ? words[i + 1] : "true";
    }
  }
  return flags;
}

// The ConfigMap that is mounted where --scheduler-config lies.
void FindSchedulerConfig(const Json& pod, const Json& container, Component& component) {
  const std::string path = component.Flag("scheduler-config", "");
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return;
  for (const Json& mount : Items(At(container, "volumeMounts"))) {
    if (TextAt(mount, "mountPath") != path.substr(0, slash)) continue;
    component.scheduler_config_map =
        TextAt(kube::Named(At(pod, "volumes"), TextAt(mount, "name")), "configMap", "name");
    component.scheduler_config_key = path.substr(slash + 1);
  }
}

// Where one of its containers runs this subcommand.
std::optional<Component> ComponentOf(const Json& object, std::string_view subcommand) {
  if (!IsSpillways(object)) return std::nullopt;
  const Json& pod = At(object, "spec", "template", "spec");
  for (const Json& container : Items(At(pod, "containers"))) {
    const std::vector<std::string> words = CommandLineOf(container);
    if (std::find(words.begin(), words.end(), subcommand) == words.end()) continue;
    Component component{TextAt(object, "metadata", "name"),
                        TextAt(object, "metadata", "namespace"),
                        TextAt(pod, "serviceAccountName"),
                        FlagsOf(words),
                        "",
                        ""};
    FindSchedulerConfig(pod, container, component);
    if (component.account.empty() && component.Flag("kubeconfig", "").empty()) component.account = "default";
    return component;
  }
  return std::nullopt;
}

std::vector<Component> ComponentsOf(const std::vector<Json>& objects, std::string_view subcommand,
                                    const std::string& ns) {
  std::vector<Component> components;
  for (const Json& object : objects) {
    auto component = ComponentOf(object, subcommand);
    if (component && (ns.empty() || component->ns == ns)) components.push_back(*std::move(component));
  }
  return components;
}

}  // namespace

bool IsSpillways(const Json& object) {
  // By the name that the chart gives, or by the chart itself where it was given another name.
  const Json& labels = At(object, "metadata", "labels");
  return TextAt(labels, "app.kubernetes.io/name") == "spillway" ||
         TextAt(labels, "helm.sh/chart").starts_with("spillway-");
}

std::string Component::Flag(std::string_view flag, std::string_view otherwise) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? std::string(otherwise) : found->second;
}

bool Component::Says(std::string_view bool_flag, bool otherwise) const {
  const std::string value = Flag(bool_flag, otherwise ? "true" : "false");
  return value == "true" || value == "1" || value == "t";
}

Installation FindInstallation(const std::vector<Json>& deployments, const std::vector<Json>& stateful_sets,
                              const std::string& ns) {
  Installation found;
  found.controllers = ComponentsOf(deployments, "controller", ns);
  found.virtual_nodes = ComponentsOf(stateful_sets, "agent", ns);
  found.is_found = !found.controllers.empty() || !found.virtual_nodes.empty();
  if (!found.controllers.empty()) {
    found.ns = found.controller().ns;
  } else if (!found.virtual_nodes.empty()) {
    found.ns = found.virtual_nodes.front().ns;
  } else {
    found.ns = ns.empty() ? kDefaultNamespace : ns;
    found.controllers = {{"", found.ns, "spillway-controller", {}, "", ""}};
    found.virtual_nodes = {{"", found.ns, "spillway-agent", {}, "", ""}};
  }
  return found;
}

}  // namespace spillway::cmd::doctor
