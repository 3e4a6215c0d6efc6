#pragma once

#include <string>

#include "cloud/agent/pod_inputs.h"
#include "kube/api/capabilities.h"

// Volumes that a Pod claims, as the provider gets them: the claim's PersistentVolume stands in the Pod where the claim
// stood, as if it had been written there. So a provider knows volumes and no claims. Pure.
//
//   {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}  ->  {"name": "data", "nfs": {"server": ..., ...}}
//   a CSI volume                            ->  {"name": "data", "csi": {"driver": ..., "volumeHandle": ..., ...}}
//
// Errors are events FailedMount. Source: desired_state_of_world_populator.go, getPVCExtractPV and getPVSpec, v1.36.
namespace spillway::cloud {

// What `volume`, of a Pod, claims; empty: nothing.
std::string ClaimOf(const Json& volume);

// The name of the PersistentVolume of `claim`, an object of the API server, which `volume` refers to.
InputResult<std::string> BoundVolume(const Json& volume, const Json& claim);

// `volume` with `persistent_volume` in its place. Refused is what `can` does not hold as
// "persistentVolumeClaim/<driver, kind or StorageClass>".
InputResult<Json> VolumeInPlace(const Json& volume, const Json& claim, const Json& persistent_volume,
                                const kube::Capabilities& can);

// As kubelet mounts what is claimed read-only: in every container.
void MountReadOnly(Json& pod, const std::string& volume);

// kFailedMount, in kubelet's words.
InputNotice CannotMount(const Json& volume, const std::string& why);

}  // namespace spillway::cloud
