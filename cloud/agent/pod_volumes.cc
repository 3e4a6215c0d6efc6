#include "cloud/agent/pod_volumes.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "kube/api/quantity.h"

namespace spillway::cloud {
namespace {

constexpr int kDefaultMode = 0644;
constexpr std::int64_t kDefaultTokenSeconds = 3600;
constexpr Duration kOldestToken = 24h;

using Failure = std::string;  // why a volume cannot be made
using Files = std::map<std::string, VolumeFile>;

TokenKey KeyOf(const Json& source) {
  return {TextAt(source, "audience"), Integer(At(source, "expirationSeconds"), kDefaultTokenSeconds)};
}

// As Go's %q: what is a control character or no UTF-8 is escaped.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    static constexpr std::string_view kEscaped = "\a\b\f\n\r\t\v\\\"", kLetters = "abfnrtv\\\"";
    if (const auto at = kEscaped.find(c); at != std::string_view::npos) {
      quoted += '\\';
      quoted += kLetters[at];
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string FormatMap(const Json& map) {
  std::string text;
  for (const auto& [key, value] : Members(map).items()) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}={}", key, Quoted(Text(value)));
  }
  return text;
}

class VolumeResolver {
 public:
  VolumeResolver(const Json& pod, const Inputs& inputs, const Tokens& tokens, const NodeAmounts& node)
      : pod_(pod), inputs_(inputs), tokens_(tokens), node_(node) {}

  // False after failure() has been set. Null in `volume`: none of the kinds that are resolved.
  bool Resolve(const Json& spec, std::optional<PodVolume>& volume) {
    PodVolume made;
    made.name = TextAt(spec, "name");
    if (const Json& empty = At(spec, "emptyDir"); !empty.is_null()) {
      made.kind = PodVolume::Kind::kEmptyDir;
      made.is_in_memory = TextAt(empty, "medium") == "Memory";
      if (const auto limit = kube::Quantity::Parse(TextAt(empty, "sizeLimit"))) made.size_limit = limit->Value();
      volume = std::move(made);
      return true;
    }
    const Json& projected = At(spec, "projected");
    if (!projected.is_null()) {
      mode_ = Integer(At(projected, "defaultMode"), kDefaultMode);
      for (const Json& source : Items(At(projected, "sources"))) {
        if (!AddSource(source)) return false;
      }
    } else if (const auto ref = InputRefIn(spec, "configMap", "secret", "secretName")) {
      const Json& source = At(spec, ref->key.kind == InputKey::Kind::kSecret ? "secret" : "configMap");
      mode_ = Integer(At(source, "defaultMode"), kDefaultMode);
      if (!AddInput(*ref, source)) return false;
    } else if (const Json& downward = At(spec, "downwardAPI"); !downward.is_null()) {
      mode_ = Integer(At(downward, "defaultMode"), kDefaultMode);
      if (!AddDownward(downward)) return false;
    } else {
      return true;
    }
    for (auto& [path, file] : files_) made.files.push_back(std::move(file));
    made.refresh_at = refresh_at_;
    volume = std::move(made);
    return true;
  }
  const Failure& failure() const { return failure_; }

 private:
  bool Fail(std::string why) {
    failure_ = std::move(why);
    return false;
  }

  bool AddSource(const Json& source) {
    if (const auto ref = InputRefIn(source, "configMap", "secret")) {
      return AddInput(*ref, At(source, ref->key.kind == InputKey::Kind::kSecret ? "secret" : "configMap"));
    }
    if (const Json& downward = At(source, "downwardAPI"); !downward.is_null()) return AddDownward(downward);
    if (const Json& token = At(source, "serviceAccountToken"); !token.is_null()) return AddToken(token);
    return Fail("a source of this kind is not known to this virtual node");
  }

