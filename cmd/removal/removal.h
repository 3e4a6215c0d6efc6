#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "kube/client.h"

// Taking virtual nodes away without leaving anything in the cloud: `spillway agent retire` before their agents go,
// `spillway agent forget` after. An agent that goes before its instances leaves them behind, and they are paid for.
namespace spillway::cmd {

struct Removal {
  std::string selector;        // label selector of the virtual nodes
  std::set<std::string> keep;  // names among them that stay
  Duration timeout{};
};

// Cordons the virtual nodes and returns once nothing is left on any: no Pod but those of DaemonSets, which never have
// an instance, and no instance, by an observation (annotation spillway.io/instances) that its agent made after the
// cordon. If that does not come about in time, uncordons those that it cordoned; the error names what is left where.
//
// Who binds past the cordon is seen as what it is, a Pod. Clocks of agents count: one that is behind by minutes delays
// this, one that is ahead by as much could hide an instance whose Pod was deleted by force in the same minutes.
Task<Status> RetireVirtualNodes(kube::Client& client, Removal removal);

// Deletes the virtual nodes and their Leases, each once no agent holds its Lease: it was released, or not renewed while
// we watched for as long as it lasts. Then `leases`, as namespace/name, under the same condition. The error names what
// is still held at the end of the time; nothing of that is deleted.
Task<Status> ForgetVirtualNodes(kube::Client& client, Removal removal, std::vector<std::string> leases);

// Each as namespace/name; one that is not there is as good as deleted.
Task<Status> DeleteSecrets(kube::Client& client, std::vector<std::string> secrets);

}  // namespace spillway::cmd
