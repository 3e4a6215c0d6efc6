#include "sandbox/rest/node_restriction.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

constexpr std::string_view kKubelet = "system:node:";
constexpr std::string_view kNodeLeases = "kube-node-lease";

std::optional<std::string> NodeOf(const RestRequest& request) {
  if (!request.user.starts_with(kKubelet)) return std::nullopt;
  return request.user.substr(kKubelet.size());
}

// As handlers/responsewriters words what authorizers refuse.
ApiStatus Unauthorized(const RestRequest& request, std::string_view why = "") {
  const std::string where =
      request.ns.empty() ? "at the cluster scope" : fmt::format("in the namespace \"{}\"", request.ns);
  std::string text = fmt::format("User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}", request.user,
                                 request.verb, request.ResourceName(), request.kind->group, where);
  if (!why.empty()) text += fmt::format(": {}", why);
  return Refuse(Forbidden(*request.kind, request.name, text));
}

ApiStatus Restricted(const RestRequest& request, std::string_view name, std::string_view why) {
  return Refuse(Forbidden(*request.kind, name, why));
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What a field selector demands of `field`; "" when nothing.
std::string Selected(const RestRequest& request, std::string_view field) {
  const std::string selector = request.Param("fieldSelector");
  const std::string start = std::string(field) + "=";
  const std::size_t at = selector.starts_with(start) ? 0 : selector.find("," + start);
  if (at == std::string::npos) return "";
  const std::size_t from = at + start.size() + (at == 0 ? 0 : 1);
  return selector.substr(from, selector.find(',', from) - from);
}

ApiStatus AuthorizeNodes(const RestRequest& request, const std::string& node) {
  if (request.subresource == "status") {
    return IsOneOf(request.verb, {"update", "patch"}) ? ApiStatus() : Unauthorized(request);
  }
  if (!request.subresource.empty()) return Unauthorized(request);
  if (IsOneOf(request.verb, {"create", "update", "patch"})) return {};
  if (!IsOneOf(request.verb, {"get", "list", "watch"})) return Unauthorized(request);
  const std::string name = request.name.empty() ? Selected(request, "metadata.name") : request.name;
  if (name == node) return {};
  if (name.empty()) {
    return Unauthorized(request, fmt::format("node '{}' cannot read all nodes, only its own Node object", node));
  }
  return Unauthorized(request, fmt::format("node '{}' cannot read '{}', only its own Node object", node, name));
}

ApiStatus AuthorizePods(const RestRequest& request, const std::string& node) {
  if (request.subresource == "status") {
    return IsOneOf(request.verb, {"update", "patch"}) ? ApiStatus() : Unauthorized(request);
  }
  if (request.subresource == "eviction") return request.verb == "create" ? ApiStatus() : Unauthorized(request);
  if (!request.subresource.empty()) return Unauthorized(request);
  // Which single Pods it may read depends on the node they are on, which NodeRestriction knows.
  if (IsOneOf(request.verb, {"get", "create", "delete"})) return {};
  if (!IsOneOf(request.verb, {"list", "watch"})) return Unauthorized(request);
  if (Selected(request, "spec.nodeName") == node) return {};
  return Unauthorized(request, "can only list/watch pods with spec.nodeName field selector");
}

ApiStatus AuthorizeLeases(const RestRequest& request, const std::string& node) {
  if (!IsOneOf(request.verb, {"get", "create", "update", "patch", "delete"})) {
    return Unauthorized(request, "can only get, create, update, patch, or delete a node lease");
  }
  if (request.ns != kNodeLeases) {
    return Unauthorized(request, fmt::format("can only access leases in the \"{}\" system namespace", kNodeLeases));
  }
  if (request.verb != "create" && request.name != node) {
    return Unauthorized(request, "can only access node lease with the same name as the requesting node");
  }
  return {};
}

std::string LabelNamespace(const std::string& label) {
  const std::size_t slash = label.find('/');
  return slash == std::string::npos ? "" : label.substr(0, slash);
}

bool IsWithin(const std::string& name, std::string_view domain) {
  return name == domain || name.ends_with("." + std::string(domain));
}

// Source: k8s.io/kubelet pkg/apis/well_known_labels.go.
bool IsKubeletLabel(const std::string& label) {
  static const std::set<std::string_view> own = {"kubernetes.io/hostname",
                                                 "topology.kubernetes.io/zone",
                                                 "topology.kubernetes.io/region",
                                                 "failure-domain.beta.kubernetes.io/zone",
                                                 "failure-domain.beta.kubernetes.io/region",
                                                 "beta.kubernetes.io/instance-type",
                                                 "node.kubernetes.io/instance-type",
                                                 "kubernetes.io/os",
                                                 "kubernetes.io/arch",
                                                 "beta.kubernetes.io/os",
                                                 "beta.kubernetes.io/arch"};
  const std::string ns = LabelNamespace(label);
  return own.contains(label) || IsWithin(ns, "kubelet.kubernetes.io") || IsWithin(ns, "node.kubernetes.io");
}

std::set<std::string> ForbiddenLabels(const Json& before, const Json& after) {
  std::set<std::string> forbidden;
  const Json none = Json::object();
  const auto labels_of = [&none](const Json& object) -> const Json& {
    const Json* labels = Find(object, "metadata.labels");
    return labels && labels->is_object() ? *labels : none;
  };
  const auto compare = [&](const Json& some, const Json& others) {
    for (const auto& [key, value] : some.items()) {
      if (others.contains(key) && others[key] == value) continue;
      const std::string ns = LabelNamespace(key);
      const bool is_kubernetes = IsWithin(ns, "kubernetes.io") || IsWithin(ns, "k8s.io");
      if (IsWithin(ns, "node-restriction.kubernetes.io") || (is_kubernetes && !IsKubeletLabel(key)))
        forbidden.insert(key);
    }
  };
  compare(labels_of(after), labels_of(before));
  compare(labels_of(before), labels_of(after));
  return forbidden;
}

bool AreEqual(const Json& before, const Json& after, std::string_view path) {
  const Json none;
  const Json* a = Find(before, path);
  const Json* b = Find(after, path);
  const auto is_empty = [](const Json* part) { return part == nullptr || part->empty(); };
  return (is_empty(a) && is_empty(b)) || (a ? *a : none) == (b ? *b : none);
}

ApiStatus RestrictNode(const RestRequest& request, const std::string& node, const Json& before, const Json& after) {
  const std::string name = request.name.empty() ? TextAt(after, "metadata.name") : request.name;
  if (name != node) {
    return Restricted(request, name, fmt::format("node \"{}\" is not allowed to modify node \"{}\"", node, name));
  }
  const bool is_new = before.is_null();
  if (!is_new) {
    for (const auto& [path, what] :
         {std::pair("spec.taints", "taints"), {"metadata.ownerReferences", "ownerReferences"}}) {
      if (AreEqual(before, after, path)) continue;
      return Restricted(request, name, fmt::format("node \"{}\" is not allowed to modify {}", node, what));
    }
  }
  const std::set<std::string> labels = ForbiddenLabels(before, after);
  if (labels.empty()) return {};
  const std::string list = fmt::format("{}", fmt::join(labels, ", "));
  return Restricted(request, name,
                    is_new ? fmt::format("node \"{}\" is not allowed to set the following labels: {}", node, list)
                           : fmt::format("is not allowed to modify labels: {}", list));
}

ApiStatus RestrictPodStatus(const RestRequest& request, const std::string& node, const Json& before,
                            const Json& after) {
  const auto refused = [&](std::string_view why) {
    return Restricted(request, request.name, fmt::format("node \"{}\" {}", node, why));
  };
  if (TextAt(before, "spec.nodeName") != node) {
    return refused("can only update pod status for pods with spec.nodeName set to itself");
  }
  if (!AreEqual(before, after, "metadata.labels")) return refused("cannot update labels through pod status");
  if (!AreEqual(before, after, "status.resourceClaimStatuses")) return refused("cannot update resource claim statues");
  return {};
}

// Whether a projected volume of the Pod asks for a token for that audience.
bool NamesAudience(const Json& pod, const std::string& audience) {
  for (const Json& volume : ArrayAt(pod, "spec.volumes")) {
    for (const Json& source : ArrayAt(volume, "projected.sources")) {
      const Json* token = Find(source, "serviceAccountToken");
      if (token && TextAt(*token, "audience") == audience) return true;
    }
  }
  return false;
}

// Tokens are given for Pods of the node alone, and for what their volumes name.
ApiStatus RestrictToken(const Store& store, const RestRequest& request, const std::string& node, const Json& body) {
  const Json* bound = Find(body, "spec.boundObjectRef");
  const auto refused = [&](std::string_view why) { return Restricted(request, request.name, why); };
  if (!bound || TextAt(*bound, "apiVersion") != "v1" || TextAt(*bound, "kind") != "Pod" ||
      TextAt(*bound, "name").empty()) {
    return refused("node requested token not bound to a pod");
  }
  const std::string uid = TextAt(*bound, "uid");
  if (uid.empty()) return refused("node requested token with a pod binding without a uid");
  const auto pod = store.Get("pods", request.ns, TextAt(*bound, "name"));
  if (!pod) return Refuse(pod.error());
  if (TextAt(*pod, "metadata.uid") != uid) {
    return refused(fmt::format(
        "the UID in the bound object reference ({}) does not match the UID in record. The object might have "
        "been deleted and then recreated",
        uid));
  }
  if (TextAt(*pod, "spec.nodeName") != node) {
    return refused("node requested token bound to a pod scheduled on a different node");
  }
  const Json& audiences = ArrayAt(body, "spec.audiences");
  if (audiences.size() > 1) return refused("node may only request 0 or 1 audiences");
  const std::string audience = audiences.empty() || !audiences[0].is_string() ? "" : audiences[0].get<std::string>();
  if (NamesAudience(*pod, audience)) return {};
  return refused(
      fmt::format("audience \"{}\" not found in pod spec volume, {} is not authorized to request tokens for "
                  "this audience",
                  audience, request.user));
}

}  // namespace

