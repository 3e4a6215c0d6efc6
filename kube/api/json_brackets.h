#pragma once

#include <cstddef>
#include <string_view>

namespace spillway::kube {

// Finds the end of a JSON object or array without building anything, 64 bytes at a time: brackets outside strings are
// balanced, contents are not looked at. Several GB/s.
struct BracketSpan {
  // Behind the closing bracket; else where it broke: the wrong closing bracket, one too deep, or the text's size.
  std::size_t end = 0;
  bool whole = false;
};

// `text[begin]` is '{' or '['. Nesting deeper than `most_deep` is refused.
BracketSpan MatchBrackets(std::string_view text, std::size_t begin, std::size_t most_deep);

}  // namespace spillway::kube
