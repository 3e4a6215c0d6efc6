#include "kube/api/json_documents.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/core.h>

#include "kube/api/json_brackets.h"

namespace spillway::kube {
namespace {

// Deeper nesting than any API object has; bounds nothing but nonsense, since nothing here recurses.
constexpr std::size_t kMaxDepth = 1000;

bool IsJsonSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t position() const { return at_; }
  bool AtEnd() {
    while (at_ < text_.size() && IsJsonSpace(text_[at_])) ++at_;
    return at_ == text_.size();
  }
  char Peek() { return AtEnd() ? '\0' : text_[at_]; }
  bool Eat(char expected) {
    if (Peek() != expected) return false;
    ++at_;
    return true;
  }

  // The text between the quotes, escapes left alone; false when it never ends.
  bool String(std::string_view& inside) {
    if (!Eat('"')) return false;
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      const void* found = std::memchr(text_.data() + at_, '"', text_.size() - at_);
      if (!found) break;
      at_ = static_cast<std::size_t>(static_cast<const char*>(found) - text_.data());
      std::size_t escapes = 0;
      while (at_ - escapes > begin && text_[at_ - escapes - 1] == '\\') ++escapes;
      ++at_;
      if (escapes % 2 == 0) {
        inside = text_.substr(begin, at_ - 1 - begin);
        return true;
      }
    }
    at_ = text_.size();
    return false;
  }

  // One value of any kind; false when it is not balanced.
  bool Value(std::string_view& raw) {
    const char first = Peek();
    const std::size_t begin = at_;
    std::string_view inside;
    bool whole = false;
    if (first == '"') {
      whole = String(inside);
    } else if (first == '{' || first == '[') {
      whole = Container();
    } else {
      while (at_ < text_.size() && !IsJsonSpace(text_[at_]) && !std::strchr(",:{}[]\"", text_[at_])) ++at_;
      whole = at_ > begin;
    }
    raw = text_.substr(begin, at_ - begin);
    return whole;
  }

 private:
  bool Container() {
    const BracketSpan span = MatchBrackets(text_, at_, kMaxDepth);
    at_ = span.end;
    return span.whole;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Calls `member(key, scanner at the value)` for each top-level member of the object the scanner stands at, until it
// returns false; it must consume the value. False when the object is not balanced.
template <typename Member>
bool Members(Scanner& scanner, Member&& member, bool& stopped) {
  if (!scanner.Eat('{')) return false;
  if (scanner.Eat('}')) return true;
  do {
    std::string_view key;
    if (scanner.Peek() != '"' || !scanner.String(key) || !scanner.Eat(':')) return false;
    if (!member(key)) {
      stopped = true;
      return true;
    }
  } while (scanner.Eat(','));
  return scanner.Eat('}');
}

std::string_view KindOf(std::string_view object) {
  Scanner scanner(object);
  std::string_view kind;
  bool stopped = false;
  Members(
      scanner,
      [&](std::string_view key) {
        if (key == "kind" && scanner.Peek() == '"') {
          scanner.String(kind);
          return false;
        }
        std::string_view skipped;
        return scanner.Value(skipped);
      },
      stopped);
  return kind;
}

struct Document {
  std::string_view raw, kind;
  std::size_t offset = 0;
  bool has_items = false;
  std::vector<std::string_view> items;
};

// Where it broke, in words.
std::string Broken(const Scanner& scanner, std::string_view text, const Document& document) {
  const std::string where = document.has_items ? fmt::format("items[{}]", document.items.size()) : "an object";
  return scanner.position() >= text.size() ? fmt::format("the text ends inside {}: it is truncated", where)
                                           : fmt::format("{} is not JSON", where);
}

bool Items(Scanner& scanner, Document& document) {
  document.has_items = true;
  if (!scanner.Eat('[')) return false;
  if (scanner.Eat(']')) return true;
  do {
    std::string_view item;
    if (!scanner.Value(item)) return false;
    document.items.push_back(item);
  } while (scanner.Eat(','));
  return scanner.Eat(']');
}

bool ReadDocument(Scanner& scanner, std::string_view text, Document& document) {
  document.offset = scanner.position();
  bool stopped = false;
  const bool whole = Members(
      scanner,
      [&](std::string_view key) {
        if (key == "items" && scanner.Peek() == '[') return Items(scanner, document);
        if (key == "kind" && scanner.Peek() == '"') return scanner.String(document.kind);
        std::string_view skipped;
        return scanner.Value(skipped);
      },
      stopped);
  document.raw = text.substr(document.offset, scanner.position() - document.offset);
  return whole && !stopped;
}

Status Deliver(std::string_view text, const Document& document, const std::function<Status(const JsonObject&)>& each) {
  const bool is_list = document.has_items && (document.kind.empty() || document.kind.ends_with("List"));
  if (!is_list) return each({document.raw, document.kind, document.offset, -1});
  std::string_view of_list = document.kind;
  if (of_list.ends_with("List")) of_list.remove_suffix(4);
  for (std::size_t i = 0; i < document.items.size(); ++i) {
    const std::string_view raw = document.items[i];
    std::string_view kind = KindOf(raw);
    if (kind.empty()) kind = of_list;
    const auto offset = static_cast<std::size_t>(raw.data() - text.data());
    if (Status status = each({raw, kind, offset, static_cast<std::ptrdiff_t>(i)}); !status) return status;
  }
  return {};
}

}  // namespace

Status ForEachJsonObject(std::string_view text, const std::function<Status(const JsonObject&)>& each) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Scanner scanner(text);
  while (!scanner.AtEnd()) {
    Document document;
    if (!ReadDocument(scanner, text, document)) {
      return Fail(Code::kMalformed,
                  fmt::format("{}: {}", LineAndColumn(text, scanner.position()), Broken(scanner, text, document)));
    }
    if (Status status = Deliver(text, document, each); !status) return status;
  }
  return {};
}

std::string LineAndColumn(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return fmt::format("{}:{}", lines + 1, before.size() - line_start + 1);
}

}  // namespace spillway::kube
