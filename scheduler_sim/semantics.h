#pragma once

namespace spillway::sim {

// The kube-schedulers, 1.x, that are simulated: those whose plugins the differential holds the simulation against.
inline constexpr int kOldestMinorVersion = 30, kNewestMinorVersion = 36;

// Everything in which they differ as far as verdicts and messages go: one row a difference, with the feature gates at
// their defaults. Filters ask this and never a version number.
//
// Source: kubernetes pkg/features/kube_features.go and the plugins, 1.30 to 1.36, compared.
struct Semantics {
  // Nodes that a PreFilter result leaves out are counted in the message, with their reason: since 1.32. Until then they
  // are among the nodes and have no reason.
  bool counts_nodes_left_out = true;
  // "node(s) had untolerated taint {key: value}", a histogram bucket per taint; 1.34 dropped the taint from the text.
  bool taint_reason_names_the_taint = false;
  // Sidecars hold their host ports, and want them: since 1.33.
  bool sidecars_have_ports = true;
  // Placed Pods count for what their containers' status says of a resize (gate InPlacePodVerticalScaling: on
  // since 1.33).
  bool container_resize = true;
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
  // namespace, because the selector is not reset after the matching namespaces were listed. Since 1.34, where the term
  // is passed by value.
  bool namespace_selector_sees_no_labels = true;
  // The filter DynamicResources (gate DynamicResourceAllocation: off until 1.33).
  bool dynamic_resources = true;

  // VolumeRestrictions: "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
  // until 1.33.
  bool old_read_write_once_pod_reason = false;
  // VolumeBinding: "node(s) had volume node affinity conflict", until 1.32.
  bool old_volume_affinity_reason = false;
  // VolumeAttachments count against a node's limit: since 1.32.
  bool attachments_count = true;
  // In-tree Portworx volumes count against a node's limit only where the CSINode's annotation lists the plugin, until
  // 1.35; other in-tree volumes count everywhere.
  bool portworx_must_be_listed = false;
  // Portworx's CSI driver has taken over its in-tree volumes (gate CSIMigrationPortworx: on since 1.31).
  bool portworx_is_csi = true;
  // Claims and volumes may have a VolumeAttributesClass (gate of that name: off until 1.33): ignored until 1.30,
  // refused while the gate was off, compared since 1.34.
  enum class AttributesClasses { kIgnored, kRefused, kCompared };
  AttributesClasses attributes_classes = AttributesClasses::kCompared;

  static constexpr Semantics Of(int minor_version) {
    Semantics of;
    of.counts_nodes_left_out = minor_version >= 32;
    of.taint_reason_names_the_taint = minor_version <= 33;
    of.sidecars_have_ports = minor_version >= 33;
    of.container_resize = minor_version >= 33;
    of.pod_level_resources = minor_version >= 34;
    of.pod_level_resize = minor_version >= 36;
    of.declared_features = minor_version >= 36;
    of.device_classes = minor_version >= 36;
    of.namespace_selector_sees_no_labels = minor_version >= 34;
    of.dynamic_resources = minor_version >= 34;
    of.old_read_write_once_pod_reason = minor_version <= 33;
    of.old_volume_affinity_reason = minor_version <= 32;
    of.attachments_count = minor_version >= 32;
    of.portworx_must_be_listed = minor_version <= 35;
    of.portworx_is_csi = minor_version >= 31;
    of.attributes_classes = minor_version <= 30   ? AttributesClasses::kIgnored
                            : minor_version <= 33 ? AttributesClasses::kRefused
                                                  : AttributesClasses::kCompared;
    return of;
  }
};

}  // namespace spillway::sim
