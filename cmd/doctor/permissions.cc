#include "cmd/doctor/permissions.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>

#include "cmd/doctor/rbac_manifests.h"

namespace spillway::cmd::doctor {
namespace {

using kube::Access;

constexpr const char* kManifestNamespace = "spillway-system";  // stands for the release's
constexpr const char* kPodInputs = "spillway-agent-pod-inputs";
constexpr const char* kTodo =
    "bring the roles up to date (helm upgrade, or kubectl apply -f manifests/rbac); docs/security.md#rbac says what "
    "each "
    "is for";

std::vector<std::string> Strings(const YAML::Node& list) {
  std::vector<std::string> strings;
  for (const YAML::Node& item : list) strings.push_back(item.as<std::string>());
  return strings;
}

void AddRule(const YAML::Node& rule, const NeededAccess& role, std::vector<NeededAccess>& needed) {
  std::vector<std::string> names = Strings(rule["resourceNames"]);
  if (names.empty()) names.emplace_back();
  for (const std::string& group : Strings(rule["apiGroups"])) {
    for (const std::string& resource : Strings(rule["resources"])) {
      const std::size_t slash = resource.find('/');
      for (const std::string& name : names) {
        for (const std::string& verb : Strings(rule["verbs"])) {
          NeededAccess one = role;
          one.access.verb = verb;
          one.access.group = group;
          one.access.resource = resource.substr(0, slash);
          if (slash != std::string::npos) one.access.subresource = resource.substr(slash + 1);
          one.access.name = name;
          needed.push_back(std::move(one));
        }
      }
    }
  }
}

// A Role of the cluster's own, which a RoleBinding of ours refers to.
void AddClustersOwn(const YAML::Node& binding, std::vector<NeededAccess>& needed) {
  if (binding["roleRef"]["name"].as<std::string>() != "extension-apiserver-authentication-reader") return;
  NeededAccess reads;
  reads.role = "extension-apiserver-authentication-reader";
  reads.access = {"get", "", "configmaps", "", "kube-system", "extension-apiserver-authentication"};
  needed.push_back(std::move(reads));
}

std::vector<NeededAccess> RolesOf(std::string_view manifest) {
  const auto& manifests = RbacManifests();
  const auto found = manifests.find(manifest);
  auto roles = ReadRoles(found == manifests.end() ? "" : found->second);
  return roles ? *std::move(roles) : std::vector<NeededAccess>();  // a test reads them all
}

std::string ConfigMapName(const std::string& flag) { return flag.substr(flag.find('/') + 1); }
std::string NamespaceOf(const std::string& flag, const std::string& otherwise) {
  return flag.find('/') == std::string::npos ? otherwise : flag.substr(0, flag.find('/'));
}

// What the manifest cannot know: names and namespaces that flags give.
class Controllers {
 public:
  explicit Controllers(const Component& controller)
      : controller_(controller),
        configuration_(controller.Flag("configuration", "spillway-configuration")),
        switch_(controller.Flag("auto-scale-eks-config", "kube-system/eks-config")),
        lease_ns_(controller.Flag("leader-elect-resource-namespace", controller.ns)),
        dry_run_(controller.Says("dry-run", false)) {}

  // As it is for this controller; nullopt: it does not need it.
  std::optional<NeededAccess> Adapt(NeededAccess needed) const {
    Access& access = needed.access;
    if (access.ns == kManifestNamespace) access.ns = controller_.ns;
    if (dry_run_ && access.resource == "pods" && access.subresource == "binding") return std::nullopt;
    if (needed.role == "spillway-controller-leader-election") return AdaptLease(std::move(needed));
    if (needed.role == "spillway-controller-configuration") return AdaptConfiguration(std::move(needed));
    if (needed.role == "spillway-controller-switch") {
      if (switch_.empty()) return std::nullopt;
      access.ns = NamespaceOf(switch_, access.ns);
      access.name = ConfigMapName(switch_);
    }
    return needed;
  }

 private:
  std::optional<NeededAccess> AdaptLease(NeededAccess needed) const {
    if (dry_run_ || !controller_.Says("leader-elect", true)) return std::nullopt;
    needed.access.ns = lease_ns_;
    if (!needed.access.name.empty()) {
      needed.access.name = controller_.Flag("leader-elect-resource-name", needed.access.name);
    }
    return needed;
  }
  std::optional<NeededAccess> AdaptConfiguration(NeededAccess needed) const {
    Access& access = needed.access;
    const bool is_written = access.verb == "list" || access.verb == "watch";
    if (configuration_.empty() || (dry_run_ && !is_written)) return std::nullopt;
    access.ns = NamespaceOf(configuration_, lease_ns_);
    const std::string name = ConfigMapName(configuration_);
    if (access.name == "spillway-configuration") access.name = name;
    if (access.name == "spillway-configuration-last-good") access.name = name + "-last-good";
    return needed;
  }

