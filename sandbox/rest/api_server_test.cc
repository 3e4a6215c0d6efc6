#include "sandbox/rest/api_server.h"

#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

using kube::Method;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPods = "/api/v1/namespaces/default/pods";

std::vector<std::string> NamesIn(const Json& list) {
  std::vector<std::string> names;
  for (const Json& item : ArrayAt(list, "items")) names.push_back(TextAt(item, "metadata.name"));
  return names;
}

std::vector<std::string> Told(const LineSink& sink) {
  std::vector<std::string> told;
  for (const Json& event : sink.events)
    told.push_back(TextAt(event, "type") + " " + TextAt(event, "object.metadata.name"));
  return told;
}

Task<net::ServerResponse> AnswerPi() {
  net::ServerResponse response;
  response.body = "3.14159\n";
  co_return response;
}

class ApiServerTest : public testing::Test, public ApiFixture {
 protected:
  void AddMaps(int count) {
    for (int i = 0; i < count; ++i) (void)store().Create("configmaps", ConfigMapNamed("c" + std::to_string(i)));
  }
  Json StatusOf(Method method, std::string path, const Json& body = nullptr, std::string type = "") {
    return Json::parse(Call(method, std::move(path), body, std::move(type)).body);
  }
};

TEST_F(ApiServerTest, CreateGetPatchDeleteOverTheWire) {
  EXPECT_EQ(Call(Method::kPost, kPods, PodNamed("p")).status, 201);
  EXPECT_EQ(TextAt(Get(std::string(kPods) + "/p"), "metadata.name"), "p");
  const auto patched = Call(Method::kPatch, std::string(kPods) + "/p", {{"metadata", {{"labels", {{"a", "b"}}}}}},
                            "application/strategic-merge-patch+json");
  EXPECT_EQ(Json::parse(patched.body)["metadata"]["labels"]["a"], "b");
  EXPECT_EQ(Call(Method::kDelete, std::string(kPods) + "/p").status, 200);
  const Json gone = Get(std::string(kPods) + "/p");
  EXPECT_EQ(TextAt(gone, "reason"), "NotFound");
  EXPECT_EQ(TextAt(gone, "details.kind"), "pods");
}

TEST_F(ApiServerTest, StatusIsAPartOfItsOwn) {
  (void)Call(Method::kPost, kPods, PodNamed("p"));
  (void)Call(Method::kPatch, std::string(kPods) + "/p/status",
             {{"status", {{"phase", "Running"}}}, {"spec", {{"hostname", "x"}}}}, "application/merge-patch+json");
  const Json pod = Get(std::string(kPods) + "/p");
  EXPECT_EQ(TextAt(pod, "status.phase"), "Running");
  EXPECT_EQ(TextAt(pod, "spec.hostname"), "");
}

TEST_F(ApiServerTest, WhatTheUrlAndTheBodySayMustAgree) {
  Json pod = PodNamed("p");
  pod["metadata"]["namespace"] = "kube-system";
  EXPECT_THAT(TextAt(StatusOf(Method::kPost, kPods, pod), "message"), HasSubstr("does not match the namespace"));
  (void)Call(Method::kPost, kPods, PodNamed("q"));
  EXPECT_EQ(TextAt(StatusOf(Method::kPut, std::string(kPods) + "/q", PodNamed("p")), "message"),
            "the name of the object (p) does not match the name on the URL (q)");
  EXPECT_EQ(TextAt(Get("/apis/example.com/v1/widgets"), "message"), "the server could not find the requested resource");
}

