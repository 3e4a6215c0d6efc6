#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "base/runtime.h"
#include "base/scope.h"
#include "controller/bind_order.h"
#include "controller/cluster_state.h"
#include "kube/client.h"

namespace spillway::controller {

// Binds of which it is not known yet whether they were carried out: from when they are sent to their answer, or, should
// that get lost, until it is known all the same. The watch tells by showing the Pod on its node. A Pod that ends or is
// deleted before that is never shown there: it is asked for, once, and what is found on it tells. Of a Pod that is
// gone by then nobody can tell. Loop thread only.
class OpenOrders {
 public:
  // `on_carried_out` is told of orders whose answer got lost, each once. All outlive this.
  OpenOrders(Runtime& runtime, ClusterState& state, kube::Client& client, kube::RateLimiter& limiter,
             std::function<void(const BindOrder&)> on_carried_out);
  void Start();

  void Sent(const BindOrder& order);
  // An answer that leaves nothing open. False: what became of the order was known already.
  bool Answered(const BindOrder& order);
  void AnswerLost(const BindOrder& order);

 private:
  struct Open {
    BindOrder order;
    bool answer_lost = false;
  };
  using Orders = std::unordered_multimap<std::string, Open>;  // by UID: a bind may be repeated before it is known

  Orders::iterator Find(const BindOrder& order);
  Task<void> FollowDepartures();
  // All that are open for the Pod are known now: `decision_id` was carried out, or, if it is none of them, none was.
  void Settle(const std::string& uid, std::string_view decision_id);
  void AskIfLost(const std::string& uid);
  Task<void> Ask(BindOrder order);

  Runtime& runtime_;
  ClusterState& state_;
  kube::Client& client_;
  kube::RateLimiter& limiter_;
  std::function<void(const BindOrder&)> on_carried_out_;
  Orders open_;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
