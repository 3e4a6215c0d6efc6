#include "cmd/flags/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cmd/flags/kube_flags.h"
#include "cmd/flags/policy_flags.h"
#include "cmd/flags/serving_flags.h"

DEFINE_string(test_colour, "red", "A colour.");
DEFINE_int32(test_count, 3, "A count.");
DEFINE_double(test_rate, 1.5, "A rate.");
DEFINE_bool(test_loud, false, "Be loud.");
DEFINE_duration(test_wait, "2s", "A wait.");

namespace spillway::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FlagSet TestFlags() {
  return {.subcommand = "test",
          .summary = "Tests.",
          .groups = {{"Test", "cmd/flags/flags_test.cc"}},
          .defaults = {},
          .arguments = ""};
}

Result<ParsedFlags> Parse(const std::vector<std::string>& args, std::map<std::string, std::string> env = {},
                          FlagSet set = TestFlags()) {
  return TryParseFlags(set, args, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = env.find(name);
    if (found == env.end()) return std::nullopt;
    return found->second;
  });
}

std::string ErrorOf(const Result<ParsedFlags>& parsed) { return parsed ? "no error" : parsed.error().message; }

TEST(Flags, EveryFormOfAFlagIsTheSame) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"--test-count=7"}, {"--test-count", "7"}, {"--test_count=7"}, {"-test-count=7"}, {"-test-count", "7"}}) {
    ASSERT_TRUE(Parse(args)) << args[0];
    EXPECT_EQ(FLAGS_test_count, 7) << args[0];
  }
}

TEST(Flags, BoolsNeedNoValueAndTakeOneOnlyWithAnEqualsSign) {
  ASSERT_TRUE(Parse({"--test-loud"}));
  EXPECT_TRUE(FLAGS_test_loud);
  ASSERT_TRUE(Parse({"--test-loud=false"}));
  EXPECT_FALSE(FLAGS_test_loud);
  EXPECT_THAT(ErrorOf(Parse({"--test-loud", "false"})), HasSubstr("unexpected argument \"false\""));
}

TEST(Flags, EveryParseStartsFromTheDefaults) {
  ASSERT_TRUE(Parse({"--test-colour=blue"}));
  ASSERT_TRUE(Parse({}));
  EXPECT_EQ(FLAGS_test_colour, "red");
}

TEST(Flags, ASubcommandMayHaveDefaultsOfItsOwn) {
  FlagSet set = TestFlags();
  set.defaults = {{"test-colour", "green"}};
  ASSERT_TRUE(Parse({}, {}, set));
  EXPECT_EQ(FLAGS_test_colour, "green");
  EXPECT_THAT(HelpText(set), HasSubstr("--test-colour=\"green\""));
}

TEST(Flags, CommandLineBeatsEnvironmentBeatsDefault) {
  ASSERT_TRUE(Parse({}, {{"SPILLWAY_TEST_COUNT", "9"}}));
  EXPECT_EQ(FLAGS_test_count, 9);
  ASSERT_TRUE(Parse({"--test-count=4"}, {{"SPILLWAY_TEST_COUNT", "9"}}));
  EXPECT_EQ(FLAGS_test_count, 4);
  ASSERT_TRUE(Parse({}, {{"SPILLWAY_TEST_COUNT", ""}})) << "an empty variable counts as unset";
  EXPECT_EQ(FLAGS_test_count, 3);
}

TEST(Flags, GivenKnowsWhatWasSaid) {
  EXPECT_THAT(Parse({"--test_count=1"}, {{"SPILLWAY_TEST_COLOUR", "blue"}})->given,
              ElementsAre("test-colour", "test-count"));
}

TEST(Flags, Durations) {
  ASSERT_TRUE(Parse({"--test-wait=1m30s"}));
  EXPECT_EQ(DurationOf(FLAGS_test_wait), 90s);
  for (const char* bad : {"5", "-1s", "1 s", "", "fast", "1d"}) {
    EXPECT_THAT(ErrorOf(Parse({std::string("--test-wait=") + bad})), HasSubstr("want a duration such as")) << bad;
  }
}

TEST(Flags, BadValuesAreOneLineThatNamesTheFlag) {
  EXPECT_EQ(ErrorOf(Parse({"--test-count=many"})), "--test-count=many: want a whole number");
  EXPECT_EQ(ErrorOf(Parse({"--test-rate=x"})), "--test-rate=x: want a number");
  EXPECT_EQ(ErrorOf(Parse({"--test-loud=perhaps"})), "--test-loud=perhaps: want true or false");
  EXPECT_EQ(ErrorOf(Parse({"--test-count"})), "--test-count needs a value");
  EXPECT_EQ(ErrorOf(Parse({"--v=-1"})), "--v=-1: want a whole number from 0");
  EXPECT_EQ(ErrorOf(Parse({}, {{"SPILLWAY_TEST_COUNT", "x"}})),
            "environment variable SPILLWAY_TEST_COUNT, flag --test-count=x: want a whole number");
}

