#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

class BindingTest : public testing::Test, public ApiFixture {
 protected:
  void SetUp() override { pod = *store().Create("pods", PodNamed("p")); }

  kube::Response Bind(Json metadata, const std::string& node = "n1") {
    metadata["name"] = "p";
    return Call(kube::Method::kPost, "/api/v1/namespaces/default/pods/p/binding",
                {{"apiVersion", "v1"},
                 {"kind", "Binding"},
                 {"metadata", std::move(metadata)},
                 {"target", {{"kind", "Node"}, {"name", node}}}});
  }
  static std::string MessageOf(const kube::Response& response) { return TextAt(Json::parse(response.body), "message"); }
  Json Now() { return *store().Get("pods", "default", "p"); }

  Json pod;
};

TEST_F(BindingTest, BindsMergesAndSaysScheduled) {
  (void)store().Modify("pods", "default", "p", Part::kStatus, [](Json& each) {
    each["status"]["nominatedNodeName"] = "n2";
    each["status"]["conditions"] =
        Json::array({{{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}}});
    return true;
  });
  const Json current = Now();
  const auto bound = Bind({{"uid", TextAt(current, "metadata.uid")},
                           {"resourceVersion", TextAt(current, "metadata.resourceVersion")},
                           {"annotations", {{"spillway.io/decision", "7f3a2c"}}}});
  EXPECT_EQ(bound.status, 201) << bound.body;
  const Json after = Now();
  EXPECT_EQ(TextAt(after, "spec.nodeName"), "n1");
  EXPECT_EQ(after["metadata"]["annotations"]["spillway.io/decision"], "7f3a2c");
  EXPECT_EQ(Find(after, "status.nominatedNodeName"), nullptr);
  ASSERT_EQ(ArrayAt(after, "status.conditions").size(), 1u);
  EXPECT_EQ(TextAt(after["status"]["conditions"][0], "status"), "True");
  EXPECT_EQ(TextAt(after["status"]["conditions"][0], "reason"), "");
}

TEST_F(BindingTest, AnythingThatChangedSinceRefusesTheBind) {
  const std::string version = TextAt(pod, "metadata.resourceVersion");
  (void)store().Patch("pods", "default", "p", PatchType::kMerge, {{"metadata", {{"labels", {{"x", "y"}}}}}});
  const auto stale = Bind({{"resourceVersion", version}});
  EXPECT_EQ(stale.status, 409);
  EXPECT_THAT(MessageOf(stale), testing::HasSubstr("Precondition failed: ResourceVersion in precondition: " + version));
  const auto reborn = Bind({{"uid", "11111111-0000-4000-8000-000000000000"}});
  EXPECT_EQ(reborn.status, 409);
  EXPECT_THAT(MessageOf(reborn), testing::HasSubstr("Precondition failed: UID in precondition"));
  EXPECT_EQ(TextAt(Now(), "spec.nodeName"), "");
}

TEST_F(BindingTest, ABoundPodIsNotMoved) {
  ASSERT_EQ(Bind({}).status, 201);
  const auto again = Bind({}, "n2");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(MessageOf(again),
            "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\"");
}

TEST_F(BindingTest, NeitherDeletedNorGatedPodsAreBound) {
  Json gated = PodNamed("gated");
  gated["spec"]["schedulingGates"] = Json::array({{{"name", "wait"}}});
  ASSERT_TRUE(store().Create("pods", gated).has_value());
  const auto shut = store().Bind("default", "gated", {{"target", {{"name", "n1"}}}});
  EXPECT_EQ(shut.error().message,
            "Operation cannot be fulfilled on pods/binding \"gated\": pod gated has non-empty .spec.schedulingGates");

  Json held = PodNamed("held");
  held["metadata"]["finalizers"] = {"example.com/hold"};
  ASSERT_TRUE(store().Create("pods", held).has_value());
  ASSERT_TRUE(store().Delete("pods", "default", "held").has_value());
  const auto leaving = store().Bind("default", "held", {{"target", {{"name", "n1"}}}});
  EXPECT_EQ(leaving.error().message,
            "Operation cannot be fulfilled on pods/binding \"held\": pod held is being deleted, cannot be assigned to "
            "a host");
}

TEST_F(BindingTest, APodThatIsGoneIsNotFoundAndATargetIsNeeded) {
  EXPECT_EQ(store().Bind("default", "q", {{"target", {{"name", "n1"}}}}).error().code, 404);
  EXPECT_EQ(Bind({}, "").status, 500);  // upstream gives this one no reason
  EXPECT_EQ(MessageOf(Bind({}, "")), "target.name: Required value");
}

class EvictionTest : public BindingTest {
 protected:
  void SetUp() override {
    pod = *store().Create("pods", PodNamed("p", {{"app", "web"}}));
    ASSERT_EQ(Bind({}).status, 201);
    (void)store().Modify("pods", "default", "p", Part::kStatus, [](Json& each) {
      each["status"]["phase"] = "Running";
      each["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", "True"}}});
      return true;
    });
    (void)store().Create("poddisruptionbudgets",
                         {{"metadata", {{"name", "web"}, {"namespace", "default"}}},
                          {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "web"}}}}}}}});
  }
  void Allow(int disruptions) {
    (void)store().Modify("poddisruptionbudgets", "default", "web", Part::kStatus, [&](Json& budget) {
      budget["status"] = {
          {"observedGeneration", 1}, {"disruptionsAllowed", disruptions}, {"currentHealthy", 1}, {"desiredHealthy", 1}};
      return true;
    });
  }
  kube::Response Evict() {
    return Call(kube::Method::kPost, "/api/v1/namespaces/default/pods/p/eviction",
                {{"apiVersion", "policy/v1"}, {"kind", "Eviction"}, {"metadata", {{"name", "p"}}}});
  }
};

TEST_F(EvictionTest, ABudgetThatIsSpentSaysTryLater) {
  Allow(0);
  const auto refused = Evict();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(MessageOf(refused), "Cannot evict pod as it would violate the pod's disruption budget.");
  EXPECT_EQ(Find(Now(), "metadata.deletionTimestamp"), nullptr);
}

TEST_F(EvictionTest, AnAllowedEvictionIsChargedAndDeletesGracefully) {
  Allow(1);
  EXPECT_EQ(Evict().status, 201);
  EXPECT_NE(Find(Now(), "metadata.deletionTimestamp"), nullptr);
  EXPECT_EQ(IntAt(*store().Get("poddisruptionbudgets", "default", "web"), "status.disruptionsAllowed", -1), 0);
}

TEST_F(EvictionTest, ABudgetNobodyHasLookedAtYetIsNoPermission) {
  const auto refused = Evict();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.retry_after, std::chrono::seconds(10));
}

}  // namespace
}  // namespace spillway::sandbox
