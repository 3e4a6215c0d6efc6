#include "sandbox/store/store.h"

#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

using testing::HasSubstr;

class StoreTest : public testing::Test, public ApiFixture {
 protected:
  Json Create(const char* resource, Json object) {
    auto created = store().Create(resource, std::move(object));
    EXPECT_TRUE(created.has_value()) << created.error().message;
    return created ? *created : Json();
  }
  ApiError RefusalOf(const char* resource, Json object) {
    auto created = store().Create(resource, std::move(object));
    EXPECT_FALSE(created.has_value());
    return created ? ApiError{} : created.error();
  }
  Json BoundPod(const std::string& name) {
    Create("pods", PodNamed(name));
    EXPECT_TRUE(store().Bind("default", name, {{"target", {{"name", "n1"}}}}).has_value());
    return *store().Get("pods", "default", name);
  }
};

TEST_F(StoreTest, ACreatedPodHasWhatTheRestOfTheClusterReliesOn) {
  Json pod = PodNamed("p");
  pod["spec"]["containers"][0]["resources"]["limits"] = {{"cpu", 2}, {"memory", "1Gi"}};
  pod["status"] = {{"phase", "Running"}};
  const Json created = Create("pods", pod);
  EXPECT_EQ(TextAt(created, "status.phase"), "Pending");  // what the client says of the status does not count
  EXPECT_EQ(TextAt(created, "status.qosClass"), "Guaranteed");
  EXPECT_EQ(created["spec"]["containers"][0]["resources"]["requests"], (Json{{"cpu", "2"}, {"memory", "1Gi"}}));
  EXPECT_EQ(TextAt(created, "spec.schedulerName"), "default-scheduler");
  EXPECT_EQ(IntAt(created, "spec.priority", -1), 0);
  EXPECT_EQ(ArrayAt(created, "spec.tolerations").size(), 2u);
  EXPECT_EQ(TextAt(created, "metadata.uid").size(), 36u);
  EXPECT_EQ(TextAt(created, "kind"), "Pod");
}

