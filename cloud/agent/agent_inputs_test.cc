// What an agent reads for its Pods and hands to the provider.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/agent/pod_dns.h"
#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SimplePod;
using ::testing::SizeIs;

class AgentInputs : public testing::AgentFixture {
 protected:
  void Start() {
    StartAgent();
    provider_->on_create = [this](const CreateRequest& request) { requests_.push_back(request); };
  }
  std::string Variable(const std::string& name) const {
    const Json& container = At(requests_.back().pod, "spec", "containers")[0];
    return TextAt(Named(At(container, "env"), name), "value");
  }
  int Reads(const std::string& path) const {
    return static_cast<int>(std::count_if(
        read_.begin(), read_.end(), [&](const std::string& each) { return each.find(path) != std::string::npos; }));
  }
  void CountReads() {
    cluster_.fault = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      if (request.method == kube::Method::kGet) read_.push_back(request.path);
      return std::nullopt;
    };
  }

  std::vector<CreateRequest> requests_;
  std::vector<std::string> read_;
};

Json WithVolume(Json pod, Json volume) {
  volume["name"] = "v";
  pod["spec"]["volumes"] = Json::array({std::move(volume)});
  return pod;
}

TEST_F(AgentInputs, FilesGoWithTheRequest) {
  Start();
  cluster_.Add("secrets", "key", {{"data", {{"pin", "MTIzNA=="}}}});
  cluster_.AddPod(WithVolume(SimplePod("web"), {{"secret", {{"secretName", "key"}}}}));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  ASSERT_THAT(requests_, SizeIs(1));
  ASSERT_THAT(requests_[0].volumes, SizeIs(1));
  EXPECT_THAT(requests_[0].volumes[0].files, ElementsAre(VolumeFile{"pin", "1234", 0644}));
}

TEST_F(AgentInputs, WhatAPodClaimsStandsInItsClaimsPlace) {
  options_.extra_capabilities = {"persistentVolumeClaim/nfs"};
  const char* claim_uid = "uid-1";  // the first of all objects
  cluster_.Add("persistentvolumeclaims", "c", {{"spec", {{"volumeName", "pv"}}}, {"status", {{"phase", "Bound"}}}});
  Start();
  Json pod = WithVolume(SimplePod("web"), {{"persistentVolumeClaim", {{"claimName", "c"}, {"readOnly", true}}}});
  pod["spec"]["containers"][0]["volumeMounts"].push_back({{"name", "v"}, {"mountPath", "/data"}});
  cluster_.AddPod(std::move(pod));
  const auto told = [&](const char* reason) {
    const std::vector<std::string> reasons = cluster_.EventReasons("web");
    return std::count(reasons.begin(), reasons.end(), reason) > 0;
  };
  ASSERT_TRUE(Until([&] { return told("FailedMount"); })) << "there is no such volume yet";
  cluster_.Add("persistentvolumes", "pv",
               {{"spec",
                 {{"claimRef", {{"uid", claim_uid}}},
                  {"nfs", {{"server", "10.0.0.9"}, {"path", "/export"}}},
                  {"mountOptions", {"nfsvers=4.1"}}}}});
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }, 5min));
  ASSERT_THAT(requests_, SizeIs(1));
  EXPECT_EQ(requests_[0].pod["spec"]["volumes"],
            Json::parse(R"([{"name": "v", "nfs": {"server": "10.0.0.9", "path": "/export", "readOnly": true}}])"));
  EXPECT_EQ(requests_[0].pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"], true);
  EXPECT_TRUE(told("MountOptionsOmitted"));
}

