#pragma once

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <memory>
#include <thread>

namespace spillway::net::internal {

// For threads of our own: signals are the loop thread's.
inline void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// One I/O context with the one thread that turns it: whatever belongs to a connection is touched by one thread only.
// Others hold `io` weakly: a context must not own itself by way of a waiting handler.
struct IoThread {
  std::shared_ptr<boost::asio::io_context> io = std::make_shared<boost::asio::io_context>(1);
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = boost::asio::make_work_guard(*io);
  std::thread thread;

  void Start() {
    thread = std::thread([context = io] {
      BlockSignals();
      context->run();
    });
  }
  void Join() {
    if (thread.joinable()) thread.join();
  }
};

}  // namespace spillway::net::internal