TEST_F(StoreTest, RefusalsReadAsUpstreams) {
  Create("pods", PodNamed("p"));
  EXPECT_EQ(RefusalOf("pods", PodNamed("p")).message, "pods \"p\" already exists");
  EXPECT_EQ(store().Get("deployments", "default", "d").error().message, "deployments.apps \"d\" not found");
  Json elsewhere = PodNamed("p");
  elsewhere["metadata"]["namespace"] = "nowhere";
  EXPECT_EQ(RefusalOf("pods", elsewhere).message, "namespaces \"nowhere\" not found");
  Json empty = PodNamed("q");
  empty["spec"]["containers"] = Json::array();
  EXPECT_EQ(RefusalOf("pods", empty).message, "Pod \"q\" is invalid: spec.containers: Required value");
  Json greedy = PodNamed("q");
  greedy["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "2"}}}, {"limits", {{"cpu", "1"}}}};
  EXPECT_THAT(RefusalOf("pods", greedy).message, HasSubstr("must be less than or equal to cpu limit of 1"));
  Json nonsense = PodNamed("q");
  nonsense["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "two"}}}};
  EXPECT_EQ(RefusalOf("pods", nonsense).code, 400);
  EXPECT_EQ(RefusalOf("pods", PodNamed("Q_")).code, 422);
  Json classy = PodNamed("q");
  classy["spec"]["priorityClassName"] = "gold";
  EXPECT_EQ(RefusalOf("pods", classy).message, "pods \"q\" is forbidden: no PriorityClass with name gold was found");
}

TEST_F(StoreTest, AWriteWithAnOldResourceVersionIsRefused) {
  const Json first = Create("configmaps", ConfigMapNamed("c", "1"));
  Json newer = first;
  newer["data"]["value"] = "2";
  ASSERT_TRUE(store().Update("configmaps", newer).has_value());
  Json stale = first;
  stale["data"]["value"] = "3";
  const auto refused = store().Update("configmaps", stale);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, 409);
  EXPECT_EQ(
      refused.error().message,
      "Operation cannot be fulfilled on configmaps \"c\": the object has been modified; please apply your changes to "
      "the latest version and try again");
  EXPECT_EQ(store().Get("configmaps", "default", "c")->at("data").at("value"), "2");
}

TEST_F(StoreTest, AWriteThatChangesNothingTakesNoResourceVersion) {
  const Json pod = Create("pods", PodNamed("p"));
  const Revision before = store().etcd().revision();
  ASSERT_TRUE(store().Update("pods", pod).has_value());
  EXPECT_EQ(store().etcd().revision(), before);
}

TEST_F(StoreTest, GenerationCountsChangesOfSpecAndStatusIsItsOwnPart) {
  const Json selector = {{"matchLabels", {{"a", "b"}}}};
  Json web =
      Create("deployments", {{"metadata", {{"name", "web"}}},
                             {"spec",
                              {{"selector", selector},
                               {"template",
                                {{"metadata", {{"labels", {{"a", "b"}}}}},
                                 {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "i"}}})}}}}}}}});
  EXPECT_EQ(IntAt(web, "metadata.generation", 0), 1);
  EXPECT_EQ(IntAt(web, "spec.replicas", 0), 1);
  web["status"]["replicas"] = 7;
  web["spec"]["replicas"] = 3;
  web = *store().Update("deployments", web);
  EXPECT_EQ(IntAt(web, "metadata.generation", 0), 2);
  EXPECT_EQ(IntAt(web, "status.replicas", 0), 0);
  web["status"]["replicas"] = 3;
  web["spec"]["replicas"] = 9;
  web = *store().Update("deployments", web, Part::kStatus);
  EXPECT_EQ(IntAt(web, "metadata.generation", 0), 2);
  EXPECT_EQ(IntAt(web, "spec.replicas", 0), 3);
  EXPECT_EQ(IntAt(web, "status.replicas", 0), 3);
  web["spec"]["selector"]["matchLabels"] = {{"a", "c"}};
  web["spec"]["template"]["metadata"]["labels"] = {{"a", "c"}};
  EXPECT_THAT(store().Update("deployments", web).error().message, HasSubstr("field is immutable"));
}

TEST_F(StoreTest, AJobSelectsItsPodsByItsOwnUid) {
  const Json job = Create(
      "jobs",
      {{"metadata", {{"name", "pi"}}},
       {"spec",
        {{"template",
          {{"spec", {{"restartPolicy", "Never"}, {"containers", Json::array({{{"name", "c"}, {"image", "i"}}})}}}}}}}});
  const std::string uid = TextAt(job, "metadata.uid");
  EXPECT_EQ(job["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"], uid);
  EXPECT_EQ(job["spec"]["template"]["metadata"]["labels"]["job-name"], "pi");
  EXPECT_EQ(IntAt(job, "spec.completions", 0), 1);
  EXPECT_EQ(IntAt(job, "spec.backoffLimit", 0), 6);
}

TEST_F(StoreTest, GeneratedNamesDiffer) {
  Json pod = PodNamed("");
  pod["metadata"].erase("name");
  pod["metadata"]["generateName"] = "web-";
  const std::string one = TextAt(Create("pods", pod), "metadata.name");
  const std::string other = TextAt(Create("pods", pod), "metadata.name");
  EXPECT_EQ(one.size(), 9u);
  EXPECT_NE(one, other);
}

