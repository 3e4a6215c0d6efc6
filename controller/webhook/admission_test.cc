#include "controller/webhook/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/base64.h"
#include "base/random.h"

namespace spillway::webhook {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;

const Json kOwner = {
    {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", "web-1"}, {"uid", "rs"}, {"controller", true}};

Json PlainPod() {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"generateName", "web-1-"}, {"ownerReferences", Json::array({kOwner})}}},
      {"spec",
       {{"schedulerName", "default-scheduler"},
        {"containers", Json::array({{{"name", "c"}, {"image", "i"}}})},
        {"tolerations",
         Json::array({{{"key", "node.kubernetes.io/not-ready"}, {"operator", "Exists"}, {"effect", "NoExecute"}}})}}}};
}

Json PodWith(const Json& merge) {
  Json pod = PlainPod();
  pod.merge_patch(merge);
  return pod;
}

Json ReplicaPod() { return PodWith({{"metadata", {{"annotations", {{"LOCAL_REPLICAS", "1"}}}}}}); }

Json ReviewOf(const Json& pod, const std::string& ns = "shop") {
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", "u-1"},
            {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
            {"resource", {{"group", ""}, {"version", "v1"}, {"resource", "pods"}}},
            {"namespace", ns},
            {"operation", "CREATE"},
            {"dryRun", false},
            {"object", pod}}}};
}

class AdmissionTest : public ::testing::Test {
 protected:
  AdmissionTest() {
    rules_.virtual_nodes.match_labels = {{"type", "virtual-kubelet"}};
    rules_.overflow_taints = {"virtual-kubelet.io/provider", "azure.com/aci"};
    rules_.excluded_namespaces = {"kube-system", "spillway-system"};
    rules_.gates = true;
  }

  Json Respond(const Json& review, Duty duty) {
    const AdmissionAnswer answer = Review(review.dump(), duty, rules_);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const Json said = Json::parse(answer.body);
    EXPECT_EQ(said["apiVersion"], "admission.k8s.io/v1");
    EXPECT_EQ(said["kind"], "AdmissionReview");
    EXPECT_EQ(said["response"]["uid"], "u-1");
    EXPECT_EQ(said["response"]["allowed"], true);
    EXPECT_EQ(said["response"].contains("patch"), answer.patched);
    return said["response"];
  }

  // The Pod as it is stored then.
  Json Admitted(const Json& pod, Duty duty, const std::string& ns = "shop") {
    return Patched(pod, Respond(ReviewOf(pod, ns), duty));
  }
  static Json Patched(const Json& pod, const Json& response) {
    if (!response.contains("patch")) return pod;
    EXPECT_EQ(response["patchType"], "JSONPatch");
    return pod.patch(Json::parse(*DecodeBase64(response["patch"].get<std::string>())));
  }
  void ExpectUntouched(const Json& pod, Duty duty, const std::string& ns = "shop") {
    EXPECT_FALSE(Respond(ReviewOf(pod, ns), duty).contains("patch")) << pod.dump();
  }
  std::string Warning(const Json& pod) {
    const Json response = Respond(ReviewOf(pod), Duty::kInject);
    EXPECT_FALSE(response.contains("patch"));
    return response.value("warnings", Json::array({"none"}))[0];
  }

  AdmissionRules rules_;
};

const char* const kTerms =
    "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
const Json kIsVirtual = {{"key", "type"}, {"operator", "In"}, {"values", {"virtual-kubelet"}}};

// ---- local replicas

TEST_F(AdmissionTest, APodWithLocalReplicasIsGated) {
  const Json pod = Admitted(ReplicaPod(), Duty::kAdopt);
  EXPECT_EQ(pod["spec"]["schedulingGates"], Json::array({{{"name", kLocalReplicasGate}}}));
  EXPECT_EQ(pod["spec"]["tolerations"], ReplicaPod()["spec"]["tolerations"]);
  ExpectUntouched(pod, Duty::kAdopt);
}

TEST_F(AdmissionTest, TheGatesOfOthersStay) {
  Json pod = ReplicaPod();
  pod["spec"]["schedulingGates"] = Json::array({{{"name", "example.com/quota"}}});
  EXPECT_EQ(Admitted(pod, Duty::kAdopt)["spec"]["schedulingGates"],
            Json::array({{{"name", "example.com/quota"}}, {{"name", kLocalReplicasGate}}}));
}

