#include "kube/api/selector.h"

#include <gtest/gtest.h>

#include "kube/api/labels.h"

namespace spillway::kube {
namespace {

using Operator = LabelRequirement::Operator;

StringMap Labels() { return {{"app", "web"}, {"empty", ""}, {"n", "10"}, {"plus", "+7"}, {"tier", "front"}}; }

LabelRequirement Want(std::string key, Operator op, std::vector<std::string> values = {}) {
  return {std::move(key), op, std::move(values)};
}

TEST(Requirement, FollowsUpstream) {
  EXPECT_TRUE(Matches(Want("app", Operator::kIn, {"db", "web"}), Labels()));
  EXPECT_FALSE(Matches(Want("app", Operator::kIn, {"db"}), Labels()));
  EXPECT_FALSE(Matches(Want("missing", Operator::kIn, {""}), Labels()));
  EXPECT_TRUE(Matches(Want("empty", Operator::kIn, {""}), Labels()));
  EXPECT_TRUE(Matches(Want("missing", Operator::kNotIn, {"x"}), Labels()));
  EXPECT_FALSE(Matches(Want("app", Operator::kNotIn, {"web"}), Labels()));
  EXPECT_TRUE(Matches(Want("empty", Operator::kExists), Labels()));
  EXPECT_TRUE(Matches(Want("missing", Operator::kDoesNotExist), Labels()));
  EXPECT_FALSE(Matches(Want("app", Operator::kDoesNotExist), Labels()));
}

TEST(Requirement, ComparesWholeNumbersAsGoDoes) {
  EXPECT_TRUE(Matches(Want("n", Operator::kGt, {"9"}), Labels()));
  EXPECT_FALSE(Matches(Want("n", Operator::kGt, {"10"}), Labels()));
  EXPECT_TRUE(Matches(Want("n", Operator::kLt, {"011"}), Labels()));
  EXPECT_FALSE(Matches(Want("app", Operator::kGt, {"1"}), Labels()));
  EXPECT_FALSE(Matches(Want("missing", Operator::kLt, {"1"}), Labels()));
  EXPECT_TRUE(
      Matches(Want("plus", Operator::kGt, {"6"}), Labels()));  // "+7" is no label value the API allows, yet it parses
  EXPECT_FALSE(Matches(Want("n", Operator::kGt, {"1.5"}), Labels()));
}

TEST(Requirement, InvalidOnesMatchNothing) {
  EXPECT_FALSE(Matches(Want("missing", Operator::kNotIn, {}), Labels()));
  EXPECT_FALSE(Matches(Want("missing", Operator::kNotIn, {"a b"}), Labels()));
  EXPECT_FALSE(Matches(Want("app", Operator::kExists, {"web"}), Labels()));
  EXPECT_FALSE(Matches(Want("n", Operator::kGt, {"1", "2"}), Labels()));
  EXPECT_FALSE(Matches(Want("-bad", Operator::kDoesNotExist), Labels()));
  EXPECT_FALSE(Matches(Want("app", Operator::kInvalid), Labels()));
}

TEST(LabelSelector, EmptyMatchesAllAbsentMatchesNothing) {
  EXPECT_TRUE(Matches(LabelSelector{}, Labels()));
  EXPECT_TRUE(Matches(LabelSelector{}, StringMap{}));
  EXPECT_FALSE(Matches(std::optional<LabelSelector>(), Labels()));
  EXPECT_TRUE(Matches(std::optional<LabelSelector>(LabelSelector{}), Labels()));
}

TEST(LabelSelector, AllPartsMustHold) {
  LabelSelector selector;
  selector.match_labels = {{"app", "web"}, {"tier", "front"}};
  EXPECT_TRUE(Matches(selector, Labels()));
  selector.match_expressions = {Want("app", Operator::kNotIn, {"web"})};
  EXPECT_FALSE(Matches(selector, Labels()));
}

TEST(LabelSelector, KnowsNoNumericOperators) {
  LabelSelector selector;
  selector.match_expressions = {Want("n", Operator::kGt, {"1"})};
  EXPECT_FALSE(Matches(selector, Labels()));
}

TEST(NodeSelector, NoTermsAndEmptyTermsMatchNothing) {
  EXPECT_FALSE(Matches(NodeSelector{}, Labels(), "n1"));
  NodeSelector empty_term;
  empty_term.terms.emplace_back();
  EXPECT_FALSE(Matches(empty_term, Labels(), "n1"));
}

TEST(NodeSelector, TermsAreAlternativesAndABrokenOneIsSkipped) {
  NodeSelector selector;
  NodeSelectorTerm broken, good;
  broken.match_expressions = {Want("app", Operator::kIn, {})};
  good.match_expressions = {Want("app", Operator::kIn, {"web"})};
  selector.terms = {broken};
  EXPECT_FALSE(Matches(selector, Labels(), "n1"));
  selector.terms = {broken, good};
  EXPECT_TRUE(Matches(selector, Labels(), "n1"));
}

TEST(NodeSelector, FieldsKnowOnlyTheName) {
  const auto term = [](LabelRequirement field) {
    NodeSelectorTerm result;
    result.match_fields = {std::move(field)};
    return result;
  };
  EXPECT_TRUE(Matches(term(Want("metadata.name", Operator::kIn, {"n1"})), Labels(), "n1"));
  EXPECT_FALSE(Matches(term(Want("metadata.name", Operator::kIn, {"n1"})), Labels(), "n2"));
  EXPECT_TRUE(Matches(term(Want("metadata.name", Operator::kNotIn, {"n1"})), Labels(), "n2"));
  EXPECT_FALSE(Matches(term(Want("metadata.name", Operator::kIn, {"n1", "n2"})), Labels(), "n1"));
  EXPECT_FALSE(Matches(term(Want("metadata.name", Operator::kExists)), Labels(), "n1"));
  EXPECT_FALSE(Matches(term(Want("spec.other", Operator::kIn, {"n1"})), Labels(), "n1"));
}

Toleration Tolerate(std::string key, Toleration::Operator op, std::string value, TaintEffect effect) {
  return {std::move(key), op, std::move(value), effect};
}

TEST(Toleration, FollowsUpstream) {
  using Op = Toleration::Operator;
  const Taint taint{"k", "v", TaintEffect::kNoSchedule};
  EXPECT_TRUE(Tolerates(Tolerate("k", Op::kEqual, "v", TaintEffect::kNoSchedule), taint));
  EXPECT_TRUE(Tolerates(Tolerate("k", Op::kEqual, "v", TaintEffect::kNone), taint));
  EXPECT_FALSE(Tolerates(Tolerate("k", Op::kEqual, "v", TaintEffect::kNoExecute), taint));
  EXPECT_FALSE(Tolerates(Tolerate("k", Op::kEqual, "", TaintEffect::kNone), taint));
  EXPECT_TRUE(Tolerates(Tolerate("k", Op::kExists, "", TaintEffect::kNone), taint));
  EXPECT_TRUE(Tolerates(Tolerate("", Op::kExists, "", TaintEffect::kNone), taint));
  EXPECT_FALSE(Tolerates(Tolerate("", Op::kExists, "", TaintEffect::kPreferNoSchedule), taint));
  EXPECT_FALSE(Tolerates(Tolerate("other", Op::kExists, "", TaintEffect::kNone), taint));
  EXPECT_FALSE(Tolerates(Tolerate("k", Op::kGt, "1", TaintEffect::kNone), taint));
  EXPECT_FALSE(Tolerates(Tolerate("k", Op::kInvalid, "v", TaintEffect::kNone), taint));
  // An empty key with Equal compares values only: API validation forbids it, the matcher does not.
  EXPECT_TRUE(Tolerates(Tolerate("", Op::kEqual, "", TaintEffect::kNone), Taint{"x", "", TaintEffect::kNoSchedule}));
}

// Canonical text of a parsed selector, or "invalid".
std::string Parsed(std::string_view text) {
  const auto selector = ParseSelector(text);
  if (!selector) return "invalid";
  std::string result;
  for (const auto& r : selector->match_expressions) {
    static constexpr const char* kNames[] = {"in", "notin", "exists", "absent", ">", "<", "?"};
    result += (result.empty() ? "" : "; ") + r.key + " " + kNames[static_cast<int>(r.op)];
    for (const auto& value : r.values) result += " '" + value + "'";
  }
  return result;
}

TEST(ParseSelector, ReadsWhatKubectlReads) {
  EXPECT_EQ(Parsed(""), "");
  EXPECT_EQ(Parsed("type=virtual-kubelet"), "type in 'virtual-kubelet'");
  EXPECT_EQ(Parsed("a==b"), "a in 'b'");
  EXPECT_EQ(Parsed("f,!e,c in (d,e) , a!=b"), "a notin 'b'; c in 'd' 'e'; e absent; f exists");
  EXPECT_EQ(Parsed("example.com/x notin (b,a,b)"), "example.com/x notin 'a' 'b'");
  EXPECT_EQ(Parsed("a="), "a in ''");
  EXPECT_EQ(Parsed("a in ()"), "a in ''");
  EXPECT_EQ(Parsed("a in (,b)"), "a in '' 'b'");
  EXPECT_EQ(Parsed("a in (b,)"), "a in '' 'b'");
  EXPECT_EQ(Parsed("a in (in,notin)"), "a in 'in' 'notin'");
  EXPECT_EQ(Parsed("in in (in)"), "in in 'in'");
  EXPECT_EQ(Parsed("a>1,b<2"), "a > '1'; b < '2'");
}

TEST(ParseSelector, RefusesWhatKubectlRefuses) {
  for (const char* text :
       {",",  "a,",    "a,,b",  "a b",   "a=b c", "a in", "a in b", "a in (b", "a in b)", "!a=b", "a>b", "a>",
        "=a", "a==!b", "a/b/c", "a=b@c", "-a=b",  "a=-b", "(a)",    "a!b",     "a=>b",    "!",    "!!a"}) {
    EXPECT_EQ(Parsed(text), "invalid") << text;
  }
}

TEST(ParseSelector, SaysWhatWasWrongAndWhere) {
  const auto selector = ParseSelector("a in b");
  ASSERT_FALSE(selector);
  EXPECT_EQ(selector.error().message, "label selector \"a in b\": found 'b', expected '('");
}

TEST(Labels, KeysAndValues) {
  EXPECT_TRUE(IsLabelKey("a.b_c-D"));
  EXPECT_TRUE(IsLabelKey("example.com/a"));
  EXPECT_FALSE(IsLabelKey("Example.com/a"));
  EXPECT_FALSE(IsLabelKey("/a"));
  EXPECT_FALSE(IsLabelKey("a/"));
  EXPECT_FALSE(IsLabelKey(""));
  EXPECT_FALSE(IsLabelKey(std::string(64, 'a')));
  EXPECT_TRUE(IsLabelKey(std::string(63, 'a')));
  EXPECT_TRUE(IsLabelValue(""));
  EXPECT_FALSE(IsLabelValue("a b"));
  EXPECT_FALSE(IsLabelValue("a-"));
}

}  // namespace
}  // namespace spillway::kube
