#include "cloud/agent/pod_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/agent/client_token.h"
#include "cloud/agent/variable_expansion.h"
#include "cloud/provider.h"

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Json PodWith(const char* container) {
  Json pod = Json::parse(R"({"metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "web"}},
                             "spec": {"nodeName": "vnode", "serviceAccountName": "sa"}})");
  Json parsed = Json::parse(container);
  parsed["name"] = "main";
  pod["spec"]["containers"] = Json::array({parsed});
  return pod;
}

std::string Value(const Json& pod, const std::string& name) {
  return TextAt(Named(At(pod["spec"]["containers"][0], "env"), name), "value");
}

const InputKey kMap{InputKey::Kind::kConfigMap, "map"};
const InputKey kSecret{InputKey::Kind::kSecret, "secret"};

std::shared_ptr<const Json> Object(Json object) { return std::make_shared<const Json>(std::move(object)); }

TEST(PodEnvironment, LaterValuesSeeEarlierOnesAndCommandsSeeAll) {
  const Json pod = PodWith(R"json({"command": ["run", "$(B)", "$$(B)", "$(NONE)"], "args": ["$(IP)"], "env": [
      {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}, {"name": "EARLY", "value": "$(LATE)"},
      {"name": "LATE", "value": "x"}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]})json");
  const auto resolved = ResolveEnvironment(pod, {}, "10.0.0.1");
  ASSERT_TRUE(resolved);
  EXPECT_EQ(Value(resolved->pod, "B"), "12");
  EXPECT_EQ(Value(resolved->pod, "EARLY"), "$(LATE)");
  const Json& container = resolved->pod["spec"]["containers"][0];
  EXPECT_EQ(container["command"], Json({"run", "12", "$(B)", "$(NONE)"}));
  EXPECT_EQ(WithPodIp(container["args"][0], "10.9.9.9"), "10.9.9.9");
}

TEST(PodEnvironment, FieldsAndResources) {
  const Json pod = PodWith(R"json({"resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}}, "env": [
      {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
      {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
      {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
      {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
      {"name": "MILLI", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
      {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}},
      {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
      {"name": "NONE", "valueFrom": {"resourceFieldRef": {"resource": "requests.ephemeral-storage"}}}]})json");
  const auto resolved = ResolveEnvironment(pod, {}, "10.0.0.1", {}, {{"cpu", "64"}, {"ephemeral-storage", "1Ti"}});
  ASSERT_TRUE(resolved);
  EXPECT_EQ(Value(resolved->pod, "APP"), "web");
  EXPECT_EQ(Value(resolved->pod, "NODE"), "vnode");
  EXPECT_EQ(Value(resolved->pod, "HOST"), "10.0.0.1");
  EXPECT_EQ(Value(resolved->pod, "CPU"), "2") << "rounded up";
  EXPECT_EQ(Value(resolved->pod, "MILLI"), "1500");
  EXPECT_EQ(Value(resolved->pod, "MEM"), "1024");
  EXPECT_EQ(Value(resolved->pod, "LIMIT"), "64") << "what the node has";
  EXPECT_EQ(Value(resolved->pod, "NONE"), "0");
}

TEST(PodEnvironment, ASubPathNeedsAllItsVariables) {
  const auto with = [](const char* expression) {
    Json pod = PodWith(R"json({"env": [{"name": "A", "value": "a"}, {"name": "EMPTY", "value": ""}],
                               "volumeMounts": [{"name": "v", "mountPath": "/v"}]})json");
    pod["spec"]["containers"][0]["volumeMounts"][0]["subPathExpr"] = expression;
    return ResolveEnvironment(pod, {}, "");
  };
  const auto resolved = with("$(A)/$$(A)");
  ASSERT_TRUE(resolved);
  EXPECT_EQ(TextAt(resolved->pod["spec"]["containers"][0]["volumeMounts"][0], "subPath"), "a/$(A)");
  const auto missing = with("$(Z)/$(A)/$(EMPTY)/$(Z)");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, "Failed");
  EXPECT_EQ(missing.error().message, "Error: missing value for EMPTY, Z");
}

