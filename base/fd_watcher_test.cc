#include "base/fd_watcher.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/real_runtime.h"
#include "base/scope.h"

namespace spillway::base {
namespace {

class FdWatcherTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_), 0); }
  void TearDown() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  static Task<void> AwaitReadable(FdWatcher& watcher, int fd, int& count) {
    co_await watcher.Readable(fd);
    ++count;
  }
  bool Until(const std::function<bool()>& done) { return runtime_.RunUntil(done, 20s); }

  RealRuntime runtime_;
  FdWatcher watcher_{runtime_};
  int ends_[2] = {};
  int count_ = 0;
  TaskScope flows_{runtime_};
};

TEST_F(FdWatcherTest, WaitsUntilThereIsSomethingToRead) {
  flows_.Spawn(AwaitReadable(watcher_, ends_[0], count_));
  runtime_.RunUntil([] { return false; }, 20ms);
  EXPECT_EQ(count_, 0);
  ASSERT_EQ(::write(ends_[1], "x", 1), 1);
  EXPECT_TRUE(Until([&] { return count_ == 1; }));
  flows_.Spawn(AwaitReadable(watcher_, ends_[0], count_));  // it still has
  EXPECT_TRUE(Until([&] { return count_ == 2; }));
}

TEST_F(FdWatcherTest, TheEndIsSomethingToRead) {
  flows_.Spawn(AwaitReadable(watcher_, ends_[0], count_));
  ::shutdown(ends_[1], SHUT_WR);
  EXPECT_TRUE(Until([&] { return count_ == 1; }));
}

TEST_F(FdWatcherTest, AFlowThatIsDestroyedLeavesNothingBehind) {
  flows_.Spawn(AwaitReadable(watcher_, ends_[0], count_));
  runtime_.RunUntil([] { return false; }, 20ms);
  flows_.Clear();
  ASSERT_EQ(::write(ends_[1], "x", 1), 1);
  flows_.Spawn(AwaitReadable(watcher_, ends_[0], count_));
  EXPECT_TRUE(Until([&] { return count_ == 1; }));
  runtime_.RunUntil([] { return false; }, 20ms);
  EXPECT_EQ(count_, 1);
}

}  // namespace
}  // namespace spillway::base
