#include "kube/api/json_brackets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace spillway::kube {
namespace {

constexpr std::size_t kBlock = 64;

// One bit a byte.
struct Marks {
  std::uint64_t quotes = 0, backslashes = 0, brackets = 0;
};

// '[' and '{', and ']' and '}', differ in one bit.
constexpr char kCaseBit = 0x20;

#if defined(__SSE2__)
// SSE2 is part of every x86-64.
Marks MarksOf(const char* bytes) {
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), case_bit = _mm_set1_epi8(kCaseBit);
  const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
  const auto bits = [](__m128i equal, int at) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(equal))) << at;
  };
  Marks marks;
  for (int at = 0; at < static_cast<int>(kBlock); at += 16) {
    const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at));
    const __m128i folded = _mm_or_si128(sixteen, case_bit);
    marks.quotes |= bits(_mm_cmpeq_epi8(sixteen, quote), at);
    marks.backslashes |= bits(_mm_cmpeq_epi8(sixteen, backslash), at);
    marks.brackets |= bits(_mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close)), at);
  }
  return marks;
}
#else
Marks MarksOf(const char* bytes) {
  Marks marks;
  for (std::size_t at = 0; at < kBlock; ++at) {
    const std::uint64_t bit = std::uint64_t{1} << at;
    const char folded = static_cast<char>(bytes[at] | kCaseBit);
    if (bytes[at] == '"') marks.quotes |= bit;
    if (bytes[at] == '\\') marks.backslashes |= bit;
    if (folded == '{' || folded == '}') marks.brackets |= bit;
  }
  return marks;
}
#endif

// What is carried from block to block.
class Strings {
 public:
  // Bits of bytes inside strings, opening quotes included.
  std::uint64_t Inside(const Marks& marks) {
    const std::uint64_t quotes = marks.quotes & ~Escaped(marks.backslashes);
    std::uint64_t inside = quotes;  // becomes the parity of quotes up to and with each bit
    for (int shift = 1; shift < 64; shift *= 2) inside ^= inside << shift;
    inside ^= in_string_;
    in_string_ = inside >> 63 ? ~std::uint64_t{0} : 0;
    return inside;
  }

 private:
  // Bytes behind a backslash that is not itself escaped.
  std::uint64_t Escaped(std::uint64_t backslashes) {
    if (backslashes == 0 && !escape_) return 0;
    std::uint64_t escaped = 0;
    for (std::uint64_t at = 0; at < kBlock; ++at) {
      if (escape_) {
        escaped |= std::uint64_t{1} << at;
        escape_ = false;
      } else {
        escape_ = (backslashes >> at & 1) != 0;
      }
    }
    return escaped;
  }

  std::uint64_t in_string_ = 0;  // all ones while a string goes on
  bool escape_ = false;
};

}  // namespace

BracketSpan MatchBrackets(std::string_view text, std::size_t begin, std::size_t most_deep) {
  Strings strings;
  std::string open;  // the brackets we are inside
  for (std::size_t block = begin; block < text.size(); block += kBlock) {
    std::array<char, kBlock> last;
    const char* bytes = text.data() + block;
    if (text.size() - block < kBlock) {
      last.fill(' ');
      std::memcpy(last.data(), bytes, text.size() - block);
      bytes = last.data();
    }
    const Marks marks = MarksOf(bytes);
    for (std::uint64_t left = marks.brackets & ~strings.Inside(marks); left != 0; left &= left - 1) {
      const auto at = static_cast<std::size_t>(std::countr_zero(left));
      const char bracket = bytes[at];
      if (bracket == '{' || bracket == '[') {
        open.push_back(bracket);
        if (open.size() > most_deep) return {block + at + 1, false};
        continue;
      }
      if (open.back() != (bracket == '}' ? '{' : '[')) return {block + at, false};
      open.pop_back();
      if (open.empty()) return {block + at + 1, true};
    }
  }
  return {text.size(), false};
}

}  // namespace spillway::kube
