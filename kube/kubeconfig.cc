#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <vector>

#include "base/base64.h"
#include "base/files.h"
#include "kube/credentials.h"

// Source: client-go tools/clientcmd (loader.go, client_config.go) and rest/config.go, v0.36.
namespace spillway::kube {
namespace {

namespace fs = std::filesystem;

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// One named entry of a kubeconfig, with the file it came from.
struct Entry {
  YAML::Node body;
  std::string file, directory;
};

// The union of several files; of equal names the first wins.
class Kubeconfig {
 public:
  // `file` is for messages, `directory` is where relative paths start.
  Status Add(std::string_view yaml, const std::string& file, const std::string& directory);
  Result<ClientConfig> Resolve(std::string_view context) const;

 private:
  using Entries = std::map<std::string, Entry>;
  Status AddEntries(const YAML::Node& root, const char* list, const char* item, const std::string& file,
                    const std::string& directory, Entries& entries);
  static Result<const Entry*> Find(const Entries& entries, const std::string& name, std::string_view kind,
                                   std::string_view wanted_by);
  static Status ReadCluster(const Entry& cluster, const std::string& name, ClientConfig& config);
  static Status ReadUser(const Entry& user, const std::string& name, ClientConfig& config);
  static Status ReadExec(const Entry& user, const std::string& name, ClientConfig& config);

  std::string current_context_, first_file_;
  Entries clusters_, users_, contexts_;
};

std::string Text(const YAML::Node& map, const char* key) {
  const YAML::Node value = map[key];
  return value && value.IsScalar() ? value.as<std::string>() : "";
}

bool IsTrue(const YAML::Node& map, const char* key) {
  const YAML::Node value = map[key];
  return value && value.IsScalar() && value.as<bool>(false);
}

std::string Absolute(const std::string& path, const std::string& directory) {
  if (path.empty() || path.front() == '/') return path;
  return (fs::path(directory) / path).lexically_normal().string();
}

Status DecodeInto(const Entry& entry, std::string_view owner, const char* key, std::string& out) {
  const std::string encoded = Text(entry.body, key);
  if (encoded.empty()) return {};
  auto decoded = DecodeBase64(encoded);
  if (!decoded) return Fail(Code::kMalformed, fmt::format("{}: {}: {} is not base64", entry.file, owner, key));
  out = std::move(*decoded);
  return {};
}

Status Kubeconfig::AddEntries(const YAML::Node& root, const char* list, const char* item, const std::string& file,
                              const std::string& directory, Entries& entries) {
  const YAML::Node nodes = root[list];
  if (!nodes || nodes.IsNull()) return {};
  if (!nodes.IsSequence()) return Fail(Code::kMalformed, fmt::format("{}: {} is not a list", file, list));
  std::map<std::string, bool> here;
  for (const YAML::Node& node : nodes) {
    const std::string name = node.IsMap() ? Text(node, "name") : "";
    if (name.empty()) return Fail(Code::kMalformed, fmt::format("{}: an entry of {} has no name", file, list));
    if (!here.emplace(name, true).second) {
      return Fail(Code::kMalformed, fmt::format("{}: {} \"{}\" appears twice; remove one", file, item, name));
    }
    const YAML::Node body = node[item];
    if (body && !body.IsNull() && !body.IsMap()) {
      return Fail(Code::kMalformed, fmt::format("{}: {} \"{}\" is not a mapping", file, item, name));
    }
    entries.try_emplace(name, Entry{body && body.IsMap() ? body : YAML::Node(YAML::NodeType::Map), file, directory});
  }
  return {};
}

Status Kubeconfig::Add(std::string_view yaml, const std::string& file, const std::string& directory) {
  if (first_file_.empty()) first_file_ = file;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (root.IsNull()) return {};
    if (!root.IsMap()) return Fail(Code::kMalformed, fmt::format("{}: not a kubeconfig", file));
    if (current_context_.empty()) current_context_ = Text(root, "current-context");
    if (auto added = AddEntries(root, "clusters", "cluster", file, directory, clusters_); !added) return added;
    if (auto added = AddEntries(root, "users", "user", file, directory, users_); !added) return added;
    return AddEntries(root, "contexts", "context", file, directory, contexts_);
  } catch (const YAML::Exception& error) {
    return Fail(Code::kMalformed, fmt::format("{}:{}: not YAML: {}", file, error.mark.line + 1, error.msg));
  }
}

Result<const Entry*> Kubeconfig::Find(const Entries& entries, const std::string& name, std::string_view kind,
                                      std::string_view wanted_by) {
  const auto found = entries.find(name);
  if (found != entries.end()) return &found->second;
  std::string known;
  for (const auto& [other, entry] : entries) known += (known.empty() ? "" : ", ") + other;
  return Fail(Code::kInvalidArgument, fmt::format("{}: there is no {} \"{}\" (there is: {})", wanted_by, kind, name,
                                                  known.empty() ? "none" : known));
}

Result<ClientConfig> Kubeconfig::Resolve(std::string_view context) const {
  try {
    const std::string name = context.empty() ? current_context_ : std::string(context);
    if (name.empty()) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("{}: no current-context; choose one with --context", first_file_));
    }
    const auto chosen = Find(contexts_, name, "context", first_file_);
    if (!chosen) return Fail(chosen.error());
    const std::string wanted_by = fmt::format("{}: context \"{}\"", (*chosen)->file, name);
    const std::string cluster_name = Text((*chosen)->body, "cluster"), user_name = Text((*chosen)->body, "user");
    const auto cluster = Find(clusters_, cluster_name, "cluster", wanted_by);
    if (!cluster) return Fail(cluster.error());
    ClientConfig config;
    config.context = name;
    config.ns = Text((*chosen)->body, "namespace");
    if (config.ns.empty()) config.ns = "default";
    if (auto read = ReadCluster(**cluster, cluster_name, config); !read) return Fail(read.error());
    if (user_name.empty()) return config;
    const auto user = Find(users_, user_name, "user", wanted_by);
    if (!user) return Fail(user.error());
    if (auto read = ReadUser(**user, user_name, config); !read) return Fail(read.error());
    return config;
  } catch (const YAML::Exception& error) {
    return Fail(Code::kMalformed, fmt::format("{}:{}: {}", first_file_, error.mark.line + 1, error.msg));
  }
}

