#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "kube/credentials.h"

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kGood = R"(
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: Q0EgUEVN, tls-server-name: kubernetes}
- name: c2
  cluster: {server: "https://c2", certificate-authority: pki/ca.crt}
users:
- name: tok
  user: {token: abc}
- name: cert
  user: {client-certificate: a.crt, client-key: /abs/a.key, tokenFile: t/token}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/get-token
      args: [--cluster, "x"]
      env: [{name: A, value: b}]
      interactiveMode: IfAvailable
      provideClusterInfo: true
      installHint: brew install it
contexts:
- name: prod
  context: {cluster: c1, user: tok, namespace: ops}
- name: dev
  context: {cluster: c2, user: cert}
- name: cloud
  context: {cluster: c2, user: plugin}
- name: anonymous
  context: {cluster: c2}
)";

ClientConfig Parsed(std::string_view context) {
  auto config = ParseKubeconfig(kGood, "/etc/kube", context);
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(ClientConfig{});
}

TEST(Kubeconfig, CurrentContextWithInlineData) {
  const ClientConfig config = Parsed("");
  EXPECT_EQ(config.context, "prod");
  EXPECT_EQ(config.server, "https://10.0.0.1:6443");
  EXPECT_EQ(config.ca_data, "CA PEM");
  EXPECT_EQ(config.tls_server_name, "kubernetes");
  EXPECT_EQ(config.token, "abc");
  EXPECT_EQ(config.ns, "ops");
}

TEST(Kubeconfig, RelativePathsStartAtTheFile) {
  const ClientConfig config = Parsed("dev");
  EXPECT_EQ(config.ca_file, "/etc/kube/pki/ca.crt");
  EXPECT_EQ(config.client_cert_file, "/etc/kube/a.crt");
  EXPECT_EQ(config.client_key_file, "/abs/a.key");
  EXPECT_EQ(config.token_file, "/etc/kube/t/token");
  EXPECT_EQ(config.ns, "default");
}

TEST(Kubeconfig, ExecPlugins) {
  const ClientConfig config = Parsed("cloud");
  ASSERT_TRUE(config.exec);
  EXPECT_EQ(config.exec->command, "/etc/kube/bin/get-token");
  EXPECT_THAT(config.exec->args, ElementsAre("--cluster", "x"));
  EXPECT_THAT(config.exec->env, ElementsAre(std::pair("A", "b")));
  EXPECT_TRUE(config.exec->provide_cluster_info);
  EXPECT_EQ(config.exec->install_hint, "brew install it");
}

TEST(Kubeconfig, AContextNeedsNoUser) { EXPECT_EQ(Parsed("anonymous").token, ""); }

struct BadCase {
  const char* yaml;
  const char* says;
};
void PrintTo(const BadCase& each, std::ostream* out) { *out << each.says; }

class BadKubeconfig : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadKubeconfig, SaysInOneLineWhatIsWrong) {
  const auto config = ParseKubeconfig(GetParam().yaml, "/d", "");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().says));
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
}

#define CLUSTER "current-context: x\nclusters: [{name: c, cluster: {server: https://s}}]\n"
#define CONTEXT "contexts: [{name: x, context: {cluster: c, user: u}}]\n"

