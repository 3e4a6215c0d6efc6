#include "cloud/kubelet_api/container_logs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/scope.h"
#include "base/sim_runtime.h"

namespace spillway::cloud {
namespace {

using ::testing::HasSubstr;

class SentText final : public net::ResponseStream {
 public:
  bool Write(std::string_view bytes) override {
    text += bytes;
    return open;
  }
  bool is_open() const override { return open; }
  std::size_t pending() const override { return 0; }
  std::string text;
  bool open = true;
};

// A log as a provider keeps it: a window at the end of what was written. Cursors are positions.
class WindowedLog final : public InstanceStreams {
 public:
  explicit WindowedLog(std::size_t window) : window_(window) {}
  void Append(const std::string& text) { all_ += text; }

  Task<Result<LogPart>> ReadLog(std::string /*id*/, LogOptions /*options*/, std::string cursor) override {
    ++reads;
    if (!errors.empty()) {
      Error error = errors.front();
      errors.pop_front();
      co_return Fail(std::move(error));
    }
    const std::size_t kept = all_.size() > window_ ? all_.size() - window_ : 0;
    const std::size_t from = cursor.empty() ? kept : std::stoul(cursor);
    co_return LogPart{all_.substr(std::max(from, kept)), std::to_string(all_.size()), from < kept, is_over};
  }
  std::deque<Error> errors;
  bool is_over = false;
  int reads = 0;

 protected:
  std::string_view provider_name() const override { return "windowed"; }

 private:
  std::size_t window_;
  std::string all_;
};

class FollowLogTest : public ::testing::Test {
 protected:
  void Follow(WindowedLog& log, std::optional<std::int64_t> limit = std::nullopt) {
    FollowedLog followed{log, "i-1", {}, "0", [this] { return pod_is_over_; }};
    followed.options.limit_bytes = limit;
    flows_.Spawn(FollowLog(runtime_, std::move(followed), sent_));
  }
  bool HasReturned() const { return flows_.size() == 0; }

  SimRuntime runtime_{3};
  std::shared_ptr<SentText> sent_ = std::make_shared<SentText>();
  bool pod_is_over_ = false;
  TaskScope flows_{runtime_};
};

TEST_F(FollowLogTest, RepeatsNothingAndLosesNothingInsideTheWindow) {
  WindowedLog log(100);
  Follow(log);
  std::string written;
  for (int i = 0; i < 500; ++i) {  // 40 times the window
    const std::string line = "line " + std::to_string(i) + "\n";
    log.Append(line);
    written += line;
    runtime_.RunFor(300ms);
  }
  log.is_over = true;
  runtime_.RunFor(5s);
  EXPECT_EQ(sent_->text, written);
  EXPECT_TRUE(HasReturned());
}

TEST_F(FollowLogTest, OneLineSaysWhereTheWriterWasTooFast) {
  WindowedLog log(10);
  log.Append("begin\n");
  Follow(log);
  runtime_.RunFor(2s);
  log.Append("this is gone before it is read\nthe end\n");
  log.is_over = true;
  runtime_.RunFor(5s);
  EXPECT_EQ(sent_->text, "begin\n" + std::string(kLogGap) + "d\nthe end\n");
}

TEST_F(FollowLogTest, ErrorsAreWaitedOut) {
  WindowedLog log(100);
  Follow(log);
  log.Append("a\n");
  runtime_.RunFor(2s);
  log.errors.assign(4, Error{Code::kUnavailable, "the cloud is down"});
  log.Append("b\n");
  runtime_.RunFor(60s);
  log.Append("c\n");
  log.is_over = true;
  runtime_.RunFor(5s);
  EXPECT_EQ(sent_->text, "a\nb\nc\n");
}

TEST_F(FollowLogTest, EndsWhenTheInstanceIsGoneOrItsPodIsOver) {
  WindowedLog gone(100);
  Follow(gone);
  gone.errors.assign(1, Error{Code::kNotFound, "no instance"});
  runtime_.RunFor(3s);
  EXPECT_TRUE(HasReturned());

  WindowedLog quiet(100);
  Follow(quiet);
  quiet.Append("last words\n");
  pod_is_over_ = true;
  runtime_.RunFor(5s);
  EXPECT_EQ(sent_->text, "last words\n");
  EXPECT_TRUE(HasReturned());
}

TEST_F(FollowLogTest, StopsAtTheLimitAndWhenTheClientGoes) {
  WindowedLog log(100);
  Follow(log, 4);
  log.Append("abcdef");
  runtime_.RunFor(3s);
  EXPECT_EQ(sent_->text, "abcd");
  EXPECT_TRUE(HasReturned());

  Follow(log);
  sent_->open = false;
  runtime_.RunFor(3s);
  EXPECT_TRUE(HasReturned());
  const int reads = log.reads;
  runtime_.RunFor(60s);
  EXPECT_EQ(log.reads, reads);
}

TEST(LogQuery, TakesWhatKubectlSends) {
  const WallTime now = *base::ParseRfc3339("2026-11-30T10:00:00Z");
  const auto query = ParseLogQuery(
      "main", "follow=true&tailLines=7&limitBytes=9&timestamps=true&previous=true&sinceTime=2026-11-30T09%3A00%3A00Z",
      now);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->follow && query->options.timestamps && query->options.previous);
  EXPECT_EQ(query->options.tail_lines, 7);
  EXPECT_EQ(query->options.limit_bytes, 9);
  EXPECT_EQ(query->options.since, now - 1h);
  EXPECT_EQ(ParseLogQuery("main", "sinceSeconds=60", now)->options.since, now - 1min);
}

TEST(LogQuery, SaysWhatIsWrong) {
  for (const char* wrong : {"tailLines=-1", "tailLines=x", "limitBytes=0", "sinceSeconds=0", "sinceTime=yesterday",
                            "sinceSeconds=1&sinceTime=2026-11-30T09:00:00Z", "stream=Stdout"}) {
    const auto query = ParseLogQuery("main", wrong, WallTime());
    ASSERT_FALSE(query) << wrong;
    EXPECT_THAT(query.error().message, HasSubstr("s")) << wrong;
  }
}

}  // namespace
}  // namespace spillway::cloud