TEST_F(ApiServerTest, HostileBodiesAreRefused) {
  for (const char* body :
       {"null", "[]", "1", R"({"metadata":[]})", R"({"metadata":{"labels":{"a":1}}})",
        R"({"metadata":{"name":"p"},"spec":1})",
        R"({"metadata":{"name":7},"spec":{"containers":[{"name":"c","image":"i"}]}})",
        R"({"metadata":{"name":"p"},"spec":{"containers":{"a":1}}})",
        R"({"metadata":{"name":"p"},"spec":{"containers":["x"]}})",
        R"({"metadata":{"name":"p","ownerReferences":{}},"spec":{}})",
        R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":[1]}}]}})"}) {
    const auto refused = Call(Method::kPost, kPods, Json::parse(body));
    EXPECT_TRUE(refused.status == 400 || refused.status == 422) << refused.status << " for " << body;
  }
  kube::Request broken;
  broken.method = Method::kPost;
  broken.path = kPods;
  broken.body = "{\"metadata\":";
  EXPECT_EQ(Send(broken)->status, 400);
  EXPECT_EQ(store().etcd().Count(*FindKind("pods")), 0u);
}

TEST_F(ApiServerTest, PagesShowOneMomentEvenWhileObjectsComeAndGo) {
  AddMaps(5);
  const Json first = Get(std::string(kMaps) + "?limit=2");
  EXPECT_THAT(NamesIn(first), ElementsAre("c0", "c1"));
  EXPECT_EQ(IntAt(first, "metadata.remainingItemCount", 0), 3);
  (void)store().Delete("configmaps", "default", "c2");
  (void)store().Create("configmaps", ConfigMapNamed("c3a"));
  (void)store().Patch("configmaps", "default", "c4", PatchType::kMerge, {{"data", {{"value", "new"}}}});
  const Json rest = Get(std::string(kMaps) + "?limit=10&continue=" + TextAt(first, "metadata.continue"));
  EXPECT_THAT(NamesIn(rest), ElementsAre("c2", "c3", "c4"));
  EXPECT_EQ(rest["items"][2]["data"]["value"], "");
  EXPECT_EQ(TextAt(rest, "metadata.resourceVersion"), TextAt(first, "metadata.resourceVersion"));
  EXPECT_EQ(TextAt(rest, "metadata.continue"), "");
}

TEST_F(ApiServerTest, ATokenThatIsTooOldSaysHowToGoOn) {
  AddMaps(4);
  const Json first = Get(std::string(kMaps) + "?limit=2");
  (void)store().Delete("configmaps", "default", "c3");
  store().etcd().Compact();
  const auto expired =
      Call(Method::kGet, std::string(kMaps) + "?limit=2&continue=" + TextAt(first, "metadata.continue"));
  EXPECT_EQ(expired.status, 410);
  EXPECT_EQ(kube::ToError(expired).code, Code::kGone);
  const std::string token = TextAt(Json::parse(expired.body), "metadata.continue");
  EXPECT_THAT(NamesIn(Get(std::string(kMaps) + "?limit=2&continue=" + token)), ElementsAre("c2"));
  EXPECT_EQ(Call(Method::kGet, std::string(kMaps) + "?continue=nonsense").status, 400);
}