INSTANTIATE_TEST_SUITE_P(
    Table, BadKubeconfig,
    ::testing::Values(
        BadCase{"", "no current-context; choose one with --context"}, BadCase{"[1", "not YAML"},
        BadCase{"[]", "not a kubeconfig"}, BadCase{"just text", "not a kubeconfig"},
        BadCase{"current-context: x\ncontexts: [{name: y, context: {}}, {name: z}]",
                R"(there is no context "x" (there is: y, z))"},
        BadCase{"current-context: x\n" CONTEXT, R"(context "x": there is no cluster "c" (there is: none))"},
        BadCase{CLUSTER CONTEXT, R"(context "x": there is no user "u")"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: {}}, {name: u, user: {}}]",
                R"(user "u" appears twice; remove one)"},
        BadCase{CLUSTER "contexts: {a: b}", "contexts is not a list"},
        BadCase{CLUSTER "contexts: [{context: {}}]", "an entry of contexts has no name"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: 7}]", R"(user "u" is not a mapping)"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: {client-certificate: a}}]",
                "has a client certificate without its key"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: {client-key-data: '!!!'}}]", "client-key-data is not base64"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: {auth-provider: {name: gcp}}}]",
                "uses auth-provider, which is not supported"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: {as: root}}]", "uses as, which is not supported"},
        BadCase{CLUSTER CONTEXT
                "users: [{name: u, user: {exec: {command: a, apiVersion: client.authentication.k8s.io/v1alpha1}}}]",
                "is not client.authentication.k8s.io/v1 or v1beta1"},
        BadCase{CLUSTER CONTEXT "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1}}}]",
                "exec: no command"},
        BadCase{CLUSTER CONTEXT
                "users: [{name: u, user: {exec: {command: a, apiVersion: client.authentication.k8s.io/v1, "
                "interactiveMode: Always}}}]",
                "wants a terminal"},
        BadCase{"current-context: x\nclusters: [{name: c, cluster: {}}]\n" CONTEXT, R"(cluster "c" has no server)"},
        BadCase{"current-context: x\nclusters: [{name: c, cluster: {server: https://s, insecure-skip-tls-verify: "
                "true}}]\n" CONTEXT,
                "sets insecure-skip-tls-verify, which Spillway refuses"},
        BadCase{
            "current-context: x\nclusters: [{name: c, cluster: {server: https://s, proxy-url: http://p}}]\n" CONTEXT,
            "sets proxy-url, which is not supported"}));

// ---- files and the environment

class Environment : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("kubeconfig_test." + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    for (const char* name : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}) unsetenv(name);
    setenv("HOME", directory_.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Write(const std::string& name, const std::string& text) {
    const auto path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::filesystem::path directory_;
};

TEST_F(Environment, ListedFilesAreMergedAndTheFirstWins) {
  const std::string one = Write("one",
                                "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
                                "users: [{name: u, user: {token: first}}]\n");
  const std::string two =
      Write("sub/two",
            "current-context: y\nclusters: [{name: c, cluster: {server: https://s, certificate-authority: ca}}]\n"
            "users: [{name: u, user: {token: second}}]\n");
  setenv("KUBECONFIG", (one + ":" + (directory_ / "missing").string() + ":" + two).c_str(), 1);
  const auto config = LoadClientConfig("", "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->context, "x");
  EXPECT_EQ(config->token, "first");
  EXPECT_EQ(config->ca_file, (directory_ / "sub/ca").string());
}

TEST_F(Environment, TheExplicitPathComesFirstAndMustExist) {
  setenv("KUBECONFIG", Write("env", kGood).c_str(), 1);
  const auto missing = LoadClientConfig("/nowhere/config", "");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "kubeconfig /nowhere/config cannot be read; check --kubeconfig");
  const auto chosen = LoadClientConfig(Write("explicit", kGood), "dev");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->context, "dev");
}

TEST_F(Environment, HomeIsTheLastResort) {
  EXPECT_THAT(LoadClientConfig("", "").error().message, HasSubstr("set --kubeconfig or $KUBECONFIG"));
  Write(".kube/config", kGood);
  EXPECT_EQ(LoadClientConfig("", "")->context, "prod");
}

TEST_F(Environment, InClusterNeedsTheServiceAccount) {
  EXPECT_THAT(LoadInClusterConfig().error().message, HasSubstr("not in a cluster"));
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  if (!std::filesystem::exists("/var/run/secrets/kubernetes.io/serviceaccount/token")) {
    EXPECT_THAT(LoadClientConfig("", "").error().message, HasSubstr("automountServiceAccountToken"));
  }
}

}  // namespace
}  // namespace spillway::kube