TEST_F(AgentInputs, WhatIsNotedOnThePodSaysNothingOfASecret) {
  std::string pin = "MTIzNA==";
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/secrets/key") == std::string::npos) return std::nullopt;
    const Json secret = {{"metadata", {{"uid", "s"}, {"resourceVersion", "5"}}}, {"data", {{"pin", pin}}}};
    return kube::testing::FakeTransport::Reply(200, secret.dump());
  };
  Start();
  provider_->refuses_create = [] {
    CloudError refusal;
    refusal.refusal = Refusal::kTransient;
    refusal.error = Error{Code::kInternal, "not now"};
    return std::optional(refusal);
  };
  cluster_.AddPod(WithVolume(SimplePod("web"), {{"secret", {{"secretName", "key"}}}}));
  const auto digest = [&] {
    return TextAt(cluster_.Pod("web"), "metadata", "annotations", "spillway.io/request-digest");
  };
  ASSERT_TRUE(Until([&] { return requests_.size() == 2; }));
  const std::string noted = digest();
  EXPECT_EQ(noted.size(), 8u);
  pin = "OTk5OQ==";
  const std::size_t asked = requests_.size();
  ASSERT_TRUE(Until([&] { return requests_.size() > asked; }));
  EXPECT_EQ(requests_.back().volumes[0].files[0].content, "9999") << "read anew, since nothing was made";
  EXPECT_EQ(digest(), noted);
}

TEST_F(AgentInputs, PodsThatComeTogetherShareTheirReads) {
  CountReads();
  Start();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_synced; }));
  cluster_.Add("configmaps", "big", {{"data", {{"a", std::string(1 << 20, 'x')}}}});
  for (int i = 0; i < 8; ++i) {
    Json pod = WithVolume(SimplePod("web-" + std::to_string(i)), {{"configMap", {{"name", "big"}}}});
    pod["spec"]["containers"][0].erase("resources");
    cluster_.AddPod(pod);
  }
  ASSERT_TRUE(Until([&] { return agent_->counts().running == 8; }));
  ASSERT_THAT(requests_, SizeIs(8));
  EXPECT_EQ(requests_[7].volumes[0].files[0].content.size(), 1u << 20);
  EXPECT_LE(Reads("/configmaps/big"), 2);
}

TEST_F(AgentInputs, ATokenIsAskedForThisPodAndForItsAudience) {
  Start();
  Json pod = SimplePod("web");
  pod["spec"]["serviceAccountName"] = "robot";
  const Json source = {{"serviceAccountToken", {{"path", "token"}, {"audience", "vault"}, {"expirationSeconds", 600}}}};
  const std::string uid = cluster_.AddPod(WithVolume(pod, {{"projected", {{"sources", Json::array({source})}}}}));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  ASSERT_THAT(cluster_.token_requests, SizeIs(1));
  const Json& asked = At(cluster_.token_requests[0], "spec");
  EXPECT_EQ(At(asked, "audiences"), Json::array({"vault"}));
  EXPECT_EQ(Integer(At(asked, "expirationSeconds")), 600);
  EXPECT_EQ(TextAt(asked, "boundObjectRef", "uid"), uid);
  EXPECT_THAT(requests_.back().volumes[0].files, ElementsAre(VolumeFile{"token", "token-1", 0644}));
  EXPECT_TRUE(requests_.back().volumes[0].refresh_at);
}

TEST_F(AgentInputs, TheTokenThatNobodyAskedForIsLeftOutWithOneEvent) {
  options_.omit_api_token = true;
  Start();
  Json pod = SimplePod("web");
  Json token = {{"serviceAccountToken", {{"path", "token"}, {"expirationSeconds", 3607}}}};
  Json root = {{"configMap", {{"name", "kube-root-ca.crt"}, {"items", Json::array()}}}};
  Json volume = {{"name", "kube-api-access-x"}, {"projected", {{"sources", Json::array({token, root})}}}};
  pod["spec"]["volumes"].push_back(volume);
  pod["spec"]["containers"][0]["volumeMounts"].push_back({{"name", "kube-api-access-x"}, {"mountPath", "/var/run"}});
  pod["spec"]["containers"][0]["volumeMounts"].push_back({{"name", "data"}, {"mountPath", "/data"}});
  cluster_.AddPod(pod);
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_THAT(requests_.back().volumes, IsEmpty());
  EXPECT_THAT(Items(At(requests_.back().pod, "spec", "volumes")), IsEmpty());
  const Json& mounts = At(At(requests_.back().pod, "spec", "containers")[0], "volumeMounts");
  ASSERT_THAT(mounts, SizeIs(1));
  EXPECT_EQ(TextAt(mounts[0], "name"), "data");
  EXPECT_THAT(cluster_.token_requests, IsEmpty());
  const auto reasons = cluster_.EventReasons("web");
  EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "ApiTokenOmitted"), 1);
}