TEST_F(AdmissionTest, NoGateIsSetThatNobodyWouldLift) {
  rules_.gates = false;
  ExpectUntouched(ReplicaPod(), Duty::kAdopt);
}

TEST_F(AdmissionTest, OnlyPodsThatAskForItAreGated) {
  ExpectUntouched(PlainPod(), Duty::kAdopt);
  ExpectUntouched(PodWith({{"metadata", {{"annotations", {{"LOCAL_REPLICAS", "many"}}}}}}), Duty::kAdopt);
  Json pod = ReplicaPod();
  pod["metadata"].erase("ownerReferences");
  ExpectUntouched(pod, Duty::kAdopt);
  pod = ReplicaPod();
  pod["metadata"]["annotations"]["spillway.io/overflow"] = "false";
  ExpectUntouched(pod, Duty::kAdopt);
  pod = ReplicaPod();
  pod["spec"]["schedulerName"] = "volcano";
  ExpectUntouched(pod, Duty::kAdopt);
  pod = ReplicaPod();
  pod["spec"]["nodeName"] = "a";
  ExpectUntouched(pod, Duty::kAdopt);
  pod = ReplicaPod();
  pod["metadata"]["annotations"][std::string(kInjected)] = "true";
  ExpectUntouched(pod, Duty::kAdopt);
}

// ---- schedulers

TEST_F(AdmissionTest, PodsOfAnAdoptedSchedulerAreHandedToTheDefaultOne) {
  Json pod = ReplicaPod();
  pod["spec"]["schedulerName"] = "tke-scheduler";
  const Json admitted = Admitted(pod, Duty::kAdopt);
  EXPECT_EQ(admitted["spec"]["schedulerName"], "default-scheduler");
  EXPECT_THAT(admitted["spec"]["schedulingGates"], SizeIs(1));
  ExpectUntouched(PodWith({{"spec", {{"schedulerName", "volcano"}}}}), Duty::kAdopt);
}

// ---- injection

