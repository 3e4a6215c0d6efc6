#pragma once

namespace spillway::sim {

// Everything in which kube-scheduler 1.33 to 1.36 differ as far as verdicts and messages go: one row a difference, with
// the feature gates at their defaults. Filters ask this and never a version number.
//
// Source: kubernetes pkg/features/kube_features.go and the plugins, 1.33 to 1.36, compared.
struct Semantics {
  // "node(s) had untolerated taint {key: value}", a histogram bucket per taint; 1.34 dropped the taint from the text.
  bool taint_reason_names_the_taint = false;
  // spec.resources replaces the containers' sum (gate PodLevelResources: alpha, off, until 1.33).
  bool pod_level_resources = true;
  // Placed Pods: also status.resources and status.allocatedResources of the Pod (gate
  // InPlacePodLevelResourcesVerticalScaling: on since 1.36).
  bool pod_level_resize = true;
  // The filter NodeDeclaredFeatures (on since 1.36).
  bool declared_features = true;
  // Extended resources that a DeviceClass stands for are left to dynamic resource allocation (gate DRAExtendedResource:
  // on since 1.36).
  bool device_classes = true;
  // An incoming Pod's own affinity terms: a namespaceSelector that an empty label set satisfies matches every
  // namespace, because the selector is not reset after the matching namespaces were listed. 1.33 to 1.36, all of them.
  bool namespace_selector_sees_no_labels = true;

  static constexpr Semantics Of(int minor_version) {
    Semantics of;
    of.taint_reason_names_the_taint = minor_version <= 33;
    of.pod_level_resources = minor_version >= 34;
    of.pod_level_resize = minor_version >= 36;
    of.declared_features = minor_version >= 36;
    of.device_classes = minor_version >= 36;
    return of;
  }
};

}  // namespace spillway::sim
