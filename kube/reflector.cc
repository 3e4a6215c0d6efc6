#include "kube/reflector.h"

#include <utility>

#include "kube/api/workloads.h"
#include "kube/reflector_core.h"

namespace spillway::kube {
namespace {

template <typename T>
Result<internal::DecodedObject> DecodeAs(Decoder& decoder, std::string_view raw) {
  Result<T> object = decoder.Decode<T>(raw);
  if (!object) return Fail(std::move(object.error()));
  if (object->metadata.uid.empty()) return Fail(Code::kMalformed, object->metadata.Key() + ": no metadata.uid");
  internal::DecodedObject decoded;
  decoded.uid = object->metadata.uid;
  decoded.version = object->metadata.resource_version;
  decoded.object =
      internal::AnyObject(new T(std::move(*object)), [](void* pointer) { delete static_cast<T*>(pointer); });
  return decoded;
}

template <typename T>
DeltaBatch<T> ToBatch(std::vector<internal::AnyDelta> deltas, bool synced) {
  DeltaBatch<T> batch;
  batch.synced = synced;
  batch.deltas.reserve(deltas.size());
  for (auto& delta : deltas) {
    batch.deltas.push_back({std::move(delta.uid), std::unique_ptr<T>(static_cast<T*>(delta.object.release())),
                            std::move(delta.unreadable)});
  }
  return batch;
}

}  // namespace

template <typename T>
struct Reflector<T>::Impl {
  internal::ReflectorCore core;
};

template <typename T>
Reflector<T>::Reflector(Runtime& runtime, Transport& transport, ReflectorOptions options, Deliver deliver)
    : impl_(new Impl{internal::ReflectorCore(runtime, transport, std::move(options), &DecodeAs<T>,
                                             [deliver = std::move(deliver)](auto deltas, bool synced) {
                                               deliver(ToBatch<T>(std::move(deltas), synced));
                                             })}) {}

template <typename T>
Reflector<T>::~Reflector() = default;

template <typename T>
void Reflector<T>::Start() {
  impl_->core.Start();
}

template <typename T>
const ReflectorCounts& Reflector<T>::counts() const {
  return impl_->core.counts();
}

template class Reflector<Pod>;
template class Reflector<Node>;
template class Reflector<Namespace>;
template class Reflector<ConfigMap>;
template class Reflector<ObjectEvent>;
template class Reflector<PartialObject>;
template class Reflector<PersistentVolumeClaim>;
template class Reflector<PersistentVolume>;
template class Reflector<StorageClass>;
template class Reflector<CsiNode>;
template class Reflector<Service>;
template class Reflector<ReplicationController>;
template class Reflector<ReplicaSet>;
template class Reflector<StatefulSet>;
template class Reflector<DeviceClass>;
template class Reflector<CsiDriver>;
template class Reflector<CsiStorageCapacity>;
template class Reflector<VolumeAttachment>;
template class Reflector<RawObject>;

}  // namespace spillway::kube
