#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cmd/subcommands.h"

namespace spillway::cmd {
namespace {

// docs/ says what the binary does: these pages are printed by it, never written by hand.
class DocsPages : public ::testing::TestWithParam<std::string> {};

TEST_P(DocsPages, AreAsTheBinaryPrintsThem) {
  const std::string name = GetParam();
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path();
  std::ifstream file(root / "docs" / (name + ".md"));
  const std::string committed{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_TRUE(committed == DocsPage(name))
      << "docs/" << name << ".md is out of date; run: spillway docs " << name << " > docs/" << name << ".md";
}
INSTANTIATE_TEST_SUITE_P(All, DocsPages, ::testing::Values("flags", "metrics", "events", "capabilities"));

TEST(DocsPage, KnowsNoOther) { EXPECT_FALSE(DocsPage("secrets")); }

TEST(Subcommands, EveryFlagIsDocumentedAndParses) {
  for (const Subcommand& command : Subcommands()) {
    const FlagSet set = command.flags();
    EXPECT_EQ(set.subcommand, command.name);
    EXPECT_FALSE(set.summary.empty()) << command.name;
    for (const auto& [title, flags] : DescribeFlags(set)) {
      for (const FlagDoc& flag : flags) {
        EXPECT_FALSE(flag.help.empty()) << command.name << " --" << flag.name;
        EXPECT_TRUE(flag.help.ends_with('.')) << command.name << " --" << flag.name << ": " << flag.help;
      }
    }
    // Defaults are valid values of their flags.
    const auto parsed = TryParseFlags(set, {}, [](const std::string&) { return std::nullopt; });
    EXPECT_TRUE(parsed) << command.name << ": " << (parsed ? "" : parsed.error().message);
  }
}

TEST(Subcommands, NamesAreInTheirHelpTexts) {
  for (const Subcommand& command : Subcommands()) {
    EXPECT_NE(HelpText(command.flags()).find("Usage: spillway " + std::string(command.name)), std::string::npos);
  }
}

}  // namespace
}  // namespace spillway::cmd
