#include "controller/refused_pods.h"

#include "controller/policy/pod_annotations.h"

namespace spillway::controller {
namespace {

const std::string* OwnWord(const kube::ObjectMeta& meta) {
  const std::string* annotation = kube::Find(meta.annotations, kFailOver);
  return annotation != nullptr ? annotation : kube::Find(meta.labels, kFailOver);
}

}  // namespace

bool RefusedPods::Put(const kube::Pod& pod, Instant now) {
  const kube::ObjectMeta& meta = pod.metadata;
  const bool is_refused = IsRefused(pod);
  const auto known = pods_.find(meta.uid);
  if (known == pods_.end() && !is_refused) return false;  // most Pods
  if (pod.has_started || pod.phase != kube::PodPhase::kPending || pod.is_terminating()) {
    if (known != pods_.end()) pods_.erase(known);
    return false;
  }
  RefusedPod& refused = pods_[meta.uid];
  if (known == pods_.end()) refused.since = now;
  refused.ns = meta.ns;
  refused.name = meta.name;
  refused.uid = meta.uid;
  refused.resource_version = meta.resource_version;
  refused.node = pod.node_name;
  refused.owner.reset();
  if (const kube::OwnerReference* owner = meta.Controller()) refused.owner = *owner;
  refused.own_word.reset();
  if (const std::string* word = OwnWord(meta)) refused.own_word = *word;
  refused.was_sent = kube::Find(meta.annotations, kDecisionId) != nullptr;
  refused.is_refused = is_refused;
  if (is_refused) refused.why = pod.status_message.empty() ? pod.status_reason : pod.status_message;
  return true;
}

void RefusedPods::Remove(std::string_view uid) {
  if (const auto known = pods_.find(uid); known != pods_.end()) pods_.erase(known);
}

const RefusedPod* RefusedPods::Find(std::string_view uid) const {
  const auto known = pods_.find(uid);
  return known == pods_.end() ? nullptr : &known->second;
}

}  // namespace spillway::controller