TEST(PodEnvironment, SecretsAreDecodedAndOwnVariablesWin) {
  const Json pod =
      PodWith(R"json({"envFrom": [{"configMapRef": {"name": "map"}}, {"prefix": "S_", "secretRef": {"name": "secret"}}],
      "env": [{"name": "KEY", "value": "own"}]})json");
  EXPECT_THAT(InputsOf(pod), ElementsAre(kMap, kSecret));
  const Inputs inputs = {{kMap, Object({{"data", {{"KEY", "theirs"}, {"OTHER", "o"}, {"a=b", "no"}}}})},
                         {kSecret, Object({{"data", {{"TOKEN", "aHVudGVyMg=="}}}})}};
  const auto resolved = ResolveEnvironment(pod, inputs, "");
  ASSERT_TRUE(resolved);
  EXPECT_EQ(Value(resolved->pod, "KEY"), "own");
  EXPECT_EQ(Value(resolved->pod, "OTHER"), "o");
  EXPECT_EQ(Value(resolved->pod, "S_TOKEN"), "hunter2");
  ASSERT_THAT(resolved->notices, SizeIs(1));
  EXPECT_EQ(resolved->notices[0].reason, "InvalidEnvironmentVariableNames");
}

TEST(PodEnvironment, MissingReferencesAreFatalUnlessOptional) {
  const char* const reference =
      R"({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "k"%s}}}]})";
  const auto with = [&](const char* optional) {
    std::string text = reference;
    text.replace(text.find("%s"), 2, optional);
    return PodWith(text.c_str());
  };
  const Inputs without_key = {{kSecret, Object({{"data", Json::object()}})}};
  EXPECT_EQ(ResolveEnvironment(with(""), {}, "").error().reason, "MandatorySecretNotFound");
  EXPECT_EQ(ResolveEnvironment(with(""), without_key, "").error().reason, "MandatorySecretKeyNotFound");
  const auto optional = ResolveEnvironment(with(R"(, "optional": true)"), without_key, "");
  ASSERT_TRUE(optional);
  ASSERT_THAT(optional->notices, SizeIs(1));
  EXPECT_EQ(optional->notices[0].reason, "OptionalSecretKeyNotFound");
  EXPECT_TRUE(Named(optional->pod["spec"]["containers"][0]["env"], "A").is_null());
}

TEST(PodEnvironment, ServicesComeFirstAndMountsMayNameVariables) {
  const Json pod = PodWith(R"json({"env": [{"name": "WEB_SERVICE_PORT", "value": "own"},
      {"name": "URL", "value": "http://$(WEB_SERVICE_HOST)"}],
      "volumeMounts": [{"name": "data", "mountPath": "/data", "subPathExpr": "$(WEB_SERVICE_PORT)/x"}]})json");
  const auto resolved = ResolveEnvironment(pod, {}, "", {{"WEB_SERVICE_HOST", "10.0.0.9"}, {"WEB_SERVICE_PORT", "80"}});
  ASSERT_TRUE(resolved);
  EXPECT_EQ(Value(resolved->pod, "WEB_SERVICE_PORT"), "own");
  EXPECT_EQ(Value(resolved->pod, "URL"), "http://10.0.0.9");
  const Json& mount = resolved->pod["spec"]["containers"][0]["volumeMounts"][0];
  EXPECT_EQ(TextAt(mount, "subPath"), "own/x");
  EXPECT_FALSE(mount.contains("subPathExpr"));
}

TEST(VariableExpansion, AsKubernetes) {
  const auto lookup = [](std::string_view name) -> std::optional<std::string> {
    return name == "V" ? std::optional<std::string>("value") : std::nullopt;
  };
  EXPECT_EQ(Expand("$(V)-$(V)", lookup), "value-value");
  EXPECT_EQ(Expand("$$(V)", lookup), "$(V)");
  EXPECT_EQ(Expand("$$$(V)", lookup), "$value");
  EXPECT_EQ(Expand("$(X) $V $(V $", lookup), "$(X) $V $(V $");
  EXPECT_EQ(Expand("", lookup), "");
}

TEST(ClientToken, IsItsOwnForEachPodAndGeneration) {
  const std::string token = MakeClientToken("c", "u", 0);
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(token, MakeClientToken("c", "u", 0));
  EXPECT_NE(token, MakeClientToken("c", "u", 1));
  EXPECT_NE(MakeClientToken("a", "bc", 0), MakeClientToken("ab", "c", 0));
}

TEST(RequestDigest, TellsPodsAndVersionsApartAndNotOwnAnnotations) {
  Json pod = PodWith(R"({"command": ["run"]})");
  const std::string digest = RequestDigest(pod, {"Secret/s uid 1"});
  EXPECT_EQ(digest.size(), 8u);
  EXPECT_NE(digest, RequestDigest(pod, {"Secret/s uid 2"}));
  pod["metadata"]["annotations"] = {{kRequestDigest, digest}};
  EXPECT_EQ(digest, RequestDigest(pod, {"Secret/s uid 1"}));
  pod["spec"]["containers"][0]["command"] = {"other"};
  EXPECT_NE(digest, RequestDigest(pod, {"Secret/s uid 1"}));
}

}  // namespace
}  // namespace spillway::cloud
