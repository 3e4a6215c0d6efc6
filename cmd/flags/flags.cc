#include "cmd/flags/flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "metrics/build_info.h"

namespace spillway::cmd {
namespace {

std::set<std::string, std::less<>>& Durations() {
  static std::set<std::string, std::less<>> names;  // filled by static initialisers, before main()
  return names;
}

std::string Dashed(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}
std::string Underscored(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

std::string EnvironmentName(std::string_view flag) {
  std::string out = "SPILLWAY_" + Underscored(flag);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

bool IsDefinedIn(const gflags::CommandLineFlagInfo& info, std::string_view file) {
  const std::string_view path = info.filename;
  return path == file ||
         (path.size() > file.size() && path.ends_with(file) && path[path.size() - file.size() - 1] == '/');
}

std::string TypeOf(const gflags::CommandLineFlagInfo& info) {
  if (info.type == "string") return Durations().contains(info.name) ? "duration" : "string";
  if (info.type == "double") return "float";
  return info.type == "bool" ? "bool" : "int";
}

std::string DefaultOf(const FlagSet& set, const gflags::CommandLineFlagInfo& info) {
  for (const auto& [name, value] : set.defaults) {
    if (Underscored(name) == info.name) return std::string(value);
  }
  return info.default_value;
}

const char* Expected(std::string_view type) {
  if (type == "duration") return "a duration such as 500ms, 2s or 1m30s, not negative";
  if (type == "bool") return "true or false";
  if (type == "float") return "a number";
  return "a whole number";
}

// The registry as one subcommand sees it, and what has been read so far.
class FlagParser {
 public:
  explicit FlagParser(const FlagSet& set) : set_(set) {
    std::vector<gflags::CommandLineFlagInfo> all;
    gflags::GetAllFlags(&all);
    for (const FlagGroup& group : set.groups) {
      for (const auto& info : all) {
        if (IsDefinedIn(info, group.file)) flags_.push_back(info);
      }
    }
  }

  Status ApplyDefaults() {
    for (const auto& info : flags_) {
      if (auto set = Set(info, DefaultOf(set_, info), "the default of"); !set) return set;
    }
    return {};
  }

  Status ReadEnvironment(const Environment& env) {
    for (const auto& info : flags_) {
      const std::string name = EnvironmentName(info.name);
      const auto value = env(name);
      if (!value || value->empty()) continue;
      if (auto set = Set(info, *value, "environment variable " + name + ", flag"); !set) return set;
      parsed_.given.insert(Dashed(info.name));
    }
    const auto verbosity = env("SPILLWAY_V");
    return verbosity && !verbosity->empty() ? SetVerbosity(*verbosity) : Status{};
  }

  Status ReadArguments(const std::vector<std::string>& args) {
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (args[i] == "--") {
        parsed_.arguments.insert(parsed_.arguments.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                 args.end());
        break;
      }
      if (args[i].size() < 2 || args[i][0] != '-') {
        parsed_.arguments.push_back(args[i]);
      } else if (auto read = ReadFlag(args, i); !read) {
        return read;
      }
    }
    if (set_.arguments.empty() && !parsed_.arguments.empty()) {
      return Fail(Code::kInvalidArgument, fmt::format("unexpected argument \"{}\" (a bool is set with --flag=false)",
                                                      parsed_.arguments.front()));
    }
    return {};
  }

  ParsedFlags Take() { return std::move(parsed_); }

 private:
  // Reads args[i] and, where it is the value, args[i + 1].
  Status ReadFlag(const std::vector<std::string>& args, std::size_t& i) {
    std::string_view text = args[i];
    text.remove_prefix(text.starts_with("--") ? 2 : 1);
    const std::size_t equals = text.find('=');
    const std::string name = Underscored(text.substr(0, equals));
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = std::string(text.substr(equals + 1));

    if (name == "help" || name == "h") return Fail(Code::kCancelled, HelpText(set_));
    if (name == "version") return Fail(Code::kCancelled, metrics::VersionLine() + "\n");
    const auto info = std::find_if(flags_.begin(), flags_.end(), [&](const auto& flag) { return flag.name == name; });
    if (info == flags_.end() && name != "v") return Unknown(name);

    const bool is_bool = info != flags_.end() && info->type == "bool";
    if (!value && is_bool) value = "true";
    if (!value) {
      if (i + 1 == args.size()) return Fail(Code::kInvalidArgument, fmt::format("--{} needs a value", Dashed(name)));
      value = args[++i];
    }
    if (info == flags_.end()) return SetVerbosity(*value);
    parsed_.given.insert(Dashed(name));
    return Set(*info, *value, "");
  }

  Status Set(const gflags::CommandLineFlagInfo& info, const std::string& value, std::string_view where) {
    const std::string type = TypeOf(info);
    bool valid = true;
    if (type == "duration") {
      const auto duration = base::ParseGoDuration(value);
      valid = duration && *duration >= Duration(0);
    }
    // gflags answers a value it refuses with an empty string.
    valid = valid && !gflags::SetCommandLineOption(info.name.c_str(), value.c_str()).empty();
    if (valid) return {};
    return Fail(Code::kInvalidArgument, fmt::format("{}{}--{}={}: want {}", where, where.empty() ? "" : " ",
                                                    Dashed(info.name), value, Expected(type)));
  }

  Status SetVerbosity(const std::string& value) {
    int verbosity = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, verbosity);
    if (error != std::errc() || stop != end || verbosity < 0) {
      return Fail(Code::kInvalidArgument, fmt::format("--v={}: want a whole number from 0", value));
    }
    parsed_.verbosity = verbosity;
    return {};
  }

  Status Unknown(const std::string& name) const {
    std::vector<std::string> known = {"help", "version", "v"};
    for (const auto& info : flags_) known.push_back(Dashed(info.name));
    const auto meant = DidYouMean(Dashed(name), known);
    const std::string help = fmt::format("see spillway {} --help", set_.subcommand);
    return Fail(Code::kInvalidArgument, fmt::format("unknown flag --{}; {}", Dashed(name),
                                                    meant ? fmt::format("did you mean --{}?", *meant) : help));
  }

  const FlagSet& set_;
  std::vector<gflags::CommandLineFlagInfo> flags_;
  ParsedFlags parsed_;
};

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

namespace internal {
bool MarkDuration(std::string_view name) { return Durations().insert(std::string(name)).second; }
}  // namespace internal

Result<ParsedFlags> TryParseFlags(const FlagSet& set, const std::vector<std::string>& args, const Environment& env) {
  FlagParser parser(set);
  if (auto status = parser.ApplyDefaults(); !status) return Fail(status.error());
  if (auto status = parser.ReadEnvironment(env); !status) return Fail(status.error());
  if (auto status = parser.ReadArguments(args); !status) return Fail(status.error());
  return parser.Take();
}

tl::expected<ParsedFlags, ExitCode> ParseFlags(const FlagSet& set, std::vector<std::string> args) {
  auto parsed = TryParseFlags(set, args, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  });
  if (parsed) return std::move(*parsed);
  if (parsed.error().code == Code::kCancelled) {
    std::fputs(parsed.error().message.c_str(), stdout);
    return tl::unexpected(0);
  }
  return tl::unexpected(UsageError(set.subcommand, parsed.error().message));
}

ExitCode UsageError(std::string_view subcommand, std::string_view message) {
  fmt::print(stderr, "spillway {}: {}\n", subcommand, message);
  return kUsageExit;
}

void InitProcess(const ParsedFlags& flags) {
  std::signal(SIGPIPE, SIG_IGN);
  log::Init("spillway", flags.verbosity);
}

Duration DurationOf(const std::string& flag_value) { return base::ParseGoDuration(flag_value).value_or(Duration(0)); }

std::vector<std::string> ListOf(const std::string& flag_value) {
  std::vector<std::string> members;
  std::size_t begin = 0;
  while (begin <= flag_value.size()) {
    const std::size_t end = std::min(flag_value.find(',', begin), flag_value.size());
    const std::size_t first = flag_value.find_first_not_of(" \t", begin);
    if (first < end) {  // npos is not
      const std::size_t last = flag_value.find_last_not_of(" \t", end - 1);
      members.push_back(flag_value.substr(first, last + 1 - first));
    }
    begin = end + 1;
  }
  return members;
}

std::vector<std::pair<std::string, std::vector<FlagDoc>>> DescribeFlags(const FlagSet& set) {
  std::vector<gflags::CommandLineFlagInfo> all;
  gflags::GetAllFlags(&all);
  std::vector<std::pair<std::string, std::vector<FlagDoc>>> groups;
  for (const FlagGroup& group : set.groups) {
    std::vector<FlagDoc> docs;
    for (const auto& info : all) {
      if (!IsDefinedIn(info, group.file)) continue;
      docs.push_back(
          {Dashed(info.name), TypeOf(info), DefaultOf(set, info), info.description, EnvironmentName(info.name)});
    }
    std::sort(docs.begin(), docs.end(), [](const FlagDoc& a, const FlagDoc& b) { return a.name < b.name; });
    if (!docs.empty()) groups.emplace_back(group.title, std::move(docs));
  }
  std::vector<FlagDoc> common = {
      {"help", "bool", "false", "Print the flags and exit.", ""},
      {"v", "int", "2", "Verbosity of the log: 2 for operators, 4 and up for developers.", "SPILLWAY_V"},
      {"version", "bool", "false", "Print the version and exit.", ""}};
  groups.emplace_back("Common", std::move(common));
  return groups;
}

std::string HelpText(const FlagSet& set) {
  std::string text = fmt::format("{}\n\nUsage: spillway {} [flags]{}{}\n", set.summary, set.subcommand,
                                 set.arguments.empty() ? "" : " ", set.arguments);
  for (const auto& [title, docs] : DescribeFlags(set)) {
    text += fmt::format("\n{}:\n", title);
    for (const FlagDoc& doc : docs) {
      const std::string value =
          doc.type == "bool" ? "" : "=" + (doc.type == "string" ? "\"" + doc.default_value + "\"" : doc.default_value);
      const std::string on = doc.type == "bool" && doc.default_value == "true" ? "=true" : "";
      text += fmt::format("  --{}{}{}\n        {}\n", doc.name, value, on, doc.help);
    }
  }
  text += "\nEach flag can also be set in the environment: --kube-api-qps as SPILLWAY_KUBE_API_QPS.\n";
  return text;
}

std::optional<std::string> DidYouMean(std::string_view word, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace spillway::cmd