TEST_F(AdmissionTest, PodsOfALabelledNamespaceAreSentToVirtualNodes) {
  const Json pod = Admitted(PlainPod(), Duty::kInject);
  EXPECT_EQ(pod[Json::json_pointer(kTerms)], Json::array({{{"matchExpressions", Json::array({kIsVirtual})}}}));
  ASSERT_THAT(pod["spec"]["tolerations"], SizeIs(3));
  EXPECT_EQ(pod["spec"]["tolerations"][0]["key"], "node.kubernetes.io/not-ready");
  EXPECT_EQ(pod["spec"]["tolerations"][1],
            Json({{"key", "virtual-kubelet.io/provider"}, {"operator", "Exists"}, {"effect", "NoSchedule"}}));
  EXPECT_EQ(pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"], "-1000");
  ExpectUntouched(pod, Duty::kInject);
}

TEST_F(AdmissionTest, EachTermOfAnAffinityIsTightenedAndNothingIsTakenAway) {
  const Json arm = {{"key", "arch"}, {"operator", "In"}, {"values", {"arm64"}}};
  const Json name = {{"key", "metadata.name"}, {"operator", "In"}, {"values", {"v"}}};
  Json pod = PlainPod();
  pod[Json::json_pointer(kTerms)] =
      Json::array({{{"matchExpressions", Json::array({arm})}}, {{"matchFields", Json::array({name})}}, Json::object()});
  pod["spec"]["affinity"]["podAntiAffinity"] = Json::object();
  pod["metadata"]["annotations"] = {{"controller.kubernetes.io/pod-deletion-cost", "7"}};
  const Json admitted = Admitted(pod, Duty::kInject);
  EXPECT_EQ(admitted[Json::json_pointer(kTerms)],
            Json::array({{{"matchExpressions", Json::array({arm, kIsVirtual})}},
                         {{"matchFields", Json::array({name})}, {"matchExpressions", Json::array({kIsVirtual})}},
                         Json::object()}))
      << "an empty term matches nothing, and is to go on doing so";
  EXPECT_TRUE(admitted["spec"]["affinity"].contains("podAntiAffinity"));
  EXPECT_EQ(admitted["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"], "7");
  ExpectUntouched(admitted, Duty::kInject);
}

TEST_F(AdmissionTest, WhatIsToleratedAlreadyIsNotAddedAgain) {
  Json pod = PlainPod();
  pod["spec"]["tolerations"] = Json::array({{{"operator", "Exists"}}});
  EXPECT_EQ(Admitted(pod, Duty::kInject)["spec"]["tolerations"], pod["spec"]["tolerations"]);
  pod["spec"].erase("tolerations");
  EXPECT_THAT(Admitted(pod, Duty::kInject)["spec"]["tolerations"], SizeIs(2));
}

TEST_F(AdmissionTest, WhoIsNotSentThereIsToldWhy) {
  rules_.restrictions = *controller::RestrictionsOf("tke");
  EXPECT_THAT(
      Warning(PodWith({{"spec", {{"containers", {{{"name", "c"}, {"ports", {{{"containerPort", 61000}}}}}}}}}})),
      HasSubstr("spec.containers[0].ports[0].containerPort is 61000"));
  EXPECT_THAT(Warning(PodWith({{"metadata", {{"annotations", {{"AUTO_SCALE_EKS", "false"}}}}}})),
              HasSubstr("it is not to overflow"));
  EXPECT_THAT(Warning(PodWith({{"spec", {{"nodeSelector", {{"type", "gpu"}}}}}})),
              HasSubstr("its nodeSelector wants type=gpu, and virtual nodes have virtual-kubelet"));
  Json pod = PlainPod();
  pod["metadata"]["ownerReferences"][0]["kind"] = "DaemonSet";
  EXPECT_THAT(Warning(pod), HasSubstr("DaemonSet"));
}

// ---- what it keeps off

TEST_F(AdmissionTest, ItsOwnNamespaceAndKubeSystemAreNeverTouched) {
  for (const char* ns : {"kube-system", "spillway-system"}) {
    ExpectUntouched(ReplicaPod(), Duty::kAdopt, ns);
    ExpectUntouched(PlainPod(), Duty::kInject, ns);
  }
}

TEST_F(AdmissionTest, OnlyPodsThatAreBeingCreatedAreTouched) {
  for (const auto& [pointer, value] : std::map<std::string, Json>{{"/request/operation", "UPDATE"},
                                                                  {"/request/subResource", "ephemeralcontainers"},
                                                                  {"/request/resource/resource", "jobs"},
                                                                  {"/request/resource/group", "example.com"}}) {
    Json review = ReviewOf(ReplicaPod());
    review[Json::json_pointer(pointer)] = value;
    EXPECT_FALSE(Respond(review, Duty::kAdopt).contains("patch")) << pointer;
    EXPECT_FALSE(Respond(review, Duty::kInject).contains("patch")) << pointer;
  }
}

TEST_F(AdmissionTest, ADryRunIsAnsweredAlikeAndNamed) {
  Json review = ReviewOf(ReplicaPod());
  const AdmissionAnswer real = Review(review.dump(), Duty::kAdopt, rules_);
  review["request"]["dryRun"] = true;
  const AdmissionAnswer dry = Review(review.dump(), Duty::kAdopt, rules_);
  EXPECT_EQ(real.body, dry.body);
  EXPECT_FALSE(real.is_dry_run);
  EXPECT_TRUE(dry.is_dry_run);
}

// ---- what is no review

TEST_F(AdmissionTest, WhatIsNoReviewIsRefusedInWords) {
  const std::string deep = R"({"kind":"AdmissionReview","request":)" + std::string(500'000, '[');
  for (const auto& [body, why] : std::map<std::string, std::string>{
           {"", "no JSON"},
           {"{", "no JSON"},
           {"[]", "its kind is another"},
           {"null", "its kind is another"},
           {R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"})", "not of admission.k8s.io/v1"},
           {R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"})", "request.uid is no text"},
           {R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":7}})", "request.uid"},
           {deep, "nested deeper than 100"},
           {std::string("\xff\xfe\0{", 4), "no JSON"}}) {
    const AdmissionAnswer answer = Review(body, Duty::kAdopt, rules_);
    EXPECT_EQ(answer.status, 400) << body.substr(0, 80);
    EXPECT_THAT(answer.body, HasSubstr(why)) << body.substr(0, 80);
  }
}

TEST_F(AdmissionTest, APodThatCannotBeReadIsLetThroughWithAWarning) {
  for (const Json& object : {Json(), Json("text"), Json::array(), Json({{"metadata", "text"}}),
                             PodWith({{"spec", {{"tolerations", "all"}}}}), PodWith({{"spec", 3}}),
                             PodWith({{"metadata", {{"annotations", {{"LOCAL_REPLICAS", 1}}}}}})}) {
    const Json response = Respond(ReviewOf(object), Duty::kInject);
    EXPECT_FALSE(response.contains("patch")) << object.dump();
    ASSERT_THAT(response.value("warnings", Json::array()), SizeIs(1)) << object.dump();
    EXPECT_THAT(response["warnings"][0].get<std::string>(), HasSubstr("the Pod cannot be read"));
  }
}

// ---- properties

// Any value in the document, by a walk that chance takes; another value put there.
void Garble(Json& document, base::Random& random) {
  const Json values[] = {nullptr,
                         true,
                         -1,
                         1e300,
                         "",
                         "\xff",
                         "spillway.io/local-replicas",
                         Json::array(),
                         Json::object(),
                         Json::array({1, "a", nullptr}),
                         {{"key", {{"operator", 1}}}}};
  Json* at = &document;
  while (at->is_structured() && !at->empty() && random.Below(6) != 0) {
    auto step = at->begin();
    std::advance(step, static_cast<std::ptrdiff_t>(random.Below(at->size())));
    at = &*step;
  }
  *at = values[random.Below(std::size(values))];
}

TEST_F(AdmissionTest, WhateverComesItAnswersAndAddsOnly) {
  rules_.restrictions = *controller::RestrictionsOf("tke");
  base::Random random(11);
  Json rich = ReplicaPod();
  rich["spec"]["schedulerName"] = "tke-scheduler";
  rich[Json::json_pointer(kTerms)] = Json::array({{{"matchExpressions", Json::array({kIsVirtual})}}});
  int patched = 0;
  for (int i = 0; i < 20'000; ++i) {
    Json review = ReviewOf(i % 2 == 0 ? ReplicaPod() : rich);
    for (std::uint64_t changes = random.Below(4); changes > 0; --changes) Garble(review, random);
    std::string body = review.dump(-1, ' ', false, Json::error_handler_t::ignore);
    if (random.Below(10) == 0) body.resize(random.Below(body.size() + 1));
    const Duty duty = random.Below(2) == 0 ? Duty::kInject : Duty::kAdopt;
    const AdmissionAnswer answer = Review(body, duty, rules_);
    if (answer.status == 400) {
      ASSERT_THAT(answer.body, HasSubstr("no AdmissionReview: "));
      continue;
    }
    const Json response = Json::parse(answer.body)["response"];
    ASSERT_EQ(response["allowed"], true);
    if (!answer.patched) continue;
    ++patched;
    const Json object = Json::parse(body)["request"]["object"];
    const Json after = Patched(object, response);  // throws where it does not apply
    for (const Json& operation : Json::parse(*DecodeBase64(response["patch"].get<std::string>()))) {
      ASSERT_EQ(operation["op"], "add");
    }
    Json again = Json::parse(body);
    again["request"]["object"] = after;
    ASSERT_FALSE(Review(again.dump(), duty, rules_).patched) << body;
  }
  EXPECT_GT(patched, 3000);
}

TEST_F(AdmissionTest, AnyBytesAreAnswered) {
  base::Random random(12);
  const std::string whole = ReviewOf(ReplicaPod()).dump();
  for (int i = 0; i < 5'000; ++i) {
    std::string body = whole;
    for (std::uint64_t flips = 1 + random.Below(8); flips > 0; --flips) {
      body[random.Below(body.size())] = static_cast<char>(random.Below(256));
    }
    const AdmissionAnswer answer = Review(body, Duty::kAdopt, rules_);
    ASSERT_TRUE(answer.status == 200 || answer.status == 400);
  }
}

}  // namespace
}  // namespace spillway::webhook
