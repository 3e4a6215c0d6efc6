#include "base/fd_watcher.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace spillway::base {
namespace {

constexpr std::uint64_t kStop = 0;

// Takes the watch away when its flow is destroyed before the answer came.
class ArmedWatch {
 public:
  ArmedWatch(int epoll, int fd) : epoll_(epoll), fd_(fd) {}
  ArmedWatch(const ArmedWatch&) = delete;
  ArmedWatch& operator=(const ArmedWatch&) = delete;
  ~ArmedWatch() { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd_, nullptr); }

 private:
  int epoll_, fd_;
};

}  // namespace

FdWatcher::FdWatcher(Runtime& runtime)
    : runtime_(runtime),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      waiting_(std::make_shared<std::map<std::uint64_t, OneShot<bool>>>()) {
  epoll_event stop{EPOLLIN, {.u64 = kStop}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &stop);
  thread_ = std::thread([this] { Watch(); });
}

FdWatcher::~FdWatcher() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(epoll_);
  ::close(wake_);
}

Task<void> FdWatcher::Readable(int fd) { return Wait(fd, EPOLLIN); }
Task<void> FdWatcher::Writable(int fd) { return Wait(fd, EPOLLOUT); }

Task<void> FdWatcher::Wait(int fd, std::uint32_t events) {
  const std::uint64_t id = next_++;
  OneShot<bool> answer(runtime_);
  waiting_->emplace(id, answer);
  answer.OnAbandoned([waiting = waiting_, id] { waiting->erase(id); });
  epoll_event event{events | EPOLLONESHOT, {.u64 = id}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {  // a file that is always ready, or a mistake
    waiting_->erase(id);
    co_return;
  }
  const ArmedWatch watch(epoll_, fd);
  co_await answer.Wait();
}

void FdWatcher::Watch() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the loop thread's
  std::array<epoll_event, 64> events;
  for (;;) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == kStop) return;
      runtime_.Post([waiting = waiting_, id] {
        const auto found = waiting->find(id);
        if (found == waiting->end()) return;
        const OneShot<bool> answer = found->second;
        waiting->erase(found);
        answer.Set(true);
      });
    }
  }
}

}  // namespace spillway::base
