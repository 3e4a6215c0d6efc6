#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::cloud {

// Annotations of a Pod, written before the first create of each generation: the generation of its client token, what
// was asked for under it, and the UID of the Pod that this is said of.
inline constexpr const char* kInstanceGeneration = "spillway.io/instance-generation";
inline constexpr const char* kRequestDigest = "spillway.io/request-digest";
inline constexpr const char* kNotedFor = "spillway.io/noted-for";

// What they say, for whoever comes after: under another token it would make a second instance.
struct RequestNote {
  std::uint64_t generation = 0;
  std::string digest;  // empty: nothing was asked for yet
  bool operator==(const RequestNote&) const = default;
};
// Nothing where the notes are another Pod's: manifests are copied, with all that is in them.
RequestNote NoteOn(const nlohmann::json& pod);
// A patch of metadata.annotations.
nlohmann::json NoteAnnotations(const RequestNote& note, const std::string& pod_uid);

// SHA-256 of cluster, Pod and generation in hex: 64 characters, which every cloud's idempotency token may have. The
// generation grows when a create was refused for good.
std::string MakeClientToken(std::string_view cluster_id, std::string_view pod_uid, std::uint64_t generation);

// Of all that decides what an instance is: the Pod's spec and annotations as they are at the API server, and `beside`
// them the versions of what it refers to and whatever else goes into the request. Eight hexadecimal digits of a
// SHA-256. Of no Secret's content, which it would help to guess, and of no token, which is another each time.
std::string RequestDigest(const nlohmann::json& pod, const std::vector<std::string>& beside);

}  // namespace spillway::cloud
