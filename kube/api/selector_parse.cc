#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "kube/api/labels.h"
#include "kube/api/selector.h"

// Source: apimachinery pkg/labels/selector.go Parse(), v0.36, with its corner cases: "x in ()" means the empty value,
// "in" may be a value but not an operator's place holder, "a=" wants the empty value.
namespace spillway::kube {
namespace {

using Operator = LabelRequirement::Operator;

enum class Token : std::uint8_t {
  kEnd,
  kIdentifier,
  kOpen,
  kClose,
  kComma,
  kNot,
  kEquals,
  kDoubleEquals,
  kNotEquals,
  kGt,
  kLt,
  kIn,
  kNotIn,
  kBad
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsSymbol(char c) { return std::string_view("=!(),><").find(c) != std::string_view::npos; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { Advance(); }

  Token token() const { return token_; }
  // In a place for values, "in" and "notin" are ordinary words.
  Token value_token() const { return token_ == Token::kIn || token_ == Token::kNotIn ? Token::kIdentifier : token_; }
  std::string_view literal() const { return literal_; }

  void Advance() {
    while (!text_.empty() && IsSpace(text_.front())) text_.remove_prefix(1);
    if (text_.empty()) return Take(Token::kEnd, 0);
    if (IsSymbol(text_.front())) return TakeSymbol();
    std::size_t length = 0;
    while (length < text_.size() && !IsSpace(text_[length]) && !IsSymbol(text_[length])) ++length;
    const std::string_view word = text_.substr(0, length);
    Take(word == "in" ? Token::kIn : word == "notin" ? Token::kNotIn : Token::kIdentifier, length);
  }

 private:
  void TakeSymbol() {
    const std::string_view two = text_.substr(0, 2);
    if (two == "==") return Take(Token::kDoubleEquals, 2);
    if (two == "!=") return Take(Token::kNotEquals, 2);
    switch (text_.front()) {
      case '=':
        return Take(Token::kEquals, 1);
      case '!':
        return Take(Token::kNot, 1);
      case '(':
        return Take(Token::kOpen, 1);
      case ')':
        return Take(Token::kClose, 1);
      case ',':
        return Take(Token::kComma, 1);
      case '>':
        return Take(Token::kGt, 1);
      case '<':
        return Take(Token::kLt, 1);
      default:
        return Take(Token::kBad, 1);
    }
  }
  void Take(Token token, std::size_t length) {
    token_ = token;
    literal_ = text_.substr(0, length);
    text_.remove_prefix(length);
  }

  std::string_view text_, literal_;
  Token token_ = Token::kEnd;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text) {}

  Result<LabelSelector> Parse() {
    LabelSelector selector;
    while (lexer_.value_token() != Token::kEnd) {
      auto requirement = ParseRequirement();
      if (!requirement) return Fail(std::move(requirement.error()));
      selector.match_expressions.push_back(std::move(*requirement));
      if (lexer_.token() == Token::kEnd) break;
      if (lexer_.token() != Token::kComma) return Expected("',' or the end");
      lexer_.Advance();
      if (lexer_.value_token() != Token::kIdentifier && lexer_.token() != Token::kNot)
        return Expected("a key after ','");
    }
    std::stable_sort(selector.match_expressions.begin(), selector.match_expressions.end(),
                     [](const auto& a, const auto& b) { return a.key < b.key; });
    return selector;
  }

 private:
  tl::unexpected<Error> Expected(std::string_view what) const {
    const std::string_view found = lexer_.token() == Token::kEnd ? std::string_view("the end") : lexer_.literal();
    return Fail(Code::kInvalidArgument,
                fmt::format("label selector \"{}\": found '{}', expected {}", text_, found, what));
  }
  tl::unexpected<Error> Invalid(std::string_view what, std::string_view value) const {
    return Fail(Code::kInvalidArgument,
                fmt::format("label selector \"{}\": \"{}\" is not a valid {}", text_, value, what));
  }

  Result<LabelRequirement> ParseRequirement() {
    LabelRequirement requirement;
    const bool negated = lexer_.token() == Token::kNot;
    if (negated) lexer_.Advance();
    if (lexer_.value_token() != Token::kIdentifier) return Expected("a key");
    requirement.key = lexer_.literal();
    if (!IsLabelKey(requirement.key)) return Invalid("label key", requirement.key);
    lexer_.Advance();
    if (lexer_.token() == Token::kEnd || lexer_.token() == Token::kComma) {
      requirement.op = negated ? Operator::kDoesNotExist : Operator::kExists;
      return requirement;
    }
    if (negated) return Expected("',' or the end");
    if (auto parsed = ParseOperatorAndValues(requirement); !parsed) return Fail(std::move(parsed.error()));
    for (const auto& value : requirement.values) {
      if (!IsLabelValue(value)) return Invalid("label value", value);
    }
    return requirement;
  }

  Status ParseOperatorAndValues(LabelRequirement& requirement) {
    const Token token = lexer_.token();
    switch (token) {
      case Token::kIn:
      case Token::kEquals:
      case Token::kDoubleEquals:
        requirement.op = Operator::kIn;
        break;
      case Token::kNotIn:
      case Token::kNotEquals:
        requirement.op = Operator::kNotIn;
        break;
      case Token::kGt:
        requirement.op = Operator::kGt;
        break;
      case Token::kLt:
        requirement.op = Operator::kLt;
        break;
      default:
        return Expected("one of = == != in notin > <");
    }
    lexer_.Advance();
    if (token == Token::kIn || token == Token::kNotIn) return ParseSet(requirement);
    if (auto parsed = ParseExact(requirement); !parsed) return parsed;
    if (token != Token::kGt && token != Token::kLt) return {};
    const std::string& bound = requirement.values[0];
    const std::string_view digits =
        std::string_view(bound).substr(!bound.empty() && (bound[0] == '-' || bound[0] == '+'));
    if (digits.empty() || digits.size() > 18 || digits.find_first_not_of("0123456789") != std::string_view::npos) {
      return Invalid("whole number", bound);
    }
    return {};
  }

  Status ParseExact(LabelRequirement& requirement) {
    if (lexer_.token() == Token::kEnd || lexer_.token() == Token::kComma) {
      requirement.values.emplace_back();
      return {};
    }
    if (lexer_.value_token() != Token::kIdentifier) return Expected("a value");
    requirement.values.emplace_back(lexer_.literal());
    lexer_.Advance();
    return {};
  }

  // "(a,b)"; an empty place between commas is the empty value. Sorted, without repeats.
  Status ParseSet(LabelRequirement& requirement) {
    if (lexer_.token() != Token::kOpen) return Expected("'('");
    lexer_.Advance();
    std::set<std::string> values;
    for (;;) {
      if (lexer_.value_token() == Token::kIdentifier) {
        values.emplace(lexer_.literal());
        lexer_.Advance();
      } else {
        values.emplace();
      }
      if (lexer_.token() == Token::kClose) break;
      if (lexer_.token() != Token::kComma) return Expected("',' or ')'");
      lexer_.Advance();
    }
    lexer_.Advance();
    requirement.values.assign(values.begin(), values.end());
    return {};
  }

  std::string_view text_;
  Lexer lexer_;
};

}  // namespace

Result<LabelSelector> ParseSelector(std::string_view text) { return Parser(text).Parse(); }

}  // namespace spillway::kube