TEST_F(ApiServerTest, ListsOfAnExactRevision) {
  AddMaps(2);
  const std::string then = std::to_string(store().etcd().revision());
  (void)store().Delete("configmaps", "default", "c0");
  EXPECT_THAT(NamesIn(Get(std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=" + then)),
              ElementsAre("c0", "c1"));
  EXPECT_THAT(NamesIn(Get(std::string(kMaps) + "?resourceVersion=" + then)), ElementsAre("c1"));
  EXPECT_THAT(NamesIn(Get(std::string(kMaps) + "?resourceVersion=0")), ElementsAre("c1"));
  EXPECT_THAT(TextAt(Get(std::string(kMaps) + "?resourceVersion=9999"), "message"),
              HasSubstr("Too large resource version"));
}

TEST_F(ApiServerTest, SelectorsOfFieldsAndLabels) {
  (void)store().Create("pods", PodNamed("a", {{"app", "web"}}));
  (void)store().Create("pods", PodNamed("b", {{"app", "db"}}));
  (void)store().Bind("default", "b", {{"target", {{"name", "n1"}}}});
  const auto names = [&](const char* query) { return NamesIn(Get(std::string("/api/v1/pods?") + query)); };
  EXPECT_THAT(names("labelSelector=app%3Dweb"), ElementsAre("a"));
  EXPECT_THAT(names("labelSelector=app%20in%20(web,db),!x"), ElementsAre("a", "b"));
  EXPECT_THAT(names("fieldSelector=spec.nodeName%3Dn1"), ElementsAre("b"));
  EXPECT_THAT(names("fieldSelector=spec.nodeName%3D"), ElementsAre("a"));
  EXPECT_THAT(names("fieldSelector=status.phase!%3DRunning,metadata.name%3Da"), ElementsAre("a"));
  EXPECT_THAT(names("fieldSelector=spec.schedulerName%3Dother"), ElementsAre());
  EXPECT_EQ(TextAt(Get("/api/v1/pods?fieldSelector=foo%3Dbar"), "message"), "field label not supported: foo");
}

TEST_F(ApiServerTest, WatchesTellWhatHappensInOrder) {
  AddMaps(1);
  const std::string since = std::to_string(store().etcd().revision());
  const auto watch = Watch(std::string(kMaps) + "?watch=true&resourceVersion=" + since);
  (void)store().Create("configmaps", ConfigMapNamed("d"));
  (void)store().Patch("configmaps", "default", "d", PatchType::kMerge, {{"data", {{"value", "x"}}}});
  (void)store().Delete("configmaps", "default", "d");
  Settle();
  EXPECT_THAT(Told(*watch), ElementsAre("ADDED d", "MODIFIED d", "DELETED d"));
  const auto resumed = Watch(std::string(kMaps) + "?watch=true&resourceVersion=" +
                             TextAt(watch->events[0], "object.metadata.resourceVersion"));
  EXPECT_THAT(Told(*resumed), ElementsAre("MODIFIED d", "DELETED d"));
  const auto fresh = Watch(std::string(kMaps) + "?watch=true");
  EXPECT_THAT(Told(*fresh), ElementsAre("ADDED c0"));
}

TEST_F(ApiServerTest, AnObjectThatLeavesASelectionIsDeletedForThatWatch) {
  (void)store().Create("pods", PodNamed("p"));
  const auto unbound = Watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3D");
  const auto of_node = Watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1");
  (void)store().Bind("default", "p", {{"target", {{"name", "n1"}}}});
  Settle();
  EXPECT_THAT(Told(*unbound), ElementsAre("ADDED p", "DELETED p"));
  EXPECT_THAT(Told(*of_node), ElementsAre("ADDED p"));
  EXPECT_EQ(TextAt(unbound->events[1], "object.spec.nodeName"), "");  // its last matching state ...
  EXPECT_EQ(TextAt(unbound->events[1], "object.metadata.resourceVersion"),
            std::to_string(store().etcd().revision()));  // ... at the version that took it away
}

TEST_F(ApiServerTest, BookmarksComeEachMinuteWhenAskedFor) {
  AddMaps(1);
  const auto asked = Watch(std::string(kMaps) + "?watch=true&allowWatchBookmarks=true&resourceVersion=" +
                           std::to_string(store().etcd().revision()));
  const auto silent =
      Watch(std::string(kMaps) + "?watch=true&resourceVersion=" + std::to_string(store().etcd().revision()));
  (void)store().Create("secrets", {{"metadata", {{"name", "s"}}}});
  runtime.RunFor(std::chrono::seconds(121));
  EXPECT_THAT(Told(*asked), ElementsAre("BOOKMARK ", "BOOKMARK "));
  EXPECT_EQ(TextAt(asked->events[0], "object.metadata.resourceVersion"), std::to_string(store().etcd().revision()));
  EXPECT_EQ(TextAt(asked->events[0], "object.kind"), "ConfigMap");
  EXPECT_TRUE(silent->events.empty());
}

TEST_F(ApiServerTest, AStreamedListEndsWithABookmarkThatSaysSo) {
  AddMaps(2);
  const auto watch =
      Watch(std::string(kMaps) +
            "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan");
  ASSERT_THAT(Told(*watch), ElementsAre("ADDED c0", "ADDED c1", "BOOKMARK "));
  EXPECT_EQ(watch->events[2]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

TEST_F(ApiServerTest, AWatchEndsAtItsTimeout) {
  const auto watch = Watch(std::string(kMaps) + "?watch=true&timeoutSeconds=5");
  runtime.RunFor(std::chrono::seconds(4));
  EXPECT_FALSE(watch->ended);
  runtime.RunFor(std::chrono::seconds(2));
  EXPECT_TRUE(watch->ended);
  ASSERT_TRUE(last_watch->has_value());
  EXPECT_EQ((**last_watch)->status, 200);
}

TEST_F(ApiServerTest, AWatchThatAsksForForgottenChangesIsTold410) {
  AddMaps(3);
  const std::string old = TextAt(*store().Get("configmaps", "default", "c0"), "metadata.resourceVersion");
  store().etcd().Compact();
  const auto watch = Watch(std::string(kMaps) + "?watch=true&resourceVersion=" + old);
  ASSERT_EQ(watch->events.size(), 1u);
  EXPECT_EQ(TextAt(watch->events[0], "type"), "ERROR");
  EXPECT_EQ(IntAt(watch->events[0], "object.code", 0), 410);
  EXPECT_EQ(TextAt(watch->events[0], "object.reason"), "Expired");
}

TEST_F(ApiServerTest, ManyWritesInOneTurnLeaveAWatchBehindNotWrong) {
  ApiFixture small(ApiServerOptions{.watch_window = 3});
  const auto watch = small.Watch(std::string(kMaps) + "?watch=true");
  for (int i = 0; i < 10; ++i) (void)small.store().Create("configmaps", ConfigMapNamed("c" + std::to_string(i)));
  small.Settle();
  ASSERT_EQ(watch->events.size(), 1u);
  EXPECT_EQ(TextAt(watch->events[0], "type"), "ERROR");
}

TEST_F(ApiServerTest, EventsAreOneStorageInTwoDialects) {
  const Json event = {{"metadata", {{"name", "e"}, {"namespace", "default"}}},
                      {"eventTime", "2026-01-01T00:00:00.000000Z"},
                      {"reportingController", "spillway.io/controller"},
                      {"reportingInstance", "spillway.io/controller-a"},
                      {"action", "Binding"},
                      {"reason", "OverflowScheduled"},
                      {"regarding", {{"kind", "Pod"}, {"namespace", "default"}, {"name", "p"}, {"uid", "u"}}},
                      {"note", "Bound to virtual node v"},
                      {"type", "Normal"}};
  EXPECT_EQ(Call(Method::kPost, "/apis/events.k8s.io/v1/namespaces/default/events", event).status, 201);
  const Json core = Get("/api/v1/namespaces/default/events/e");
  EXPECT_EQ(TextAt(core, "message"), "Bound to virtual node v");
  EXPECT_EQ(TextAt(core, "involvedObject.name"), "p");
  EXPECT_EQ(TextAt(core, "apiVersion"), "v1");
  EXPECT_THAT(NamesIn(Get("/api/v1/events?fieldSelector=involvedObject.name%3Dp,reason%3DOverflowScheduled")),
              ElementsAre("e"));
  EXPECT_THAT(NamesIn(Get("/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp")), ElementsAre("e"));
  const auto series = Call(Method::kPatch, "/apis/events.k8s.io/v1/namespaces/default/events/e",
                           {{"series", {{"count", 2}, {"lastObservedTime", "2026-01-01T00:06:00.000000Z"}}}},
                           "application/strategic-merge-patch+json");
  EXPECT_EQ(TextAt(Json::parse(series.body), "note"), "Bound to virtual node v");
  EXPECT_EQ(IntAt(Json::parse(series.body), "series.count", 0), 2);
}

TEST_F(ApiServerTest, NewEventsMustBeWholeAndMayOnlyGrowASeries) {
  const std::string path = "/apis/events.k8s.io/v1/namespaces/default/events";
  Json event = {{"metadata", {{"name", "e"}}},
                {"reportingController", "spillway.io/controller"},
                {"reportingInstance", "c"},
                {"action", "Binding"},
                {"reason", "R"},
                {"regarding", {{"kind", "Pod"}, {"namespace", "default"}, {"name", "p"}}},
                {"note", "n"},
                {"type", "Normal"}};
  EXPECT_EQ(TextAt(StatusOf(Method::kPost, path, event), "message"),
            "Event \"e\" is invalid: eventTime: Required value");
  event["eventTime"] = "2026-01-01T00:00:00.000000Z";
  event["note"] = std::string(1025, 'x');
  EXPECT_THAT(TextAt(StatusOf(Method::kPost, path, event), "message"), HasSubstr("can have at most 1024 characters"));
  event["note"] = "n";
  EXPECT_EQ(Call(Method::kPost, path, event).status, 201);
  const auto changed = Call(Method::kPatch, path + "/e", {{"note", "another"}}, "application/merge-patch+json");
  EXPECT_EQ(changed.status, 422);
}

TEST_F(ApiServerTest, PutMakesALeaseAndThenNeedsItsVersion) {
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1";
  const Json lease = {{"metadata", {{"name", "n1"}}}, {"spec", {{"holderIdentity", "n1"}}}};
  EXPECT_EQ(Call(Method::kPut, path, lease).status, 201);
  EXPECT_EQ(Call(Method::kPut, path, lease).status, 422);
  Json known = Get(path);
  known["spec"]["holderIdentity"] = "n2";
  EXPECT_EQ(Call(Method::kPut, path, known).status, 200);
  EXPECT_EQ(Call(Method::kPut, std::string(kMaps) + "/c", ConfigMapNamed("c")).status, 404);
}

TEST_F(ApiServerTest, MetadataOnlyOnRequest) {
  AddMaps(1);
  const Json list = Get(kMaps, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json");
  EXPECT_EQ(TextAt(list, "kind"), "PartialObjectMetadataList");
  EXPECT_FALSE(list["items"][0].contains("data"));
  EXPECT_EQ(TextAt(list["items"][0], "metadata.name"), "c0");
  EXPECT_EQ(Call(Method::kGet, kMaps, nullptr, "", "application/vnd.kubernetes.protobuf").status, 406);
}

TEST_F(ApiServerTest, ScaleIsReadAndWrittenAsOneKind) {
  (void)store().Create("replicasets",
                       {{"metadata", {{"name", "r"}}},
                        {"spec",
                         {{"replicas", 2},
                          {"selector", {{"matchLabels", {{"a", "b"}}}}},
                          {"template",
                           {{"metadata", {{"labels", {{"a", "b"}}}}},
                            {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "i"}}})}}}}}}}});
  const std::string path = "/apis/apps/v1/namespaces/default/replicasets/r/scale";
  EXPECT_EQ(IntAt(Get(path), "spec.replicas", 0), 2);
  EXPECT_EQ(Call(Method::kPatch, path, {{"spec", {{"replicas", 5}}}}, "application/merge-patch+json").status, 200);
  EXPECT_EQ(IntAt(*store().Get("replicasets", "default", "r"), "spec.replicas", 0), 5);
  EXPECT_EQ(Call(Method::kPatch, path, {{"spec", {{"replicas", -1}}}}, "application/merge-patch+json").status, 422);
}

