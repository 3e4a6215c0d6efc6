#include "cmd/doctor/installation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cmd::doctor {
namespace {

using kube::Json;

// As the chart renders it.
Json Workload(const std::string& ns, const std::string& name, const Json& args, const Json& more = Json::object()) {
  Json object;
  object["metadata"] = {{"name", name}, {"namespace", ns}, {"labels", {{"app.kubernetes.io/name", "spillway"}}}};
  Json& pod = object["spec"]["template"]["spec"];
  pod = {{"serviceAccountName", "account-" + name}};
  pod.update(more);
  pod["containers"] = Json::array({{{"name", "sidecar"}, {"args", {"--log"}}}, {{"name", "main"}, {"args", args}}});
  return object;
}

TEST(FindInstallation, IsWhatTheCommandLinesSay) {
  const auto found =
      FindInstallation({Workload("ops", "control", {"controller", "--dry-run=true", "--a_b", "c", "--explain"})},
                       {Workload("ops", "pool", {"agent", "--provider=simulated"})}, "");
  EXPECT_TRUE(found.is_found);
  EXPECT_EQ(found.ns, "ops");
  EXPECT_EQ(found.controller().account, "account-control");
  EXPECT_TRUE(found.controller().Says("dry-run", false));
  EXPECT_TRUE(found.controller().Says("explain", false));
  EXPECT_EQ(found.controller().Flag("a-b", ""), "c");
  EXPECT_EQ(found.controller().Flag("absent", "default"), "default");
  ASSERT_EQ(found.virtual_nodes.size(), 1U);
  EXPECT_EQ(found.virtual_nodes[0].Flag("provider", ""), "simulated");
}

TEST(FindInstallation, LeavesOtherPeoplesAlone) {
  Json others = Workload("argo", "argo", {"controller"});
  others["metadata"]["labels"] = {{"app.kubernetes.io/name", "argo"}};
  const auto found = FindInstallation({others, Workload("ops", "spillway", {"agent"})}, {}, "");
  EXPECT_FALSE(found.is_found);
  EXPECT_EQ(found.ns, "spillway-system");
  EXPECT_EQ(found.controller().account, "spillway-controller");
}

TEST(FindInstallation, KeepsToTheNamespace) {
  const std::vector<Json> both = {Workload("a", "one", {"controller"}), Workload("b", "two", {"controller"})};
  EXPECT_EQ(FindInstallation(both, {}, "").controllers.size(), 2U);
  EXPECT_EQ(FindInstallation(both, {}, "b").controller().name, "two");
}

TEST(FindInstallation, AKubeletsIdentityIsNoServiceAccount) {
  const Json kubelet = Workload("ops", "pool", {"agent", "--kubeconfig=/k"}, {{"serviceAccountName", ""}});
  EXPECT_EQ(FindInstallation({}, {kubelet}, "").virtual_nodes[0].account, "");
}

TEST(FindInstallation, KnowsWhereTheSchedulersConfigurationComesFrom) {
  Json object = Workload("ops", "control", {"controller", "--scheduler-config=/etc/s/scheduler.yaml"});
  Json& pod = object["spec"]["template"]["spec"];
  pod["volumes"] = Json::array({{{"name", "v"}, {"configMap", {{"name", "map"}}}}});
  pod["containers"][1]["volumeMounts"] = Json::array({{{"name", "v"}, {"mountPath", "/etc/s"}}});
  const auto found = FindInstallation({object}, {}, "");
  EXPECT_EQ(found.controller().scheduler_config_map, "map");
  EXPECT_EQ(found.controller().scheduler_config_key, "scheduler.yaml");
}

TEST(FindInstallation, OddObjectsAreNoTrouble) {
  for (const char* odd :
       {"null", "7", R"({"metadata":{"labels":{"app.kubernetes.io/name":"spillway"}},"spec":7})",
        R"({"metadata":{"labels":[]},"spec":{"template":{"spec":{"containers":[{"args":[1,null]}]}}}})"}) {
    EXPECT_FALSE(FindInstallation({Json::parse(odd)}, {Json::parse(odd)}, "").is_found) << odd;
  }
}

}  // namespace
}  // namespace spillway::cmd::doctor
