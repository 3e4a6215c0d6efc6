#include "kube/api/json_brackets.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace spillway::kube {
namespace {

// Byte by byte. Only quotes can be escaped: backslashes are inside strings, or it is not JSON.
BracketSpan MatchPlainly(std::string_view text, std::size_t begin, std::size_t most_deep) {
  std::string open;
  bool in_string = false, escaped = false;
  for (std::size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = c == '\\' && !escaped;
    if (in_string) continue;
    if (c == '{' || c == '[') {
      open.push_back(c);
      if (open.size() > most_deep) return {at + 1, false};
    } else if (c == '}' || c == ']') {
      if (open.back() != (c == '}' ? '{' : '[')) return {at, false};
      open.pop_back();
      if (open.empty()) return {at + 1, true};
    }
  }
  return {text.size(), false};
}

RC_GTEST_PROP(JsonBrackets, AgreeWithAWalkByteByByte, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("{", "}", "[", "]", "{}", "[]", "\"", "\"", "\\", "\\\"", "\"}\"", "\"\\\\\"", ":",
                                    ",", "   ", "abc", std::string(30, ' '), std::string(63, 'x')));
  std::string text(*rc::gen::inRange<std::size_t>(0, 5), ' ');
  const std::size_t begin = text.size();
  text += *rc::gen::element('{', '[');
  for (const std::string& piece : pieces) text += piece;
  const BracketSpan expected = MatchPlainly(text, begin, 6), found = MatchBrackets(text, begin, 6);
  RC_LOG() << text << '\n';
  RC_ASSERT(found.whole == expected.whole);
  RC_ASSERT(found.end == expected.end);
}

TEST(JsonBrackets, BlocksOf64BytesMeetInsideStringsAndEscapes) {
  for (std::size_t pad = 0; pad < 130; ++pad) {
    const std::string text = "{\"" + std::string(pad, 'x') + "\\\\\\\"}\":[{}]} and more";
    const BracketSpan found = MatchBrackets(text, 0, 10);
    EXPECT_TRUE(found.whole) << pad;
    EXPECT_EQ(text.substr(found.end), " and more") << pad;
  }
}

}  // namespace
}  // namespace spillway::kube
