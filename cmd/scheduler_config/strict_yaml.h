#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

// YAML read as strictly as Kubernetes reads its components' configuration: every field is known, none comes twice, and
// each has the right type. The first mistake is kept, as "file:line: what"; after it, everything reads as absent, so
// that readers need not look after every step.
namespace spillway::cmd {

class Mistakes {
 public:
  explicit Mistakes(std::string file) : file_(std::move(file)) {}

  void Note(const YAML::Node& at, std::string_view what);
  // Lines count from 1.
  void NoteLine(int line, std::string_view what);
  const std::optional<Error>& first() const { return first_; }

 private:
  std::string file_;
  std::optional<Error> first_;
};

// The fields of one mapping; an absent or null one has none. Each getter marks its field as known.
class Fields {
 public:
  // `path` is what the mapping is called in messages: "profiles[0].plugins". `mistakes` outlives this.
  Fields(Mistakes& mistakes, const YAML::Node& node, std::string path);

  const std::string& path() const { return path_; }
  const YAML::Node& node() const { return node_; }
  Mistakes& mistakes() const { return mistakes_; }
  std::string PathOf(std::string_view key) const;

  // nullopt where the field is absent or null.
  std::optional<YAML::Node> Get(std::string_view key);
  std::optional<std::string> Text(std::string_view key);
  std::optional<std::int64_t> Int(std::string_view key);
  std::optional<bool> Bool(std::string_view key);
  std::vector<std::string> Texts(std::string_view key);
  // Calls `each` with every element of a list, as Fields.
  void ForEach(std::string_view key, const std::function<void(Fields&)>& each);
  // A mapping inside; empty where there is none.
  Fields Inside(std::string_view key);
  // These exist and may hold anything.
  void Allow(std::initializer_list<std::string_view> keys);

  // "profiles[0].schedulerName: <what>", at the field's line or, without one, the mapping's.
  void Complain(std::string_view key, std::string_view what);
  // Notes the first field that nobody asked for. Call it last.
  void RejectTheRest();

 private:
  struct Entry {
    YAML::Node key;
    std::string name;
    YAML::Node value;
  };
  std::vector<Entry> entries_;
  Mistakes& mistakes_;
  YAML::Node node_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

// The one document in `yaml`; a mistake is noted when there is none, or more, or it does not parse.
std::optional<YAML::Node> OnlyDocument(std::string_view yaml, Mistakes& mistakes);

}  // namespace spillway::cmd
