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

  // VolumeRestrictions: "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
  // until 1.33.
  bool old_read_write_once_pod_reason = false;
  // In-tree Portworx volumes count against a node's limit only where the CSINode's annotation lists the plugin, until
  // 1.35; other in-tree volumes count everywhere.
  bool portworx_must_be_listed = false;
  // Claims and volumes may have a VolumeAttributesClass (gate of that name: off until 1.33).
  bool volume_attributes_classes = true;

  static constexpr Semantics Of(int minor_version) {
    Semantics of;
    of.taint_reason_names_the_taint = minor_version <= 33;
    of.pod_level_resources = minor_version >= 34;
    of.pod_level_resize = minor_version >= 36;
    of.declared_features = minor_version >= 36;
    of.device_classes = minor_version >= 36;
    of.old_read_write_once_pod_reason = minor_version <= 33;
    of.portworx_must_be_listed = minor_version <= 35;
    of.volume_attributes_classes = minor_version >= 34;
    return of;
  }
};

}  // namespace spillway::sim