Status Kubeconfig::ReadCluster(const Entry& cluster, const std::string& name, ClientConfig& config) {
  const std::string owner = fmt::format("cluster \"{}\"", name);
  config.server = Text(cluster.body, "server");
  while (config.server.ends_with('/')) config.server.pop_back();
  if (config.server.empty())
    return Fail(Code::kInvalidArgument, fmt::format("{}: {} has no server", cluster.file, owner));
  if (IsTrue(cluster.body, "insecure-skip-tls-verify")) {
    return Fail(
        Code::kInvalidArgument,
        fmt::format("{}: {} sets insecure-skip-tls-verify, which Spillway refuses: set certificate-authority(-data), "
                    "and tls-server-name if the certificate bears another name",
                    cluster.file, owner));
  }
  if (!Text(cluster.body, "proxy-url").empty()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{}: {} sets proxy-url, which is not supported", cluster.file, owner));
  }
  config.tls_server_name = Text(cluster.body, "tls-server-name");
  config.ca_file = Absolute(Text(cluster.body, "certificate-authority"), cluster.directory);
  return DecodeInto(cluster, owner, "certificate-authority-data", config.ca_data);
}

Status Kubeconfig::ReadUser(const Entry& user, const std::string& name, ClientConfig& config) {
  const std::string owner = fmt::format("user \"{}\"", name);
  for (const char* key : {"auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"}) {
    if (!user.body[key]) continue;
    return Fail(
        Code::kInvalidArgument,
        fmt::format("{}: {} uses {}, which is not supported; use a token, a client certificate or an exec plugin",
                    user.file, owner, key));
  }
  config.token = Text(user.body, "token");
  config.token_file = Absolute(Text(user.body, "tokenFile"), user.directory);
  config.client_cert_file = Absolute(Text(user.body, "client-certificate"), user.directory);
  config.client_key_file = Absolute(Text(user.body, "client-key"), user.directory);
  if (auto read = DecodeInto(user, owner, "client-certificate-data", config.client_cert_data); !read) return read;
  if (auto read = DecodeInto(user, owner, "client-key-data", config.client_key_data); !read) return read;
  const bool has_cert = !config.client_cert_data.empty() || !config.client_cert_file.empty();
  const bool has_key = !config.client_key_data.empty() || !config.client_key_file.empty();
  if (has_cert != has_key) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{}: {} has a client {} without its {}", user.file, owner, has_cert ? "certificate" : "key",
                            has_cert ? "key" : "certificate"));
  }
  return ReadExec(user, name, config);
}