ApiStatus AuthorizeKubelet(const RestRequest& request) {
  const auto node = NodeOf(request);
  if (!node) return {};
  const std::string_view plural = request.kind->plural;
  if (plural == "nodes") return AuthorizeNodes(request, *node);
  if (plural == "pods") return AuthorizePods(request, *node);
  if (plural == "leases") return AuthorizeLeases(request, *node);
  if (plural == "events") {
    return IsOneOf(request.verb, {"create", "update", "patch"}) ? ApiStatus() : Unauthorized(request);
  }
  if (plural == "secrets" || plural == "configmaps") {
    const bool is_read = IsOneOf(request.verb, {"get", "list", "watch"});
    return is_read ? ApiStatus() : Unauthorized(request, "can only read resources of this type");
  }
  const bool reads = IsOneOf(request.verb, {"get", "list", "watch"});
  const bool asks_token = plural == "serviceaccounts" && request.subresource == "token" && request.verb == "create";
  return reads || asks_token ? ApiStatus() : Unauthorized(request);
}

ApiStatus RestrictCreate(const Store& store, const RestRequest& request, const Json& object) {
  const auto node = NodeOf(request);
  if (!node) return {};
  const std::string_view plural = request.kind->plural;
  if (plural == "nodes") return RestrictNode(request, *node, nullptr, object);
  if (plural == "serviceaccounts") return RestrictToken(store, request, *node, object);
  const std::string name = TextAt(object, "metadata.name");
  if (plural == "leases" && name != *node) {
    return Restricted(request, name, "can only access node lease with the same name as the requesting node");
  }
  if (plural == "pods") {
    return Restricted(request, name,
                      fmt::format("pod does not have \"kubernetes.io/config.mirror\" annotation, node \"{}\" can only "
                                  "create mirror pods",
                                  *node));
  }
  return {};
}

ApiStatus RestrictUpdate(const RestRequest& request, const Json& before, const Json& after) {
  const auto node = NodeOf(request);
  if (!node) return {};
  if (request.kind->plural == "nodes") return RestrictNode(request, *node, before, after);
  if (request.kind->plural == "pods") return RestrictPodStatus(request, *node, before, after);
  return {};
}

ApiStatus RestrictDelete(const Store& store, const RestRequest& request) {
  const auto node = NodeOf(request);
  if (!node || request.kind->plural != "pods") return {};
  const auto pod = store.Get("pods", request.ns, request.name);
  if (!pod) return Refuse(pod.error());
  if (TextAt(*pod, "spec.nodeName") == *node) return {};
  return Restricted(request, request.name,
                    fmt::format("node \"{}\" can only delete pods with spec.nodeName set to itself", *node));
}

}  // namespace spillway::sandbox
