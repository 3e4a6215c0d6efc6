#include <fmt/core.h>

#include "cmd/subcommands.h"
#include "controller/event_catalogue.h"
#include "metrics/names.h"

namespace spillway::cmd {
namespace {

std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string FlagsPage() {
  std::string page =
      "# Flags\n\n"
      "`--flag=value` and `--flag value` are the same, and so are dashes and underscores. A bool is turned off with\n"
      "`--flag=false`. Each flag can be set in the environment instead; the command line wins.\n";
  for (const Subcommand& command : Subcommands()) {
    const FlagSet set = command.flags();
    page += fmt::format("\n## spillway {}\n\n{}\n", command.name, set.summary);
    for (const auto& [title, docs] : DescribeFlags(set)) {
      page += fmt::format("\n### {}\n\n| flag | default | environment | what it does |\n|---|---|---|---|\n", title);
      for (const FlagDoc& doc : docs) {
        page += fmt::format("| `--{}` ({}) | {} | {} | {} |\n", doc.name, doc.type,
                            doc.default_value.empty() ? "" : "`" + Cell(doc.default_value) + "`",
                            doc.environment.empty() ? "" : "`" + doc.environment + "`", Cell(doc.help));
      }
    }
  }
  return page;
}

struct Page {
  std::string_view name;
  std::string (*text)();
};
constexpr Page kPages[] = {{"flags", FlagsPage}, {"metrics", metrics::MetricsPage}, {"events", controller::EventsPage}};

}  // namespace

FlagSet DocsFlags() {
  return {.subcommand = "docs",
          .summary = "Prints a reference page of docs/ as this binary knows it.",
          .groups = {},
          .defaults = {},
          .arguments = "flags|metrics|events"};
}

int RunDocs(std::vector<std::string> args) {
  const auto flags = ParseFlags(DocsFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto page = flags->arguments.size() == 1 ? DocsPage(flags->arguments.front()) : std::nullopt;
  if (!page) return UsageError("docs", "want one page: flags, metrics or events");
  fmt::print("{}", *page);
  return 0;
}

std::optional<std::string> DocsPage(std::string_view name) {
  for (const Page& page : kPages) {
    if (page.name == name) return page.text();
  }
  return std::nullopt;
}

}  // namespace spillway::cmd