Status Kubeconfig::ReadExec(const Entry& user, const std::string& name, ClientConfig& config) {
  const YAML::Node node = user.body["exec"];
  if (!node || node.IsNull()) return {};
  const auto fail = [&](std::string_view what) {
    return Fail(Code::kInvalidArgument, fmt::format("{}: user \"{}\": exec: {}", user.file, name, what));
  };
  if (!node.IsMap()) return fail("not a mapping");
  ClientConfig::Exec exec;
  exec.command = Text(node, "command");
  if (exec.command.empty()) return fail("no command");
  if (exec.command.find('/') != std::string::npos) exec.command = Absolute(exec.command, user.directory);
  exec.api_version = Text(node, "apiVersion");
  if (exec.api_version != "client.authentication.k8s.io/v1" &&
      exec.api_version != "client.authentication.k8s.io/v1beta1") {
    return fail(fmt::format("apiVersion \"{}\" is not client.authentication.k8s.io/v1 or v1beta1", exec.api_version));
  }
  if (Text(node, "interactiveMode") == "Always")
    return fail("the plugin wants a terminal (interactiveMode: Always), and there is none");
  for (const YAML::Node& argument : node["args"]) exec.args.push_back(argument.as<std::string>());
  for (const YAML::Node& variable : node["env"]) exec.env.emplace_back(Text(variable, "name"), Text(variable, "value"));
  exec.provide_cluster_info = IsTrue(node, "provideClusterInfo");
  exec.install_hint = Text(node, "installHint");
  config.exec = std::move(exec);
  return {};
}

std::string DirectoryOf(const std::string& file) {
  std::error_code ignored;
  return fs::absolute(file, ignored).parent_path().string();
}

// Files that are not there are skipped, as kubectl does, unless none is.
Result<ClientConfig> LoadFiles(const std::vector<std::string>& files, std::string_view context,
                               std::string_view origin) {
  Kubeconfig merged;
  bool any = false;
  for (const std::string& file : files) {
    const auto text = base::ReadFile(file);
    if (!text) continue;
    any = true;
    if (auto added = merged.Add(*text, file, DirectoryOf(file)); !added) return Fail(added.error());
  }
  if (any) return merged.Resolve(context);
  return Fail(Code::kInvalidArgument,
              fmt::format("kubeconfig {} cannot be read; check {}", files.empty() ? "" : files[0], origin));
}

std::vector<std::string> SplitPaths(std::string_view list) {
  std::vector<std::string> paths;
  while (!list.empty()) {
    const auto colon = list.find(':');
    if (colon != 0) paths.emplace_back(list.substr(0, colon));
    list = colon == std::string_view::npos ? std::string_view() : list.substr(colon + 1);
  }
  return paths;
}

}  // namespace

Result<ClientConfig> ParseKubeconfig(std::string_view yaml, std::string_view base_dir, std::string_view context) {
  Kubeconfig config;
  if (auto added = config.Add(yaml, "kubeconfig", std::string(base_dir)); !added) return Fail(added.error());
  return config.Resolve(context);
}

Result<ClientConfig> LoadInClusterConfig() {
  const std::string host = Environment("KUBERNETES_SERVICE_HOST"), port = Environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return Fail(Code::kInvalidArgument,
                "not in a cluster (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set); use --kubeconfig");
  }
  ClientConfig config;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  config.server = is_ipv6 ? fmt::format("https://[{}]:{}", host, port) : fmt::format("https://{}:{}", host, port);
  config.token_file = fmt::format("{}/token", kServiceAccount);
  config.ca_file = fmt::format("{}/ca.crt", kServiceAccount);
  config.context = "in-cluster";
  config.ns = base::ReadFile(fmt::format("{}/namespace", kServiceAccount)).value_or("default");
  if (!base::ReadFile(config.token_file)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} cannot be read; is automountServiceAccountToken off for this Pod?", config.token_file));
  }
  return config;
}

Result<ClientConfig> LoadClientConfig(std::string_view kubeconfig_path, std::string_view context) {
  if (!kubeconfig_path.empty()) return LoadFiles({std::string(kubeconfig_path)}, context, "--kubeconfig");
  if (const auto files = SplitPaths(Environment("KUBECONFIG")); !files.empty())
    return LoadFiles(files, context, "$KUBECONFIG");
  if (!Environment("KUBERNETES_SERVICE_HOST").empty()) return LoadInClusterConfig();
  const std::string home = Environment("HOME");
  const std::string file = home + "/.kube/config";
  std::error_code ignored;
  if (!home.empty() && fs::exists(file, ignored)) return LoadFiles({file}, context, "~/.kube/config");
  return Fail(Code::kInvalidArgument,
              "no cluster to talk to: set --kubeconfig or $KUBECONFIG, or run in a Pod with a service account");
}

}  // namespace spillway::kube