TEST_F(AgentInputs, ChangedFilesReachTheInstanceAndTokensAreReplacedBeforeTheyEnd) {
  Start();
  std::vector<std::vector<PodVolume>> updates;
  provider_->on_update = [&](const std::string&, const std::vector<PodVolume>& volumes) { updates.push_back(volumes); };
  cluster_.Add("configmaps", "conf", {{"data", {{"a", "old"}}}});
  Json sources = Json::array();
  sources.push_back({{"configMap", {{"name", "conf"}}}});
  sources.push_back({{"serviceAccountToken", {{"path", "token"}, {"expirationSeconds", 1000}}}});
  cluster_.AddPod(WithVolume(SimplePod("web"), {{"projected", {{"sources", sources}}}}));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  runtime_.RunFor(130s);
  const std::size_t at_first = updates.size();
  EXPECT_LE(at_first, 1u) << "once, to be sure";
  cluster_.Add("configmaps", "conf", {{"data", {{"a", "new"}}}});
  runtime_.RunFor(65s);
  ASSERT_EQ(updates.size(), at_first + 1);
  EXPECT_THAT(updates.back()[0].files, ElementsAre(VolumeFile{"a", "new", 0644}, VolumeFile{"token", "token-1", 0644}));
  runtime_.RunFor(550s);
  EXPECT_THAT(cluster_.token_requests, SizeIs(1)) << "it has used up less than 80% of its life";
  runtime_.RunFor(200s);
  EXPECT_THAT(cluster_.token_requests, SizeIs(2));
  EXPECT_THAT(updates.back()[0].files, ElementsAre(VolumeFile{"a", "new", 0644}, VolumeFile{"token", "token-2", 0644}));
}

TEST_F(AgentInputs, ServicesOfTheNamespaceAndOfTheApiServerAreVariables) {
  const auto service = [](const char* ip, int port) {
    return Json{{"spec", {{"clusterIP", ip}, {"ports", Json::array({Json{{"name", "https"}, {"port", port}}})}}}};
  };
  cluster_.Add("services", "kubernetes", service("10.96.0.1", 443));
  cluster_.Add("services", "db", service("10.96.0.7", 5432));
  Start();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_EQ(Variable("KUBERNETES_SERVICE_HOST"), "10.96.0.1");
  EXPECT_EQ(Variable("KUBERNETES_SERVICE_PORT_HTTPS"), "443");
  EXPECT_EQ(Variable("DB_SERVICE_HOST"), "10.96.0.7");
  Json quiet = SimplePod("quiet");
  quiet["spec"]["enableServiceLinks"] = false;
  cluster_.AddPod(quiet);
  ASSERT_TRUE(Until([&] { return IsRunning("quiet"); }));
  EXPECT_EQ(Variable("KUBERNETES_SERVICE_HOST"), "10.96.0.1");
  EXPECT_EQ(Variable("DB_SERVICE_HOST"), "");
}

TEST_F(AgentInputs, TheAddressOfTheApiServerMayBeSetAndThenServicesAreAskedForOnlyForLinks) {
  options_.pod_api_server = {"default", "kubernetes", "api.example.com", {{"https", "TCP", 6443}}};
  CountReads();
  Start();
  Json quiet = SimplePod("quiet");
  quiet["spec"]["enableServiceLinks"] = false;
  cluster_.AddPod(quiet);
  ASSERT_TRUE(Until([&] { return IsRunning("quiet"); }));
  EXPECT_EQ(Variable("KUBERNETES_SERVICE_HOST"), "api.example.com");
  EXPECT_EQ(Variable("KUBERNETES_SERVICE_PORT"), "6443");
  EXPECT_EQ(Reads("/services"), 0);
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_EQ(Variable("KUBERNETES_SERVICE_HOST"), "api.example.com");
  EXPECT_GT(Reads("/services"), 0);
}