TEST(Flags, UnknownFlagsAreRefusedWithASuggestion) {
  EXPECT_EQ(ErrorOf(Parse({"--test-cuont=1"})), "unknown flag --test-cuont; did you mean --test-count?");
  EXPECT_EQ(ErrorOf(Parse({"--zzzzzzzz"})), "unknown flag --zzzzzzzz; see spillway test --help");
}

TEST(Flags, AFlagOfAnotherFileIsUnknown) {
  EXPECT_THAT(ErrorOf(Parse({"--metrics-bind-address=:1"})), HasSubstr("unknown flag --metrics-bind-address"));
  EXPECT_THAT(ErrorOf(Parse({"--logtostderr"})), HasSubstr("unknown flag"))
      << "nor may the libraries' own flags be set";
  EXPECT_THAT(ErrorOf(Parse({"--flagfile=x"})), HasSubstr("unknown flag"));
}

TEST(Flags, VerbosityIsCommonToAll) {
  EXPECT_EQ(Parse({})->verbosity, 2);
  EXPECT_EQ(Parse({"-v=4"})->verbosity, 4);
  EXPECT_EQ(Parse({"--v", "6"})->verbosity, 6);
}

TEST(Flags, HelpAndVersionAreNotErrors) {
  EXPECT_EQ(Parse({"--help"}).error().code, Code::kCancelled);
  EXPECT_THAT(Parse({"--help"}).error().message, HasSubstr("--test-wait=2s"));
  EXPECT_THAT(Parse({"--version"}).error().message, HasSubstr("spillway "));
}

TEST(Flags, ArgumentsOnlyWhereASubcommandTakesThem) {
  EXPECT_THAT(ErrorOf(Parse({"what"})), HasSubstr("unexpected argument \"what\""));
  FlagSet set = TestFlags();
  set.arguments = "FILE";
  EXPECT_THAT(Parse({"a", "--test-loud", "-", "--", "--b"}, {}, set)->arguments, ElementsAre("a", "-", "--b"));
}

TEST(Flags, Lists) {
  EXPECT_THAT(ListOf("a,b,,c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ListOf(" a , b c,\t, d"), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(ListOf(""), ElementsAre());
}

TEST(Flags, RatesAreNumbers) {
  const gflags::FlagSaver saver;
  for (const char* bad : {"nan", "inf", "0", "-1"}) {
    gflags::SetCommandLineOption("kube_api_qps", bad);
    EXPECT_THAT(CheckKubeFlags().error().message, HasSubstr("want a number above 0")) << bad;
  }
  gflags::SetCommandLineOption("kube_api_qps", "20.5");
  EXPECT_TRUE(CheckKubeFlags());
}

TEST(Flags, ExcludedNamespacesAreNamesOfNamespaces) {
  const gflags::FlagSaver saver;
  const auto policy = [](const char* names) {
    gflags::SetCommandLineOption("exclude_namespaces", names);
    return PolicyFromFlags({}, sim::SchedulerConfig());
  };
  EXPECT_THAT(policy("kube-system, default")->exclude_namespaces, ElementsAre("kube-system", "default"));
  EXPECT_THAT(policy("")->exclude_namespaces, ElementsAre());
  for (const char* bad : {"A_B", "-a", "a.b", "kube-system,Default"}) {
    EXPECT_THAT(policy(bad).error().message, HasSubstr("is no name of a namespace")) << bad;
  }
}

TEST(BindAddress, Forms) {
  EXPECT_EQ(**ParseBindAddress("f", ":8080"), (BindAddress{"0.0.0.0", 8080}));
  EXPECT_EQ(**ParseBindAddress("f", "127.0.0.1:0"), (BindAddress{"127.0.0.1", 0}));
  EXPECT_EQ(**ParseBindAddress("f", "[::1]:9"), (BindAddress{"::1", 9}));
  EXPECT_FALSE(ParseBindAddress("f", "0")->has_value());
  for (const char* bad : {"8080", ":", ":x", ":70000", "host", ":80 "}) EXPECT_FALSE(ParseBindAddress("f", bad)) << bad;
}

}  // namespace
}  // namespace spillway::cmd
