#include <fmt/core.h>

#include "cloud/agent/node_capabilities.h"
#include "cloud/providers/alibaba/service.h"
#include "cloud/providers/process/provider.h"
#include "cloud/providers/simulated/provider.h"
#include "cloud/providers/tencent/service.h"
#include "cmd/subcommands.h"
#include "controller/event_catalogue.h"
#include "kube/api/capabilities.h"
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

std::string Mark(bool can) { return can ? "yes" : ""; }

std::string CapabilitiesPage() {
  const auto node_of = [](const kube::Capabilities& provider, bool fills_in_pod_ip = true) {
    std::vector<std::string> names = provider.names();
    for (std::string& name : cloud::AgentFeatures(fills_in_pod_ip)) names.push_back(std::move(name));
    return kube::Capabilities(std::move(names));
  };
  const kube::Capabilities simulated = node_of(cloud::SimulatedFeatures());
  const kube::Capabilities alibaba = node_of(cloud::alibaba::EciFeatures());
  const kube::Capabilities tencent = node_of(cloud::tencent::EksciFeatures(), false);
  const kube::Capabilities process = node_of(cloud::ProcessCapabilities().features);
  const auto foreign = kube::Capabilities::Parse(kube::kForeignNodeCapabilities);
  std::string page =
      "# What Pods ask for, and who can run it\n\n"
      "A virtual node says in its annotation `spillway.io/capabilities` which of these it can run; what it does not "
      "say it\n"
      "cannot. The controller moves no Pod to a node that lacks what one of the Pod's fields asks for, and names that "
      "field.\n"
      "`others` is what is assumed of virtual nodes without the annotation: the default of "
      "`--foreign-node-capabilities`.\n"
      "Fields that are not listed ask for nothing; fields that this version does not know ask for a feature named "
      "after\n"
      "where they stand, such as `spec.newField` or `volume.newSource`, which nobody can unless `--extra-capabilities` "
      "of an\n"
      "agent says so. `csi` and `flexVolume` may be narrowed down to a driver (`csi/<driver>`), "
      "`persistentVolumeClaim` to a\n"
      "CSI driver, the kind of an in-tree volume (`nfs`) or a StorageClass (`persistentVolumeClaim/<name>`).\n\n"
      "| feature | asked for by | `alibabacloud` | `tencentcloud` | `simulated` | `process` | others |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const kube::FeatureDescription& feature : kube::KnownFeatures()) {
    page +=
        fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", feature.name, Cell(feature.asked_by),
                    Mark(alibaba.Can(feature.name)), Mark(tencent.Can(feature.name)), Mark(simulated.Can(feature.name)),
                    Mark(process.Can(feature.name)), Mark(foreign.Can(feature.name)));
  }
  return page;
}

struct Page {
  std::string_view name;
  std::string (*text)();
};
constexpr Page kPages[] = {{"flags", FlagsPage},
                           {"metrics", metrics::MetricsPage},
                           {"events", controller::EventsPage},
                           {"capabilities", CapabilitiesPage}};

}  // namespace

FlagSet DocsFlags() {
  return {.subcommand = "docs",
          .summary = "Prints a reference page of docs/ as this binary knows it.",
          .groups = {},
          .defaults = {},
          .arguments = "flags|metrics|events|capabilities"};
}

int RunDocs(std::vector<std::string> args) {
  const auto flags = ParseFlags(DocsFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto page = flags->arguments.size() == 1 ? DocsPage(flags->arguments.front()) : std::nullopt;
  if (!page) return UsageError("docs", "want one page: flags, metrics, events or capabilities");
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