  bool AddInput(const InputRef& ref, const Json& source) {
    const bool is_secret = ref.key.kind == InputKey::Kind::kSecret;
    const auto object = inputs_.find(ref.key);
    if (object == inputs_.end()) {
      if (ref.is_optional) return true;
      return Fail(fmt::format("{} \"{}\" not found", is_secret ? "secret" : "configmap", ref.key.name));
    }
    std::map<std::string, std::string> data = AllDataOf(*object->second, ref.key.kind);
    const Json& items = Items(At(source, "items"));
    if (items.empty()) {
      for (auto& [key, bytes] : data) {
        if (!Put(key, std::move(bytes), mode_)) return false;
      }
      return true;
    }
    for (const Json& item : items) {
      const std::string key = TextAt(item, "key");
      const auto found = data.find(key);
      if (found == data.end()) {
        if (ref.is_optional) continue;
        return Fail(is_secret ? fmt::format("references non-existent secret key: {}", key)
                              : fmt::format("configmap references non-existent config key: {}", key));
      }
      if (!Put(TextAt(item, "path"), found->second, Integer(At(item, "mode"), mode_))) return false;
    }
    return true;
  }

  bool AddDownward(const Json& source) {
    for (const Json& item : Items(At(source, "items"))) {
      std::optional<std::string> value;
      const std::string field = TextAt(item, "fieldRef", "fieldPath");
      if (field == "metadata.labels" || field == "metadata.annotations") {
        value = FormatMap(At(pod_, "metadata", field.substr(std::string_view("metadata.").size())));
      } else if (!field.empty()) {
        value = MetadataField(pod_, field);
      } else {
        value = ResourceField(pod_, Json(), At(item, "resourceFieldRef"), node_);
      }
      if (!value) {
        const std::string resource = TextAt(item, "resourceFieldRef", "resource");
        return Fail(fmt::format("unsupported fieldPath: {}", field.empty() ? resource : field));
      }
      if (!Put(TextAt(item, "path"), *std::move(value), Integer(At(item, "mode"), mode_))) return false;
    }
    return true;
  }

  bool AddToken(const Json& source) {
    const auto found = tokens_.find(KeyOf(source));
    if (found == tokens_.end()) return Fail("its token was not fetched");
    const WallTime due = found->second.refresh_at();
    refresh_at_ = std::min(refresh_at_.value_or(due), due);
    return Put(TextAt(source, "path"), found->second.token, mode_);
  }

  // A later source wins.
  bool Put(const std::string& path, std::string bytes, std::int64_t mode) {
    if (!IsSafePath(path)) return Fail(fmt::format("invalid path \"{}\": it must stay within the volume", path));
    files_[path] = VolumeFile{path, std::move(bytes), static_cast<int>(mode & 0777)};
    return true;
  }

  const Json& pod_;
  const Inputs& inputs_;
  const Tokens& tokens_;
  const NodeAmounts& node_;
  Files files_;
  std::int64_t mode_ = kDefaultMode;
  std::optional<WallTime> refresh_at_;
  Failure failure_;
};

}  // namespace

WallTime ServiceAccountToken::refresh_at() const {
  return issued_at + std::min<Duration>((expires_at - issued_at) / 5 * 4, kOldestToken);
}

std::vector<TokenKey> TokensOf(const Json& pod) {
  std::set<TokenKey> keys;
  for (const Json& volume : Items(At(pod, "spec", "volumes"))) {
    for (const Json& source : Items(At(volume, "projected", "sources"))) {
      const Json& token = At(source, "serviceAccountToken");
      if (!token.is_null()) keys.insert(KeyOf(token));
    }
  }
  return {keys.begin(), keys.end()};
}

InputResult<std::vector<PodVolume>> ResolveVolumes(const Json& pod, const Inputs& inputs, const Tokens& tokens,
                                                   const NodeAmounts& node) {
  std::vector<PodVolume> volumes;
  for (const Json& spec : Items(At(pod, "spec", "volumes"))) {
    VolumeResolver resolver(pod, inputs, tokens, node);
    std::optional<PodVolume> volume;
    if (!resolver.Resolve(spec, volume)) {
      return tl::unexpected(InputNotice{kFailedMount, fmt::format("MountVolume.SetUp failed for volume \"{}\" : {}",
                                                                  TextAt(spec, "name"), resolver.failure())});
    }
    if (volume) volumes.push_back(*std::move(volume));
  }
  return volumes;
}

}  // namespace spillway::cloud