TEST_F(AgentInputs, ServicesThatMayNotBeListedAreToldAndLeftOut) {
  cluster_.fault = [](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (!request.path.starts_with("/api/v1/services")) return std::nullopt;
    return kube::testing::FakeTransport::Reply(
        403, kube::testing::FakeTransport::StatusBody(403, "Forbidden", "services is forbidden"));
  };
  Start();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_THAT(cluster_.EventReasons("web"), Contains("FailedToReadServices"));
}

TEST_F(AgentInputs, CredentialsOfRegistriesComeFromThePodOrItsServiceAccount) {
  // {"auths":{"r.example.com":{"username":"joe","password":"hunter2"}}}
  cluster_.Add("secrets", "pull",
               {{"data",
                 {{".dockerconfigjson",
                   "eyJhdXRocyI6eyJyLmV4YW1wbGUuY29tIjp7InVzZXJuYW1lIjoiam9lIiwicGFzc3dvcmQiOiJodW50ZXIyIn19fQ=="}}}});
  cluster_.Add("serviceaccounts", "robot", {{"imagePullSecrets", Json::array({Json{{"name", "pull"}}})}});
  Start();
  Json own = SimplePod("own");
  own["spec"]["imagePullSecrets"] = Json::array({Json{{"name", "pull"}}, Json{{"name", "none"}}});
  cluster_.AddPod(own);
  ASSERT_TRUE(Until([&] { return IsRunning("own"); })) << "a missing one holds up nothing";
  const RegistryCredential joe{"r.example.com", "joe", "hunter2", "", ""};
  EXPECT_THAT(requests_.back().registries, ElementsAre(joe));
  EXPECT_THAT(cluster_.EventReasons("own"), Contains("FailedToRetrieveImagePullSecret"));

  Json account = SimplePod("account");
  account["spec"]["serviceAccountName"] = "robot";
  cluster_.AddPod(account);
  ASSERT_TRUE(Until([&] { return IsRunning("account"); }));
  EXPECT_THAT(requests_.back().registries, ElementsAre(joe));
  EXPECT_THAT(cluster_.EventReasons("account"), Not(Contains("FailedToRetrieveImagePullSecret")));
  for (const Json& event : cluster_.events) EXPECT_THAT(event.dump(), Not(HasSubstr("hunter2")));
}

TEST_F(AgentInputs, TheNodesAnnotationIsTheResolvConfOfNewPods) {
  options_.cluster_dns = {"10.96.0.10"};
  Start();
  cluster_.AddPod(SimplePod("before"));
  ASSERT_TRUE(Until([&] { return IsRunning("before"); }));
  EXPECT_THAT(requests_.back().network.resolv_conf.nameservers, ElementsAre("10.96.0.10"));
  cluster_.Annotate(kResolvConfAnnotation, "nameserver 4.4.4.4\nnameserver 8.8.8.8\nnamserver 9.9.9.9\n");
  runtime_.RunFor(1s);
  cluster_.AddPod(SimplePod("after"));
  ASSERT_TRUE(Until([&] { return IsRunning("after"); }));
  EXPECT_THAT(requests_.back().network.resolv_conf.nameservers, ElementsAre("4.4.4.4", "8.8.8.8"));
  std::vector<std::string> told;
  for (const Json& event : cluster_.events) {
    if (TextAt(event, "reason") == "InvalidResolvConf") told.push_back(TextAt(event, "note"));
  }
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0], HasSubstr("line 3 is left out"));
  EXPECT_THAT(told[0], HasSubstr("namserver 9.9.9.9"));
  cluster_.Annotate(kResolvConfAnnotation, "");
  runtime_.RunFor(1s);
  cluster_.AddPod(SimplePod("again"));
  ASSERT_TRUE(Until([&] { return IsRunning("again"); }));
  EXPECT_THAT(requests_.back().network.resolv_conf.nameservers, ElementsAre("10.96.0.10"));
}

}  // namespace
}  // namespace spillway::cloud
