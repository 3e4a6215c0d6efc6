#include "cmd/completion/scripts.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace spillway::cmd {
namespace {

constexpr const char* kBashFrame =
    R"bash(# bash completion of spillway, for bash 4 and up:   source <(spillway completion bash)
_spillway() {{
  local first=${{COMP_WORDS[1]-}} second="" flags="" words="" bools=""
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "{0} help version --help --version" -- "$current")
    return
  fi
  ((COMP_CWORD > 2)) && second=${{COMP_WORDS[2]}}
  case "$first $second" in
{1}    *) return ;;
  esac
  # bash has split --flag=value at the equals sign.
  local flag=""
  if [[ $current == "=" ]]; then
    flag=$previous current=""
  elif [[ $previous == "=" ]]; then
    flag=${{COMP_WORDS[COMP_CWORD - 2]}}
  elif [[ $previous == -* && $current != -* && " $flags " == *" $previous= "* ]]; then
    flag=$previous
  fi
  if [[ -n $flag ]]; then
    if [[ " $bools " == *" $flag "* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "true false" -- "$current")
    elif [[ $flag == -o || $flag == --output ]]; then
      mapfile -t COMPREPLY < <(compgen -W "table json" -- "$current")
    else
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
  elif [[ $current == -* || -z $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags $bools" -- "$current")
    [[ ${{COMPREPLY[0]-}} == *= ]] && compopt -o nospace 2>/dev/null
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
  return 0
}}
complete -F _spillway spillway kubectl-spillway
)bash";

constexpr const char* kZshFrame = R"zsh(#compdef spillway kubectl-spillway
# zsh completion of spillway: in a directory of $fpath as _spillway, or   source <(spillway completion zsh)
_spillway() {{
  local -a commands
  commands=(
{0}  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  local second=""
  (( CURRENT > 3 )) && second=$words[3]
  case "$words[2] $second" in
{1}  esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _spillway "$@"; else compdef _spillway spillway kubectl-spillway; fi
)zsh";

constexpr const char* kFishHead =
    "# fish completion of spillway: ~/.config/fish/completions/spillway.fish, or   spillway completion fish | source\n";

std::string FirstWord(const std::string& name) { return name.substr(0, name.find(' ')); }
std::string SecondWord(const std::string& name) {
  const std::size_t space = name.find(' ');
  return space == std::string::npos ? "" : name.substr(space + 1);
}

// The second words of the commands that begin with this one.
std::vector<std::string> Seconds(const std::vector<CompletedCommand>& commands, const std::string& first) {
  std::vector<std::string> seconds;
  for (const CompletedCommand& command : commands) {
    if (FirstWord(command.name) == first && command.name != first) seconds.push_back(SecondWord(command.name));
  }
  return seconds;
}

// First words, each once, with what the command of that name does.
std::vector<std::pair<std::string, std::string>> Firsts(const std::vector<CompletedCommand>& commands) {
  std::vector<std::pair<std::string, std::string>> firsts;
  for (const CompletedCommand& command : commands) {
    const std::string first = FirstWord(command.name);
    const bool is_new = std::none_of(firsts.begin(), firsts.end(), [&](const auto& one) { return one.first == first; });
    if (is_new) firsts.emplace_back(first, command.summary);
  }
  return firsts;
}

// A command of its first word alone, with what may follow it. `config` is none by itself, only `config check`.
std::vector<CompletedCommand> WithFirstWords(const std::vector<CompletedCommand>& commands) {
  std::vector<CompletedCommand> all = commands;
  for (const auto& [first, summary] : Firsts(commands)) {
    auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == first; });
    if (found == all.end()) found = all.insert(all.end(), {first, "", {}, {}});
    for (const std::string& second : Seconds(commands, first)) found->words.push_back(second);
  }
  // Two words first: a shell takes the first pattern that holds.
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return (a.name.find(' ') != std::string::npos) > (b.name.find(' ') != std::string::npos);
  });
  return all;
}

std::string Dashes(const FlagDoc& flag) { return (flag.name.size() == 1 ? "-" : "--") + flag.name; }

std::string PatternOf(const CompletedCommand& command) {
  return SecondWord(command.name).empty() ? fmt::format("\"{} \"*", command.name) : fmt::format("\"{}\"", command.name);
}

