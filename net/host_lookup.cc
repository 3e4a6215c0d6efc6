#include "net/host_lookup.h"

#include <fmt/core.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "net/io_thread.h"

namespace spillway::net::internal {
namespace {

HostLookup::Answer AskLibrary(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed != 0) return Fail(Code::kUnavailable, gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

}  // namespace

struct HostLookup::Question {
  std::string host;
  Resolve resolve;
  std::mutex mutex;
  std::vector<std::function<void(const Answer&)>> waiting;  // not empty: being asked
};

HostLookup::HostLookup(std::string host, Resolve resolve) : question_(std::make_shared<Question>()) {
  question_->host = std::move(host);
  question_->resolve = resolve ? std::move(resolve) : AskLibrary;
}

void HostLookup::Ask(std::function<void(const Answer&)> then) const {
  {
    const std::lock_guard lock(question_->mutex);
    question_->waiting.push_back(std::move(then));
    if (question_->waiting.size() > 1) return;
  }
  try {
    std::thread([question = question_] {
      BlockSignals();
      Find(question);
    }).detach();
  } catch (const std::system_error&) {
    Find(question_);  // no more threads: late is better than never
  }
}

void HostLookup::Find(const std::shared_ptr<Question>& question) {
  Answer answer = question->resolve(question->host);
  if (answer && answer->empty()) answer = Fail(Code::kUnavailable, "it has no address");
  std::vector<std::function<void(const Answer&)>> waiting;
  {
    const std::lock_guard lock(question->mutex);
    waiting.swap(question->waiting);
  }
  for (const auto& then : waiting) then(answer);
}

}  // namespace spillway::net::internal
