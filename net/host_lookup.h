#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace spillway::net::internal {

// The addresses of one host. The C library's resolver blocks, and cannot be cancelled: it is asked on a thread of its
// own, which nobody waits for, and never twice at once; who asks meanwhile shares the answer. Nothing is remembered:
// name servers know best. Thread-safe.
class HostLookup {
 public:
  using Answer = Result<std::vector<std::string>>;  // numeric addresses, at least one, best first
  using Resolve = std::function<Answer(const std::string& host)>;

  // `resolve` null: getaddrinfo.
  HostLookup(std::string host, Resolve resolve);

  // `then` is called once, on the resolver's thread; it may outlive the HostLookup.
  void Ask(std::function<void(const Answer&)> then) const;

 private:
  struct Question;
  static void Find(const std::shared_ptr<Question>& question);
  std::shared_ptr<Question> question_;
};

}  // namespace spillway::net::internal
