#include "kube/paths.h"

#include <fmt/core.h>

#include "kube/transport.h"

namespace spillway::kube {
namespace {

// "/part", nothing for an empty part.
std::string Segment(std::string_view part) { return part.empty() ? std::string() : "/" + UrlEncode(part); }

}  // namespace

std::string PodPath(std::string_view ns, std::string_view name, std::string_view subresource) {
  return fmt::format("/api/v1/namespaces/{}/pods/{}{}", UrlEncode(ns), UrlEncode(name), Segment(subresource));
}

std::string NodePath(std::string_view name, std::string_view subresource) {
  return fmt::format("/api/v1/nodes/{}{}", UrlEncode(name), Segment(subresource));
}

std::string ConfigMapPath(std::string_view ns, std::string_view name) {
  return fmt::format("/api/v1/namespaces/{}/configmaps{}", UrlEncode(ns), Segment(name));
}

std::string SecretPath(std::string_view ns, std::string_view name) {
  return fmt::format("/api/v1/namespaces/{}/secrets{}", UrlEncode(ns), Segment(name));
}

std::string MutatingWebhookPath(std::string_view name) {
  return fmt::format("{}/{}", kMutatingWebhooksPath, UrlEncode(name));
}

std::string LeasePath(std::string_view ns, std::string_view name) {
  return fmt::format("/apis/coordination.k8s.io/v1/namespaces/{}/leases{}", UrlEncode(ns), Segment(name));
}

std::string EventPath(std::string_view ns, std::string_view name) {
  return fmt::format("/apis/events.k8s.io/v1/namespaces/{}/events{}", UrlEncode(ns), Segment(name));
}

}  // namespace spillway::kube
