#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "base/task.h"
#include "cloud/provider.h"

// What an agent relies on, whatever the cloud: one suite for every provider. A provider's test instantiates it with a
// World:
//
//   struct World {
//     Runtime& runtime();
//     Provider& provider();                      // one for the whole test
//     void Play(Task<void> flow);                // runs the loop until the flow has ended
//     static CreateRequest Forever();            // runs until it is deleted
//     static CreateRequest Brief(int exit_code); // ends soon; restartPolicy Never
//   };
namespace spillway::cloud::testing {

template <class World>
class ProviderContract : public ::testing::Test {
 protected:
  Provider& provider() { return world_.provider(); }
  Runtime& runtime() { return world_.runtime(); }
  void Play(Task<void> flow) { world_.Play(std::move(flow)); }

  static CreateRequest As(CreateRequest request, const std::string& uid, const std::string& token) {
    request.identity = {"cluster", "vnode", uid, "default", "pod-" + uid};
    request.client_token = token;
    request.pod["metadata"]["name"] = request.identity.pod_name;
    request.pod["metadata"]["namespace"] = "default";
    request.pod["metadata"]["uid"] = uid;
    return request;
  }
  static InstanceScope Scope() { return {"cluster", "vnode"}; }
  static std::string Token(char c) { return std::string(64, c); }

  Task<std::string> Make(CreateRequest request) {
    auto made = co_await provider().Create(std::move(request));
    EXPECT_TRUE(made) << (made ? "" : ToString(made.error()));
    co_return made ? made->id : "";
  }
  Task<std::vector<Instance>> Listed() {
    std::string cluster = "cluster";
    auto listed = co_await provider().List(std::move(cluster));
    EXPECT_TRUE(listed);
    co_return listed ? *std::move(listed) : std::vector<Instance>();
  }
  // None: it is not there.
  Task<std::vector<Instance>> Described(std::string id) {
    std::vector<std::string> ids = {std::move(id)};
    auto described = co_await provider().Describe(std::move(ids));
    EXPECT_TRUE(described);
    co_return described ? *std::move(described) : std::vector<Instance>();
  }
  // Waits until it is so; what was seen last.
  Task<Instance> Until(std::string id, std::function<bool(const Instance*)> so) {
    const Instant deadline = runtime().Now() + std::chrono::seconds(120);
    for (;;) {
      const std::vector<Instance> seen = co_await Described(id);
      const bool is_so = so(seen.empty() ? nullptr : &seen.front());
      if (!is_so && runtime().Now() >= deadline) ADD_FAILURE() << "instance " << id << " never came to that";
      if (is_so || runtime().Now() >= deadline) co_return seen.empty() ? Instance() : seen.front();
      co_await runtime().SleepFor(std::chrono::milliseconds(10));
    }
  }
  static bool Runs(const Instance* instance) { return instance && instance->state == InstanceState::kRunning; }
  static bool IsOver(const Instance* instance) { return instance && HasEnded(*instance); }
  static bool IsGone(const Instance* instance) { return !instance; }

  Task<void> TokenFlow() {
    std::string first = co_await Make(As(World::Forever(), "a", Token('a')));
    std::string again = co_await Make(As(World::Forever(), "a", Token('a')));
    EXPECT_EQ(first, again);
    const std::vector<Instance> listed = co_await Listed();
    EXPECT_EQ(listed.size(), 1u);
    std::string other = co_await Make(As(World::Forever(), "b", Token('b')));
    EXPECT_NE(first, other);
  }

  Task<void> MismatchFlow() {
    co_await Make(As(World::Forever(), "a", Token('a')));
    auto other = co_await provider().Create(As(World::Brief(0), "a", Token('a')));
    EXPECT_FALSE(other);
    if (!other) {
      EXPECT_EQ(other.error().refusal, Refusal::kTokenMismatch);
    }
    const std::vector<Instance> listed = co_await Listed();
    EXPECT_EQ(listed.size(), 1u) << "and makes no second instance";
  }

  Task<void> AgreementFlow() {
    std::string id = co_await Make(As(World::Forever(), "a", Token('a')));
    const Instance described = co_await Until(id, Runs);
    const std::vector<Instance> listed = co_await Listed();
    EXPECT_THAT(listed, ::testing::ElementsAre(described));
    InstanceScope scope = Scope();
    std::string start;
    auto polled = co_await provider().Poll(scope, start);
    EXPECT_TRUE(polled);
    if (polled) {
      EXPECT_THAT(polled->instances, ::testing::Contains(described));
    }
    const auto ready = [](const ContainerState& c) { return c.ready && c.started; };
    EXPECT_TRUE(std::all_of(described.containers.begin(), described.containers.end(), ready));
    EXPECT_FALSE(described.pod_ip.empty());
    std::string other_cluster = "other";
    auto foreign = co_await provider().List(std::move(other_cluster));
    EXPECT_TRUE(foreign && foreign->empty());
  }

  Task<void> EndFlow() {
    std::string good = co_await Make(As(World::Brief(0), "good", Token('a')));
    std::string bad = co_await Make(As(World::Brief(3), "bad", Token('b')));
    const Instance succeeded = co_await Until(good, IsOver);
    const Instance failed = co_await Until(bad, IsOver);
    EXPECT_EQ(succeeded.state, InstanceState::kSucceeded);
    EXPECT_EQ(failed.state, InstanceState::kFailed);
    EXPECT_TRUE(failed.containers[0].ended);
    if (failed.containers[0].ended) {
      EXPECT_EQ(failed.containers[0].ended->exit_code, 3);
    }
    co_await runtime().SleepFor(std::chrono::milliseconds(200));
    const Instance later = co_await Until(bad, IsOver);
    EXPECT_EQ(later, failed);
  }

  Task<void> DeletionFlow() {
    std::string id = co_await Make(As(World::Forever(), "a", Token('a')));
    co_await Until(id, Runs);
    for (int time = 0; time < 3; ++time) {
      const Duration grace = time < 2 ? std::chrono::hours(1) : std::chrono::hours(0);
      const CloudStatus deleted = co_await provider().Delete(id, grace);
      const bool is_taken = deleted || deleted.error().error.code == Code::kNotFound;
      EXPECT_TRUE(is_taken);
    }
    co_await Until(id, IsGone);
    const std::vector<Instance> listed = co_await Listed();
    EXPECT_TRUE(listed.empty());
    const CloudStatus again = co_await provider().Delete(id, std::chrono::seconds(0));
    const bool is_gone = again || again.error().error.code == Code::kNotFound;
    EXPECT_TRUE(is_gone);
  }

  World world_;
};

TYPED_TEST_SUITE_P(ProviderContract);

TYPED_TEST_P(ProviderContract, OneTokenIsOneInstance) { this->Play(this->TokenFlow()); }
TYPED_TEST_P(ProviderContract, ATokenForSomethingElseIsRefused) { this->Play(this->MismatchFlow()); }
TYPED_TEST_P(ProviderContract, AllWaysOfAskingAgree) { this->Play(this->AgreementFlow()); }
TYPED_TEST_P(ProviderContract, WhatHasEndedStaysEnded) { this->Play(this->EndFlow()); }
TYPED_TEST_P(ProviderContract, ADeletionMayBeAskedForAgainAndHurriedOn) { this->Play(this->DeletionFlow()); }

REGISTER_TYPED_TEST_SUITE_P(ProviderContract, OneTokenIsOneInstance, ATokenForSomethingElseIsRefused,
                            AllWaysOfAskingAgree, WhatHasEndedStaysEnded, ADeletionMayBeAskedForAgainAndHurriedOn);

}  // namespace spillway::cloud::testing