TEST_F(ApiServerTest, DeleteCollectionTakesWhatIsSelected) {
  (void)store().Create("pods", PodNamed("a", {{"app", "web"}}));
  (void)store().Create("pods", PodNamed("b"));
  EXPECT_EQ(Call(Method::kDelete, std::string(kPods) + "?labelSelector=app").status, 200);
  EXPECT_THAT(NamesIn(Get(kPods)), ElementsAre("b"));
}

TEST_F(ApiServerTest, LogsComeFromTheNodesKubelet) {
  std::optional<LogRequest> asked;
  const auto logs = [&asked](LogRequest request) {
    asked = std::move(request);
    return AnswerPi();
  };
  api.SetLogSource(logs);
  (void)store().Create("pods", PodNamed("p"));
  EXPECT_EQ(Call(Method::kGet, std::string(kPods) + "/p/log").body, "");  // not on a node yet
  (void)store().Create("nodes", {{"metadata", {{"name", "n1"}}},
                                 {"status",
                                  {{"addresses", Json::array({{{"type", "InternalIP"}, {"address", "10.0.0.7"}}})},
                                   {"daemonEndpoints", {{"kubeletEndpoint", {{"Port", 10250}}}}}}}});
  (void)store().Bind("default", "p", {{"target", {{"name", "n1"}}}});
  const auto answer = Call(Method::kGet, std::string(kPods) + "/p/log?tailLines=1");
  EXPECT_EQ(answer.body, "3.14159\n");
  EXPECT_EQ(asked->kubelet_url, "https://10.0.0.7:10250");
  EXPECT_EQ(asked->path, "/containerLogs/default/p/c");
  EXPECT_EQ(Call(Method::kGet, std::string(kPods) + "/p/log?container=x").status, 400);
}

