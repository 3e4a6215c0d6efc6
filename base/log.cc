#include "base/log.h"

#include <glog/logging.h>

#include <algorithm>

namespace spillway::log {
namespace {

std::string Line(std::string_view message, Fields fields) {
  std::string line = Quoted(message);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += Quoted(field.value);
  }
  return line;
}

}  // namespace

void Init(const char* program, int verbosity) {
  FLAGS_logtostderr = true;
  FLAGS_v = verbosity;
  google::InitGoogleLogging(program);
}

void Quiet() {
  FLAGS_logtostderr = true;
  FLAGS_minloglevel = google::GLOG_ERROR;
}

void Error(std::string_view message, Fields fields) { LOG(ERROR) << Line(message, fields); }
void Warning(std::string_view message, Fields fields) { LOG(WARNING) << Line(message, fields); }
void Info(std::string_view message, Fields fields) { LOG(INFO) << Line(message, fields); }
void Verbose(int level, std::string_view message, Fields fields) {
  if (VLOG_IS_ON(level)) LOG(INFO) << Line(message, fields);
}

std::string Quoted(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c != '"' && c != '=' && c != 0x7f && c != '\\';
  });
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));  // nothing from outside can break a line
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

}  // namespace spillway::log
