#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/provider.h"

// EKSCI has neither tags nor idempotency tokens, but instances have names, and can be asked for by them. So a name is
// the token: "sw", what cluster, node and client token come to, and the Pod's UID, which is there in full. At most 60
// characters, which is what EKSCI takes; pure.
namespace spillway::cloud::tencent {

// What a cluster, a node and a token are in names: the beginnings of their SHA-256.
struct NameParts {
  std::string cluster, node, token;  // 8, 6 and 6 hexadecimal digits
  std::string uid;
  bool operator==(const NameParts&) const = default;
};
std::string ClusterMark(std::string_view cluster_id);
std::string NodeMark(std::string_view node_name);

// kInvalidArgument: the UID is none that fits.
Result<std::string> InstanceName(const InstanceIdentity& identity, std::string_view client_token);
// nullopt: it is not ours.
std::optional<NameParts> ReadName(std::string_view name);

// The rest of what an instance has to say is a variable in its first container's environment, which its program sees
// and nobody needs.
inline constexpr const char* kNoteVariable = "SPILLWAY_INSTANCE";
struct InstanceNote {
  InstanceIdentity identity;
  std::string digest;  // of what was asked for, but for place and passwords
};
std::string WriteNote(const InstanceNote& note);
// Whether the name says the same of cluster, node and Pod.
bool Agree(const InstanceIdentity& identity, const NameParts& name);
// nullopt: it is none.
std::optional<InstanceNote> ReadNote(std::string_view text);

}  // namespace spillway::cloud::tencent