std::string BashScript(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> firsts;
  for (const auto& [first, summary] : Firsts(commands)) firsts.push_back(first);
  std::string cases;
  for (const CompletedCommand& command : WithFirstWords(commands)) {
    std::string flags, bools;
    for (const FlagDoc& flag : command.flags) {
      if (flag.type == "bool") {
        bools += (bools.empty() ? "" : " ") + Dashes(flag);
      } else {
        flags += (flags.empty() ? "" : " ") + Dashes(flag) + "=";
      }
    }
    cases += fmt::format("    {})\n      flags=\"{}\"\n      bools=\"{}\"\n      words=\"{}\"\n      ;;\n",
                         PatternOf(command), flags, bools, fmt::join(command.words, " "));
  }
  return fmt::format(kBashFrame, fmt::join(firsts, " "), cases);
}

// Within single quotes.
std::string Quoted(std::string_view text, std::string_view also) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (also.find(c) != std::string_view::npos) {
      out += std::string("\\") + c;
    } else {
      out += c;
    }
  }
  return out;
}

// Its first sentence: shells have one line for it.
std::string Brief(const std::string& help) {
  const std::size_t end = std::min(help.find(". "), help.find(": "));
  std::string brief = help.substr(0, end);
  if (brief.ends_with('.')) brief.pop_back();
  return brief;
}

std::string ZshScript(const std::vector<CompletedCommand>& commands) {
  std::string firsts, cases;
  for (const auto& [first, summary] : Firsts(commands))
    firsts += fmt::format("    '{}:{}'\n", first, Quoted(summary, ":"));
  for (const CompletedCommand& command : WithFirstWords(commands)) {
    cases += fmt::format("    {})\n      _arguments -s : \\\n", PatternOf(command));
    for (const FlagDoc& flag : command.flags) {
      const std::string help = Quoted(Brief(flag.help), "[]:\\");
      if (flag.type == "bool") {
        cases += fmt::format("        '{}[{}]' \\\n", Dashes(flag), help);
      } else {
        const char* values = flag.name == "o" || flag.name == "output" ? "(table json)" : "_files";
        cases += fmt::format("        '{}=[{}]:{}:{}' \\\n", Dashes(flag), help, flag.type, values);
      }
    }
    const std::string rest = command.words.empty() ? "_files" : fmt::format("({})", fmt::join(command.words, " "));
    cases += fmt::format("        '*:argument:{}'\n      ;;\n", rest);
  }
  return fmt::format(kZshFrame, firsts, cases);
}

// When this command, and no longer one, has been typed.
std::string FishCondition(const std::vector<CompletedCommand>& commands, const std::string& name) {
  const std::string first = FirstWord(name), second = SecondWord(name);
  std::string condition = "__fish_seen_subcommand_from " + first;
  if (!second.empty()) return fmt::format("{}; and __fish_seen_subcommand_from {}", condition, second);
  const std::vector<std::string> seconds = Seconds(commands, first);
  if (!seconds.empty()) {
    condition += fmt::format("; and not __fish_seen_subcommand_from {}", fmt::join(seconds, " "));
  }
  return condition;
}

std::string FishScript(const std::vector<CompletedCommand>& commands) {
  std::string script = kFishHead;
  for (const char* program : {"spillway", "kubectl-spillway"}) {
    const std::string complete = fmt::format("complete -c {}", program);
    for (const auto& [first, summary] : Firsts(commands)) {
      script += fmt::format("{} -f -n __fish_use_subcommand -a {} -d '{}'\n", complete, first, Quoted(summary, "\\"));
    }
    for (const CompletedCommand& command : WithFirstWords(commands)) {
      const std::string when = fmt::format("{} -n '{}'", complete, FishCondition(commands, command.name));
      if (!command.words.empty()) script += fmt::format("{} -f -a '{}'\n", when, fmt::join(command.words, " "));
      for (const FlagDoc& flag : command.flags) {
        script += fmt::format("{} -{} {}{} -d '{}'\n", when, flag.name.size() == 1 ? "s" : "l", flag.name,
                              flag.type == "bool" ? "" : " -r", Quoted(Brief(flag.help), "\\"));
      }
    }
  }
  return script;
}

}  // namespace

std::optional<std::string> CompletionScript(std::string_view shell, const std::vector<CompletedCommand>& commands) {
  if (shell == "bash") return BashScript(commands);
  if (shell == "zsh") return ZshScript(commands);
  if (shell == "fish") return FishScript(commands);
  return std::nullopt;
}

std::vector<std::string> WordsOf(std::string_view arguments) {
  if (arguments.find('|') == std::string_view::npos) return {};
  std::vector<std::string> words(1);
  for (const char c : arguments) {
    if (c == '|') {
      words.emplace_back();
    } else if (std::islower(static_cast<unsigned char>(c)) != 0) {
      words.back() += c;
    } else {
      return {};
    }
  }
  return words;
}

}  // namespace spillway::cmd
