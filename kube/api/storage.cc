#include "kube/api/storage.h"

namespace spillway::kube {
namespace {

template <typename T>
const std::string& ClassOfEither(const T& object) {
  const std::string* beta = Find(object.metadata.annotations, "volume.beta.kubernetes.io/storage-class");
  return beta != nullptr ? *beta : object.storage_class;
}

}  // namespace

const std::string& ClassOf(const PersistentVolumeClaim& claim) { return ClassOfEither(claim); }
const std::string& ClassOf(const PersistentVolume& volume) { return ClassOfEither(volume); }

bool PersistentVolumeClaim::bind_completed() const {
  return Find(metadata.annotations, "pv.kubernetes.io/bind-completed") != nullptr;
}

const std::string* PersistentVolumeClaim::selected_node() const {
  return Find(metadata.annotations, "volume.kubernetes.io/selected-node");
}

std::string_view NameOf(InTreeSource::Plugin plugin) {
  switch (plugin) {
    case InTreeSource::Plugin::kNone:
      return {};
    case InTreeSource::Plugin::kAwsEbs:
      return "kubernetes.io/aws-ebs";
    case InTreeSource::Plugin::kGcePd:
      return "kubernetes.io/gce-pd";
    case InTreeSource::Plugin::kAzureDisk:
      return "kubernetes.io/azure-disk";
    case InTreeSource::Plugin::kCinder:
      return "kubernetes.io/cinder";
    case InTreeSource::Plugin::kPortworx:
      return "kubernetes.io/portworx-volume";
  }
  return {};
}

}  // namespace spillway::kube
