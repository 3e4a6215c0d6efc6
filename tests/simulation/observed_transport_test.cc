#include "tests/simulation/observed_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "sandbox/standins/objects.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Says yes, at once or after a while.
class Yes final : public kube::Transport {
 public:
  Yes(Runtime& runtime, const Duration& after) : runtime_(runtime), after_(after) {}
  Task<Result<kube::Response>> Send(kube::Request) override {
    co_await runtime_.SleepFor(after_);
    kube::Response response;
    response.status = 201;
    co_return response;
  }

 private:
  Runtime& runtime_;
  const Duration& after_;
};

class ObservedTransportTest : public ::testing::Test {
 protected:
  ObservedTransportTest() {
    for (const char* name : {"one", "two"}) {
      deeds_.lives.push_back({.name = name, .began = runtime_.Now()});
      processes_.push_back(std::make_unique<ObservedTransport>(
          runtime_, std::make_unique<Yes>(runtime_, answers_after_), deeds_, processes_.size(), 10s));
    }
  }

  static Task<void> Exchange(ObservedTransport& process, kube::Request request) {
    (void)co_await process.Send(std::move(request));
  }
  void Send(std::size_t process, std::string path, const Json& body) {
    kube::Request request;
    request.method = kube::Method::kPost;
    request.path = std::move(path);
    request.body = body.dump();
    scope_.Spawn(Exchange(*processes_[process], std::move(request)));
    runtime_.RunFor(1ms);
  }
  void Renew(std::size_t process, const std::string& holder) {
    Send(process, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases",
         {{"spec", {{"holderIdentity", holder}, {"leaseDurationSeconds", 15}}}});
  }
  static Json Binding() {
    return {{"metadata", {{"uid", "u"}, {"resourceVersion", "1"}, {"annotations", {{"spillway.io/decision-id", "d"}}}}},
            {"target", {{"name", "vnode"}}}};
  }
  void Bind(std::size_t process, const Json& binding = Binding()) {
    Send(process, "/api/v1/namespaces/default/pods/p/binding", binding);
  }
  std::string Wrongs() const {
    std::string text;
    for (const Wrong& wrong : deeds_.wrong) text += wrong.what + ": " + wrong.why + "\n";
    return text;
  }

  SimRuntime runtime_{1};
  Deeds deeds_;
  Duration answers_after_{0};
  std::vector<std::unique_ptr<ObservedTransport>> processes_;
  TaskScope scope_{runtime_};
};

TEST_F(ObservedTransportTest, WhoLeadsMayBind) {
  Renew(0, "one");
  Bind(0);
  EXPECT_THAT(Wrongs(), IsEmpty());
  runtime_.RunFor(11s);
  Bind(0);
  EXPECT_THAT(Wrongs(), HasSubstr("no-bind-after-the-deadline: one sent"));
}

TEST_F(ObservedTransportTest, NobodyBindsWhileAnotherHoldsTheLease) {
  Renew(0, "one");
  Renew(1, "two");
  Bind(0);
  EXPECT_THAT(Wrongs(), HasSubstr("one-leader: one sent"));
}

TEST_F(ObservedTransportTest, WhoseLeaseWasDeletedCannotKnowAtOnce) {
  Renew(0, "one");
  deeds_.lease_deleted = runtime_.Now();
  Renew(1, "two");
  Bind(0);
  EXPECT_THAT(Wrongs(), IsEmpty());
}

TEST_F(ObservedTransportTest, WhoGaveTheLeaseBackBindsNoMore) {
  Renew(0, "one");
  Renew(0, "");
  Bind(0);
  EXPECT_THAT(Wrongs(), HasSubstr("no-bind-after-the-deadline"));
  EXPECT_TRUE(deeds_.lives[0].gave_back);
}

TEST_F(ObservedTransportTest, ABindSaysWhichPodItIsFor) {
  Renew(0, "one");
  Json binding = Binding();
  binding["metadata"].erase("resourceVersion");
  Bind(0, binding);
  EXPECT_THAT(Wrongs(), HasSubstr("bound-as-it-was-judged"));
}

TEST_F(ObservedTransportTest, OneBindOfAPodIsUnderWayAtATime) {
  Renew(0, "one");
  answers_after_ = 1s;
  Bind(0);
  Bind(0);
  EXPECT_THAT(Wrongs(), HasSubstr("one-bind-at-a-time"));
  deeds_.wrong.clear();
  runtime_.RunFor(2s);
  Bind(0);
  EXPECT_THAT(Wrongs(), IsEmpty()) << "what was answered may be tried again";
}

}  // namespace
}  // namespace spillway::simulation
