#include "base/testing/captured_log.h"

#include <glog/logging.h>

namespace spillway::base::testing {

class CapturedLog::Sink final : private google::LogSink {
 public:
  Sink() : level_(FLAGS_minloglevel) {
    FLAGS_minloglevel = google::GLOG_INFO;
    google::AddLogSink(this);
  }
  ~Sink() override {
    google::RemoveLogSink(this);
    FLAGS_minloglevel = level_;
  }

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void send(google::LogSeverity, const char*, const char*, int, const std::tm*, const char* message,
            std::size_t length) override {
    lines_.emplace_back(message, length);
  }

  const int level_;
  std::vector<std::string> lines_;
};

CapturedLog::CapturedLog() : sink_(std::make_unique<Sink>()) {}
CapturedLog::~CapturedLog() = default;
const std::vector<std::string>& CapturedLog::lines() const { return sink_->lines(); }

}  // namespace spillway::base::testing
