#pragma once

#include <functional>
#include <string_view>

#include "base/runtime.h"
#include "controller/webhook/admission.h"
#include "net/http_server.h"

namespace spillway::webhook {

// What kube-apiserver posts to, see manifests/: each path is one of the two webhooks.
inline constexpr std::string_view kInjectPath = "/mutate/inject";
inline constexpr std::string_view kAdoptPath = "/mutate/adopt";
std::string_view ToString(Duty duty);  // "inject"

// Bytes of an AdmissionReview: kube-apiserver itself takes no request above 3 MiB, and as JSON it may be longer.
// Source: k8s.io/apiserver server/config.go, MaxRequestBodyBytes.
inline constexpr std::size_t kMaxReview = 8u << 20;

using RulesNow = std::function<AdmissionRules()>;
using NoteAnswer = std::function<void(Duty, const AdmissionAnswer&, Duration took)>;

// Answers POST of the two paths by Review(); other methods 405, other paths 404. `rules` is asked at each request,
// `note` told of each answer, both on the loop; `runtime` outlives the handler.
net::Handler AdmissionHandler(Runtime& runtime, RulesNow rules, NoteAnswer note);

}  // namespace spillway::webhook
