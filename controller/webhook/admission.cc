#include "controller/webhook/admission.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "controller/webhook/changes.h"
#include "kube/api/decode.h"
#include "kube/json.h"

namespace spillway::webhook {
namespace {

using kube::At;

constexpr const char* kApiVersion = "admission.k8s.io/v1";
constexpr int kDeepest = 100;                 // objects of Kubernetes are far from it, and JSON libraries recurse
constexpr std::size_t kLongestWarning = 256;  // kube-apiserver cuts them there
constexpr std::size_t kLongestUid = 1024;

AdmissionAnswer Refused(std::string why) {
  return {.status = 400, .body = "no AdmissionReview: " + std::move(why) + "\n"};
}

// Whether brackets outside of texts are nested deeper than that. Of bytes that are no JSON it says anything.
bool IsDeeperThan(std::string_view json, int most) {
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > most) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

AdmissionAnswer Allowed(const std::string& uid, const Changes& changes) {
  Json response = {{"uid", uid}, {"allowed", true}};
  if (!changes.patch.empty()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = EncodeBase64(Dump(changes.patch.operations()));
  }
  for (const std::string& warning : changes.warnings) {
    response["warnings"].push_back(("Spillway: " + warning).substr(0, kLongestWarning));
  }
  const Json review = {{"apiVersion", kApiVersion}, {"kind", "AdmissionReview"}, {"response", std::move(response)}};
  return {.body = Dump(review), .patched = !changes.patch.empty()};
}

bool IsCreatedPod(const Json& request) {
  const Json& resource = At(request, "resource");
  return kube::TextAt(request, "operation") == "CREATE" && kube::TextAt(resource, "resource") == "pods" &&
         kube::TextAt(resource, "group").empty() && kube::TextAt(request, "subResource").empty();
}

// As policies know it. What it gets later, of these a namespace from its request and a name and a UID from
// kube-apiserver, is filled in.
Result<kube::Pod> Decode(const Json& request) {
  Json object = At(request, "object");
  if (!object.is_object()) return Fail(Code::kMalformed, "request.object is no object");
  Json& metadata = object["metadata"];
  if (!metadata.is_object()) return Fail(Code::kMalformed, "request.object.metadata is no object");
  const auto fill = [&](const char* key, const std::string& value) {
    if (kube::TextAt(metadata, key).empty()) metadata[key] = value;
  };
  fill("namespace", kube::TextAt(request, "namespace"));
  fill("name", "unnamed");
  fill("uid", "unknown");
  kube::Decoder decoder;
  return decoder.Decode<kube::Pod>(Dump(object));
}

Changes Decide(const Json& request, Duty duty, const AdmissionRules& rules) {
  Changes changes;
  auto pod = Decode(request);
  if (!pod) {
    changes.warnings.push_back("the Pod cannot be read, and is left as it is: " + pod.error().message);
    return changes;
  }
  const auto& excluded = rules.excluded_namespaces;
  if (std::find(excluded.begin(), excluded.end(), pod->metadata.ns) != excluded.end()) return changes;
  const NewPod created{.json = At(request, "object"), .pod = *std::move(pod)};
  if (const char* why = WhyLeftAlone(created.pod)) {
    if (duty == Duty::kInject) changes.warnings.push_back(fmt::format("not sent to virtual nodes: {}", why));
    return changes;
  }
  if (duty == Duty::kInject) {
    SendToVirtualNodes(created, rules, changes);
  } else {
    AdoptScheduler(created, rules, changes);
    GateLocalReplicas(created, rules, changes);
  }
  return changes;
}

}  // namespace

AdmissionAnswer Review(std::string_view body, Duty duty, const AdmissionRules& rules) {
  if (IsDeeperThan(body, kDeepest)) return Refused(fmt::format("it is nested deeper than {}", kDeepest));
  const Json review = Json::parse(body, nullptr, false);
  if (review.is_discarded()) return Refused("it is no JSON");
  if (kube::TextAt(review, "kind") != "AdmissionReview") return Refused("its kind is another");
  if (kube::TextAt(review, "apiVersion") != kApiVersion) return Refused(fmt::format("it is not of {}", kApiVersion));
  const Json& request = At(review, "request");
  const std::string uid = kube::TextAt(request, "uid");
  if (uid.empty() || uid.size() > kLongestUid) return Refused("request.uid is no text, or too long");
  AdmissionAnswer answer = Allowed(uid, IsCreatedPod(request) ? Decide(request, duty, rules) : Changes());
  answer.is_dry_run = kube::IsTrue(At(request, "dryRun"));
  return answer;
}

}  // namespace spillway::webhook