TEST_F(StoreTest, AnUnboundPodGoesAtOnceABoundOneWhenItsAgentSaysSo) {
  Create("pods", PodNamed("free"));
  ASSERT_TRUE(store().Delete("pods", "default", "free").has_value());
  EXPECT_FALSE(store().Get("pods", "default", "free").has_value());

  BoundPod("held");
  ASSERT_TRUE(store().Delete("pods", "default", "held").has_value());
  const auto marked = store().Get("pods", "default", "held");
  ASSERT_TRUE(marked.has_value());
  EXPECT_EQ(IntAt(*marked, "metadata.deletionGracePeriodSeconds", 0), 30);
  EXPECT_NE(TextAt(*marked, "metadata.deletionTimestamp"), "");
  const Revision before = store().etcd().revision();
  ASSERT_TRUE(store().Delete("pods", "default", "held").has_value());  // asking again changes nothing
  EXPECT_EQ(store().etcd().revision(), before);
  ASSERT_TRUE(store().Delete("pods", "default", "held", {.grace_period_seconds = 0}).has_value());
  EXPECT_FALSE(store().Get("pods", "default", "held").has_value());
}

TEST_F(StoreTest, FinalizersHoldAnObjectUntilTheyAreGone) {
  Json map = ConfigMapNamed("c");
  map["metadata"]["finalizers"] = {"example.com/hold"};
  Create("configmaps", map);
  ASSERT_TRUE(store().Delete("configmaps", "default", "c").has_value());
  Json held = *store().Get("configmaps", "default", "c");
  EXPECT_NE(TextAt(held, "metadata.deletionTimestamp"), "");
  held["metadata"]["finalizers"] = Json::array();
  ASSERT_TRUE(store().Update("configmaps", held).has_value());
  EXPECT_FALSE(store().Get("configmaps", "default", "c").has_value());
}

TEST_F(StoreTest, DeletePreconditionsAreChecked) {
  const Json map = Create("configmaps", ConfigMapNamed("c"));
  EXPECT_EQ(store().Delete("configmaps", "default", "c", {.uid = "another"}).error().code, 409);
  EXPECT_EQ(store().Delete("configmaps", "default", "c", {.resource_version = "1"}).error().code, 409);
  EXPECT_TRUE(store().Delete("configmaps", "default", "c", {.uid = TextAt(map, "metadata.uid")}).has_value());
}

TEST_F(StoreTest, DryRunChangesNothing) {
  const Revision before = store().etcd().revision();
  EXPECT_TRUE(store().Create("pods", PodNamed("p"), {.dry_run = true}).has_value());
  EXPECT_EQ(store().etcd().revision(), before);
  EXPECT_FALSE(store().Get("pods", "default", "p").has_value());
}

TEST_F(StoreTest, ANamespaceEndsWithItsContents) {
  Create("namespaces", {{"metadata", {{"name", "team"}}}});
  Json map = ConfigMapNamed("c");
  map["metadata"]["namespace"] = "team";
  Create("configmaps", map);
  Json pod = PodNamed("p");
  pod["metadata"]["namespace"] = "team";
  Create("pods", pod);
  ASSERT_TRUE(store().Bind("team", "p", {{"target", {{"name", "n1"}}}}).has_value());
  ASSERT_TRUE(store().Delete("namespaces", "", "team").has_value());
  Settle();
  EXPECT_FALSE(store().Get("configmaps", "team", "c").has_value());
  EXPECT_EQ(TextAt(*store().Get("namespaces", "", "team"), "status.phase"), "Terminating");  // the Pod still stops
  EXPECT_THAT(RefusalOf("configmaps", map).message, HasSubstr("because it is being terminated"));
  ASSERT_TRUE(store().Delete("pods", "team", "p", {.grace_period_seconds = 0}).has_value());
  EXPECT_FALSE(store().Get("namespaces", "", "team").has_value());
}

TEST_F(StoreTest, OrphansLoseTheirOwner) {
  const Json owner = Create("configmaps", ConfigMapNamed("owner"));
  Json child = ConfigMapNamed("child");
  child["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", "owner"}, {"uid", TextAt(owner, "metadata.uid")}}});
  Create("configmaps", child);
  ASSERT_TRUE(store().Delete("configmaps", "default", "owner", {.orphan = true}).has_value());
  const Json orphan = *store().Get("configmaps", "default", "child");
  EXPECT_TRUE(ArrayAt(orphan, "metadata.ownerReferences").empty());
}

