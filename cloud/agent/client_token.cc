#include "cloud/agent/client_token.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "cloud/agent/billing.h"
#include "cloud/json.h"

namespace spillway::cloud {

namespace {

std::string Sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

RequestNote NoteOn(const nlohmann::json& pod) {
  const Json& annotations = At(pod, "metadata", "annotations");
  RequestNote note;
  if (TextAt(annotations, kNotedFor) != TextAt(pod, "metadata", "uid")) return note;
  const std::string generation = TextAt(annotations, kInstanceGeneration);
  (void)std::from_chars(generation.data(), generation.data() + generation.size(), note.generation);
  note.digest = TextAt(annotations, kRequestDigest);
  return note;
}

nlohmann::json NoteAnnotations(const RequestNote& note, const std::string& pod_uid) {
  return {{kInstanceGeneration, std::to_string(note.generation)}, {kRequestDigest, note.digest}, {kNotedFor, pod_uid}};
}

std::string MakeClientToken(std::string_view cluster_id, std::string_view pod_uid, std::uint64_t generation) {
  // Lengths in front: no two triples give the same bytes.
  return Sha256(fmt::format("{}:{}{}:{}{}", cluster_id.size(), cluster_id, pod_uid.size(), pod_uid, generation));
}

std::string RequestDigest(const nlohmann::json& pod, const std::vector<std::string>& beside) {
  Json request;
  request["uid"] = At(pod, "metadata", "uid");
  request["spec"] = At(pod, "spec");
  request["annotations"] = At(pod, "metadata", "annotations");
  request["beside"] = beside;
  if (request["spec"].is_object()) request["spec"].erase("tolerations");  // the control plane adds some later
  if (request["annotations"].is_object()) {
    for (const char* own : {kInstanceGeneration, kRequestDigest, kNotedFor, kBilledSize, kPricePerHour})
      request["annotations"].erase(own);
    if (request["annotations"].empty()) request["annotations"] = Json();
  }
  return Sha256(request.dump(-1, ' ', false, Json::error_handler_t::replace)).substr(0, 8);
}

}  // namespace spillway::cloud
