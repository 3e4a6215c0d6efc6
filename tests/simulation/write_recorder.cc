#include "tests/simulation/write_recorder.h"

#include <fmt/core.h>

#include "sandbox/standins/objects.h"

namespace spillway::simulation {

using sandbox::Json;

WriteRecorder::~WriteRecorder() { api_.SetWriteObserver(nullptr); }

Status WriteRecorder::Start(const std::string& path) {
  file_.open(path, std::ios::trunc);
  if (!file_) return Fail(Code::kUnavailable, fmt::format("cannot write {}", path));
  api_.SetWriteObserver([this](const sandbox::ServedWrite& write) { Note(write); });
  return {};
}

void WriteRecorder::Note(const sandbox::ServedWrite& write) {
  const net::ServerRequest& request = write.request;
  const auto parsed = [](const std::string& text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); };
  Json line = {{"user", write.user},
               {"at", base::FormatRfc3339Micro(runtime_.WallNow())},
               {"method", request.method},
               {"path", request.query.empty() ? request.path : request.path + "?" + request.query},
               {"contentType", request.Header("content-type")},
               {"body", request.body.empty() ? Json() : parsed(request.body)},
               {"before", write.before ? parsed(write.before->json) : Json()},
               {"code", write.response.status},
               {"answer", parsed(write.response.body)}};
  file_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace spillway::simulation