Json MetricsService() {
  return {{"metadata", {{"name", "spillway"}, {"namespace", "default"}}},
          {"spec", {{"ports", Json::array({{{"name", "metrics"}, {"port", 80}, {"targetPort", 8080}}})}}}};
}
Json MetricsEndpoints() {
  const Json address = {{"ip", "10.1.2.3"},
                        {"targetRef", {{"kind", "Pod"}, {"namespace", "default"}, {"name", "spillway-0"}}}};
  return {{"metadata", {{"name", "spillway"}, {"namespace", "default"}}},
          {"subsets", Json::array({{{"addresses", Json::array({address})},
                                    {"ports", Json::array({{{"name", "metrics"}, {"port", 8080}}})}}})}};
}

TEST_F(ApiServerTest, AServiceIsReachedThroughAPodOfItsEndpoints) {
  std::vector<std::string> asked;
  const auto pi = [&asked](ServiceRequest request) {
    asked.push_back(request.url + request.path + "?" + request.query);
    return AnswerPi();
  };
  api.SetServiceSource(pi);
  const std::string services = "/api/v1/namespaces/default/services/";
  const auto ask = [&](const std::string& rest) { return Call(Method::kGet, services + rest); };
  const auto says = [](const kube::Response& response) { return Json::parse(response.body)["message"]; };
  EXPECT_EQ(ask("http:spillway:metrics/proxy/metrics").status, 404);
  ASSERT_TRUE(store().Create("services", MetricsService()));
  EXPECT_EQ(says(ask("http:spillway:metrics/proxy/")), "endpoints \"spillway\" not found");
  ASSERT_TRUE(store().Create("endpoints", MetricsEndpoints()));
  EXPECT_EQ(says(ask("http:spillway:metrics/proxy/")), "no endpoints available for service \"http:spillway:metrics\"")
      << "nobody is proxied to who is no Pod";
  ASSERT_TRUE(store().Create("pods", PodNamed("spillway-0")));
  Json pod = *store().Get("pods", "default", "spillway-0");
  pod["status"]["podIPs"] = Json::array({{{"ip", "10.1.2.3"}}});
  ASSERT_TRUE(store().Update("pods", pod, Part::kStatus));

  EXPECT_EQ(ask("http:spillway:metrics/proxy/a/b?c=d").body, "3.14159\n");
  EXPECT_EQ(ask("spillway:80/proxy").status, 200) << "by number";
  EXPECT_THAT(asked, ElementsAre("http://10.1.2.3:8080/a/b?c=d", "http://10.1.2.3:8080/?"));
  EXPECT_EQ(says(ask("spillway:81/proxy")), "no service port 81 found for service \"spillway\"");
  EXPECT_EQ(ask("ftp:spillway:80/proxy").status, 400);
}

}  // namespace
}  // namespace spillway::sandbox
