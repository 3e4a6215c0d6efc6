#include "scheduler_sim/testing/random_storage.h"

#include <algorithm>

#include "scheduler_sim/testing/draw.h"

namespace spillway::sim::testing {
namespace {

constexpr std::array<const char*, 4> kClasses = {"wait", "now", "local", "ebs"};
constexpr std::array<const char*, 2> kDrivers = {"csi.a", "ebs.csi.aws.com"};
constexpr const char* kZone = "topology.kubernetes.io/zone";

kube::Quantity Gi(int amount) { return kube::Quantity::FromUnits(std::int64_t{amount} << 30); }

std::string Zone(Draw& draw) { return "z" + std::to_string(draw.Below(3)); }

kube::NodeSelector InZone(Draw& draw) {
  return {{{{{"zone", kube::LabelRequirement::Operator::kIn, {Zone(draw)}}}, {}}}};
}

kube::PersistentVolumeClaim ClaimFrom(int number, const Genes& genes) {
  Draw draw(genes);
  kube::PersistentVolumeClaim claim;
  claim.metadata.ns = kNamespaces[static_cast<std::size_t>(number % 3)];
  claim.metadata.name = "c" + std::to_string(number / 3 % 2);
  if (number >= 6) {  // of an ephemeral volume
    const std::string pod = "p" + std::to_string(number - 6);
    claim.metadata.name = pod + "-e";
    claim.metadata.owner_references = {{"v1", "Pod", pod, draw.OneIn(6) ? "another" : pod, true}};
  }
  claim.metadata.uid = claim.metadata.Key();
  claim.storage_class = draw.From(kClasses);
  claim.access_modes = {draw.From(std::array{"ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"})};
  claim.request = Gi(draw.Below(5));
  switch (draw.Below(8)) {
    case 0:
    case 1:
    case 2:
      claim.volume_name = "pv" + std::to_string(draw.Below(6));
      claim.metadata.annotations = {{"pv.kubernetes.io/bind-completed", "yes"}};
      break;
    case 3:
      claim.metadata.annotations = {{"volume.kubernetes.io/selected-node", "n" + std::to_string(draw.Below(6))}};
      break;
    case 4:
      claim.selector = kube::LabelSelector{{{"app", draw.OneIn(2) ? "web" : "db"}}, {}};
      break;
    default:
      break;
  }
  if (draw.OneIn(16)) claim.metadata.deletion_timestamp = WallTime();
  if (draw.OneIn(16)) claim.storage_class.clear();
  claim.lost = draw.OneIn(16);
  return claim;
}

kube::PersistentVolume VolumeFrom(int number, const Genes& genes) {
  Draw draw(genes);
  kube::PersistentVolume volume;
  volume.metadata.name = volume.metadata.uid = "pv" + std::to_string(number);
  volume.capacity = Gi(number + 1);
  volume.storage_class = draw.From(kClasses);
  volume.access_modes = {"ReadWriteOnce", draw.From(std::array{"ReadWriteMany", "ReadWriteOncePod"})};
  volume.phase = draw.OneIn(4) ? "Released" : "Available";
  if (draw.OneIn(2)) volume.node_affinity = InZone(draw);
  if (draw.OneIn(3)) {
    volume.metadata.labels = {{draw.OneIn(2) ? kZone : "failure-domain.beta.kubernetes.io/zone",
                               draw.OneIn(3) ? Zone(draw) + "__" + Zone(draw) : Zone(draw)}};
  }
  if (draw.OneIn(3)) volume.metadata.labels.insert(volume.metadata.labels.begin(), {"app", "web"});
  if (draw.OneIn(3)) {
    volume.in_tree = {kube::InTreeSource::Plugin::kAwsEbs,
                      draw.OneIn(8) ? "aws://z/odd" : "vol-" + std::to_string(draw.Below(3)), false};
  } else {
    volume.has_csi = true;
    volume.csi_driver = draw.From(kDrivers);
    volume.csi_volume_handle = "vol-" + std::to_string(draw.Below(3));
  }
  if (draw.OneIn(3)) {
    volume.has_claim = true;
    volume.claim_ns = kNamespaces[static_cast<std::size_t>(number % 3)];
    volume.claim_name = "c" + std::to_string(number / 3);
    if (draw.OneIn(3)) volume.claim_uid = draw.OneIn(2) ? volume.claim_ns + "/" + volume.claim_name : "another";
  }
  if (draw.OneIn(16)) volume.metadata.deletion_timestamp = WallTime();
  return volume;
}

kube::StorageClass ClassFrom(int number, const Genes& genes) {
  Draw draw(genes);
  using Binding = kube::StorageClass::Binding;
  kube::StorageClass made;
  made.metadata.name = made.metadata.uid = kClasses[static_cast<std::size_t>(number % 4)];
  made.provisioner = number % 4 == 2   ? "kubernetes.io/no-provisioner"
                     : number % 4 == 3 ? "kubernetes.io/aws-ebs"
                                       : "csi.a";
  made.binding = number % 4 == 1  ? Binding::kImmediate
                 : draw.OneIn(16) ? Binding::kUnset
                                  : Binding::kWaitForFirstConsumer;
  if (draw.OneIn(3)) made.allowed_topologies = InZone(draw).terms;
  return made;
}

kube::CsiNode CsiNodeFrom(int number, const Genes& genes) {
  Draw draw(genes);
  kube::CsiNode node;
  node.metadata.name = node.metadata.uid = "n" + std::to_string(number % 6);
  if (draw.OneIn(2))
    node.metadata.annotations = {{"storage.alpha.kubernetes.io/migrated-plugins", "kubernetes.io/aws-ebs"}};
  for (const char* name : kDrivers) {
    kube::CsiNodeDriver driver{name, "id", {}, std::nullopt};
    if (!draw.OneIn(4)) driver.allocatable_count = draw.Below(3);
    node.drivers.push_back(driver);
  }
  return node;
}

kube::CsiDriver DriverFrom(int number, const Genes& genes) {
  kube::CsiDriver driver;
  driver.metadata.name = driver.metadata.uid = kDrivers[static_cast<std::size_t>(number % 2)];
  driver.storage_capacity = !Draw(genes).OneIn(3);
  return driver;
}

kube::CsiStorageCapacity CapacityFrom(int number, const Genes& genes) {
  Draw draw(genes);
  kube::CsiStorageCapacity capacity;
  capacity.metadata.name = capacity.metadata.uid = "capacity" + std::to_string(number % 4);
  capacity.storage_class = draw.From(kClasses);
  if (!draw.OneIn(6)) capacity.node_topology = kube::LabelSelector{{{"zone", Zone(draw)}}, {}};
  if (!draw.OneIn(6)) capacity.capacity = Gi(draw.Below(6));
  if (draw.OneIn(4)) capacity.maximum_volume_size = Gi(draw.Below(6));
  return capacity;
}

kube::VolumeAttachment AttachmentFrom(int number, const Genes& genes) {
  Draw draw(genes);
  kube::VolumeAttachment attachment;
  attachment.metadata.name = attachment.metadata.uid = "va" + std::to_string(number % 6);
  attachment.attacher = draw.From(kDrivers);
  attachment.node_name = "n" + std::to_string(draw.Below(6));
  if (!draw.OneIn(8)) attachment.volume_name = "pv" + std::to_string(draw.Below(6));
  return attachment;
}

template <typename T>
void Replace(std::vector<T>& list, T object, Cluster& cluster) {
  std::erase_if(list, [&](const T& other) { return other.metadata.uid == object.metadata.uid; });
  list.push_back(std::move(object));
  cluster.Upsert(list.back());
}

// The UID of object `number`.
template <typename T>
std::string Erase(std::vector<T>& list, T object) {
  std::erase_if(list, [&](const T& other) { return other.metadata.uid == object.metadata.uid; });
  return object.metadata.uid;
}

}  // namespace

void UpsertStorage(int kind, int number, const Genes& genes, Objects& objects, Cluster& cluster) {
  switch (kind) {
    case 0:
      return Replace(objects.claims, ClaimFrom(number % 12, genes), cluster);
    case 1:
      return Replace(objects.volumes, VolumeFrom(number % 6, genes), cluster);
    case 2:
      return Replace(objects.storage_classes, ClassFrom(number, genes), cluster);
    case 3:
      return Replace(objects.csi_nodes, CsiNodeFrom(number, genes), cluster);
    case 4:
      return Replace(objects.csi_drivers, DriverFrom(number, genes), cluster);
    case 5:
      return Replace(objects.capacities, CapacityFrom(number, genes), cluster);
    default:
      return Replace(objects.attachments, AttachmentFrom(number, genes), cluster);
  }
}

void RemoveStorage(int kind, int number, Objects& objects, Cluster& cluster) {
  switch (kind) {
    case 0:
      return cluster.RemoveClaim(Erase(objects.claims, ClaimFrom(number % 12, {})));
    case 1:
      return cluster.RemoveVolume(Erase(objects.volumes, VolumeFrom(number % 6, {})));
    case 2:
      return cluster.RemoveStorageClass(Erase(objects.storage_classes, ClassFrom(number, {})));
    case 3:
      return cluster.RemoveCsiNode(Erase(objects.csi_nodes, CsiNodeFrom(number, {})));
    case 4:
      return cluster.RemoveCsiDriver(Erase(objects.csi_drivers, DriverFrom(number, {})));
    case 5:
      return cluster.RemoveStorageCapacity(Erase(objects.capacities, CapacityFrom(number, {})));
    default:
      return cluster.RemoveVolumeAttachment(Erase(objects.attachments, AttachmentFrom(number, {})));
  }
}

void LoadStorage(const Objects& objects, Cluster& cluster) {
  const auto load = [&](const auto& list) {
    for (const auto& object : list) cluster.Upsert(object);
  };
  load(objects.attachments);
  load(objects.csi_nodes);
  load(objects.claims);
  load(objects.volumes);
  load(objects.capacities);
  load(objects.csi_drivers);
  load(objects.storage_classes);
}

void AddVolumes(const Genes& genes, kube::Pod& pod) {
  using Kind = kube::Volume::Kind;
  Draw draw(genes);
  for (int i = draw.Below(3); i > 0; --i) {
    kube::Volume volume;
    volume.name = "v" + std::to_string(i);
    volume.read_only = draw.OneIn(2);
    switch (draw.Below(8)) {
      case 0:
        volume.kind = Kind::kEphemeral;
        volume.name = "e";
        break;
      case 1:
        volume.kind = draw.OneIn(2) ? Kind::kGcePd : Kind::kIscsi;
        volume.source = "disk" + std::to_string(draw.Below(2));
        break;
      case 2:
        volume.kind = Kind::kAwsEbs;
        volume.source = draw.OneIn(8) ? "aws://z/odd" : "vol-" + std::to_string(draw.Below(3));
        break;
      case 3:
        volume.kind = Kind::kRbd;
        volume.source = "image";
        volume.pool = draw.OneIn(3) ? "fast" : "rbd";
        volume.monitors = draw.OneIn(2) ? std::vector<std::string>{"m1", "m2"} : std::vector<std::string>{"m2"};
        break;
      default:
        volume.kind = Kind::kPersistentVolumeClaim;
        volume.source = "c" + std::to_string(draw.Below(2));
        break;
    }
    pod.volumes.push_back(std::move(volume));
  }
}

}  // namespace spillway::sim::testing