  const Component& controller_;
  const std::string configuration_, switch_, lease_ns_;
  const bool dry_run_;
};

// Not in manifests/rbac, which has the defaults' needs; the chart grants them where these flags are set.
void AddForFlags(const Component& controller, std::vector<NeededAccess>& needed) {
  const auto add = [&](std::string_view group, std::string_view resource) {
    for (const char* verb : {"list", "watch"}) {
      needed.push_back({{verb, std::string(group), std::string(resource), "", "", ""}, "spillway-controller"});
    }
  };
  if (!controller.Flag("scheduler-config", "").empty()) {
    for (const char* resource : {"services", "replicationcontrollers"}) add("", resource);
    for (const char* resource : {"replicasets", "statefulsets"}) add("apps", resource);
  }
  if (controller.Flag("node-autoscaler", "ignore") == "defer") add("", "events");
}

std::string ResourceOf(const Access& access) {
  std::string text = access.resource;
  if (!access.group.empty()) text += "." + access.group;
  if (!access.subresource.empty()) text += "/" + access.subresource;
  if (!access.name.empty()) text += fmt::format(" \"{}\"", access.name);
  return text + (access.ns.empty() ? "" : " in namespace " + access.ns);
}

// All that is missing on one resource is one finding.
struct Missing {
  std::string resource;
  std::vector<std::string> verbs;
};

void Note(std::vector<Missing>& all, const Access& access) {
  const std::string resource = ResourceOf(access);
  const auto same = std::find_if(all.begin(), all.end(), [&](const Missing& one) { return one.resource == resource; });
  if (same != all.end()) {
    same->verbs.push_back(access.verb);
  } else {
    all.push_back({resource, {access.verb}});
  }
}

Findings OfIdentity(const Reviewed& reviewed) {
  const std::string check = "permissions";
  if (reviewed.subject.empty()) {
    return {{Level::kOk, check, reviewed.whom + ": kubelets' identities, which the Node authorizer confines", ""}};
  }
  Findings findings;
  std::vector<Missing> missing, inputs;
  std::optional<Error> unknown;
  for (const auto& [needed, allowed] : reviewed.answers) {
    if (!allowed) {
      unknown = allowed.error();
    } else if (!*allowed) {
      Note(needed.role == kPodInputs ? inputs : missing, needed.access);
    }
  }
  const std::string who = fmt::format("{} ({})", reviewed.whom, reviewed.subject);
  if (unknown) {
    return {{Level::kUnknown, check, fmt::format("{}: {}", who, unknown->message),
             "run this as somebody who may create subjectaccessreviews, or in the component's own Pod (kubectl exec)"}};
  }
  if (!inputs.empty() && !reviewed.pod_input_namespaces.empty()) {
    findings.push_back(
        {Level::kOk, check,
         fmt::format("{}: reads what Pods bring only in {}; Pods of other namespaces that get to its nodes wait", who,
                     fmt::join(reviewed.pod_input_namespaces, ", ")),
         ""});
  } else {
    missing.insert(missing.end(), inputs.begin(), inputs.end());
  }
  for (const Missing& one : missing) {
    findings.push_back(
        {Level::kFail, check, fmt::format("{} may not {} {}", who, fmt::join(one.verbs, ", "), one.resource), kTodo});
  }
  if (missing.empty()) {
    findings.push_back(
        {Level::kOk, check, fmt::format("{}: has the {} that it needs", who, reviewed.answers.size()), ""});
  }
  return findings;
}

}  // namespace

Result<std::vector<NeededAccess>> ReadRoles(const std::string& yaml) {
  std::vector<NeededAccess> needed;
  try {
    for (const YAML::Node& document : YAML::LoadAll(yaml)) {
      const auto kind = document["kind"].as<std::string>();
      if (kind == "RoleBinding") AddClustersOwn(document, needed);
      if (kind != "ClusterRole" && kind != "Role") continue;
      NeededAccess role;
      role.role = document["metadata"]["name"].as<std::string>();
      if (kind == "Role") role.access.ns = document["metadata"]["namespace"].as<std::string>();
      for (const YAML::Node& rule : document["rules"]) AddRule(rule, role, needed);
    }
  } catch (const YAML::Exception& error) {
    return Fail(Code::kMalformed, error.what());
  }
  return needed;
}

std::vector<NeededAccess> AccessNeededByController(const Component& controller) {
  const Controllers controllers(controller);
  std::vector<NeededAccess> all;
  for (NeededAccess& needed : RolesOf("controller")) {
    if (auto adapted = controllers.Adapt(std::move(needed))) all.push_back(*std::move(adapted));
  }
  AddForFlags(controller, all);
  return all;
}

std::vector<NeededAccess> AccessNeededByAgent(const Component& agent) {
  std::vector<NeededAccess> all = RolesOf("agent");
  std::erase_if(all, [&](const NeededAccess& needed) {
    const bool is_cluster_id = needed.access.resource == "namespaces" && !agent.Flag("cluster-id", "").empty();
    const bool is_client_ca =
        needed.access.name == "extension-apiserver-authentication" && !agent.Flag("client-ca-file", "").empty();
    return is_cluster_id || is_client_ca;
  });
  return all;
}

Findings CheckPermissions(const std::vector<Reviewed>& reviewed) {
  Findings all;
  for (const Reviewed& one : reviewed) {
    Findings findings = OfIdentity(one);
    all.insert(all.end(), findings.begin(), findings.end());
  }
  return all;
}

}  // namespace spillway::cmd::doctor