TEST_F(StoreTest, SomePartsOfAPodNeverChange) {
  Json pod = Create("pods", PodNamed("p"));
  Json moved = pod;
  moved["spec"]["nodeName"] = "n1";
  EXPECT_THAT(store().Update("pods", moved).error().message, HasSubstr("pod updates may not change fields other than"));
  Json tolerant = pod;
  tolerant["spec"]["tolerations"].push_back({{"operator", "Exists"}});
  EXPECT_TRUE(store().Update("pods", tolerant).has_value());
  EXPECT_THAT(store().Update("pods", pod).error().message, HasSubstr("modified"));
}

TEST_F(StoreTest, AStatusHasOneAddressOfEachFamilyAndWhatHasEndedStaysEnded) {
  Json pod = PodNamed("p");
  pod["spec"]["restartPolicy"] = "Never";
  Create("pods", pod);
  const auto patch = [&](const char* status) {
    const Json body = {{"status", Json::parse(status)}};
    auto patched = store().Patch("pods", "default", "p", PatchType::kStrategic, body, Part::kStatus);
    return patched ? std::string() : patched.error().message;
  };
  EXPECT_EQ(
      patch(R"({"hostIP":"10.0.0.5","hostIPs":[{"ip":"10.0.0.5"}],"podIP":"10.1.0.1","podIPs":[{"ip":"10.1.0.1"}]})"),
      "");
  // The lists merge by address: these are two.
  EXPECT_THAT(patch(R"({"hostIP":"10.0.0.6","hostIPs":[{"ip":"10.0.0.6"}]})"),
              HasSubstr("status.hostIPs: Invalid value"));
  EXPECT_THAT(patch(R"({"podIP":"10.1.0.2","podIPs":[{"ip":"10.1.0.2"}]})"),
              HasSubstr("may specify no more than one IP for each IP family"));
  EXPECT_THAT(patch(R"({"hostIP":"10.0.0.6"})"), HasSubstr("must be equal to `hostIP`"));
  EXPECT_EQ(patch(R"({"hostIP":"10.0.0.6","hostIPs":[{"ip":"10.0.0.6"},{"$patch":"replace"}]})"), "");
  EXPECT_EQ(patch(R"({"hostIPs":[{"ip":"10.0.0.6"},{"ip":"fd00::6"}]})"), "");
  EXPECT_EQ(patch(R"({"containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":1}}}]})"), "");
  EXPECT_THAT(patch(R"({"containerStatuses":[{"name":"c","state":{"running":{}}}]})"),
              HasSubstr("may not be transitioned to non-terminated state"));
}

TEST_F(StoreTest, ADirectWatchSeesWhatThereIsAndThenEachChangeOnce) {
  Create("configmaps", ConfigMapNamed("a"));
  std::vector<std::string> seen;
  auto watch = store().NewWatch("configmaps", {}, [&](const WatchEvent& event) {
    seen.push_back(std::to_string(static_cast<int>(event.type)) + TextAt(event.object, "metadata.name"));
  });
  EXPECT_TRUE(seen.empty());  // never from within the call
  Create("configmaps", ConfigMapNamed("b"));
  Settle();
  (void)store().Delete("configmaps", "default", "a");
  Settle();
  EXPECT_THAT(seen, testing::ElementsAre("0a", "0b", "2a"));
  watch.reset();
  Create("configmaps", ConfigMapNamed("c"));
  Settle();
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(StoreTest, ADirectWatchOutlivesAnyNumberOfChanges) {
  ApiFixture small(ApiServerOptions{.watch_window = 3});
  int seen = 0;
  auto watch = small.store().NewWatch("configmaps", {}, [&](const WatchEvent&) { ++seen; });
  for (int i = 0; i < 50; ++i) (void)small.store().Create("configmaps", ConfigMapNamed("c" + std::to_string(i)));
  small.Settle();
  EXPECT_EQ(seen, 50);
}

}  // namespace
}  // namespace spillway::sandbox
