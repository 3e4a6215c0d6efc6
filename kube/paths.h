#pragma once

#include <string>
#include <string_view>

// URL paths of the resources Spillway touches, names percent-encoded.
namespace spillway::kube {

inline constexpr std::string_view kPodsPath = "/api/v1/pods";
inline constexpr std::string_view kCoreEventsPath = "/api/v1/events";
inline constexpr std::string_view kNodesPath = "/api/v1/nodes";
inline constexpr std::string_view kNamespacesPath = "/api/v1/namespaces";
inline constexpr std::string_view kServicesPath = "/api/v1/services";
inline constexpr std::string_view kReplicationControllersPath = "/api/v1/replicationcontrollers";
inline constexpr std::string_view kReplicaSetsPath = "/apis/apps/v1/replicasets";
inline constexpr std::string_view kStatefulSetsPath = "/apis/apps/v1/statefulsets";
inline constexpr std::string_view kResourceGroupPath = "/apis/resource.k8s.io/v1";
inline constexpr std::string_view kDeviceClassesPath = "/apis/resource.k8s.io/v1/deviceclasses";
inline constexpr std::string_view kSelfSubjectAccessReviewsPath =
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
inline constexpr std::string_view kSubjectAccessReviewsPath = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
inline constexpr std::string_view kPersistentVolumeClaimsPath = "/api/v1/persistentvolumeclaims";
inline constexpr std::string_view kPersistentVolumesPath = "/api/v1/persistentvolumes";
inline constexpr std::string_view kStorageClassesPath = "/apis/storage.k8s.io/v1/storageclasses";
inline constexpr std::string_view kCsiNodesPath = "/apis/storage.k8s.io/v1/csinodes";
inline constexpr std::string_view kCsiDriversPath = "/apis/storage.k8s.io/v1/csidrivers";
inline constexpr std::string_view kCsiStorageCapacitiesPath = "/apis/storage.k8s.io/v1/csistoragecapacities";
inline constexpr std::string_view kMutatingWebhooksPath =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
inline constexpr std::string_view kVolumeAttachmentsPath = "/apis/storage.k8s.io/v1/volumeattachments";

// "/api/v1/namespaces/{ns}/configmaps", with a name the one.
std::string ConfigMapPath(std::string_view ns, std::string_view name = "");
// The same of Secrets.
std::string SecretPath(std::string_view ns, std::string_view name = "");
// "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}"
std::string MutatingWebhookPath(std::string_view name);
// "/api/v1/namespaces/{ns}/pods/{name}", optionally with "/{subresource}": binding, status, eviction.
std::string PodPath(std::string_view ns, std::string_view name, std::string_view subresource = "");
std::string NodePath(std::string_view name, std::string_view subresource = "");
// "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases", with a name the one lease.
std::string LeasePath(std::string_view ns, std::string_view name = "");
// "/apis/events.k8s.io/v1/namespaces/{ns}/events", with a name the one event.
std::string EventPath(std::string_view ns, std::string_view name = "");

}  // namespace spillway::kube
