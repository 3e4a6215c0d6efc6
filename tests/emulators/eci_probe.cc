// Shows what the ECI provider sends and reads, for comparison with the vendor's SDK (eci_sdk_test.py):
//   eci_probe parameters <request.json     the parameters of CreateContainerGroup for a Pod
//   eci_probe sign <call.json              a signed request
//   eci_probe live URL <request.json       creates the Pod's instance there, follows, reads, runs and deletes it
#include <cstdio>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cloud/json.h"
#include "cloud/providers/alibaba/create_parameters.h"
#include "cloud/providers/alibaba/provider.h"
#include "cloud/providers/alibaba/signature.h"
#include "net/rest_client.h"
#include "net/url.h"

namespace spillway::cloud::alibaba {
namespace {

Options ProbeOptions() {
  Options options;
  options.region = "cn-emulated";
  options.security_group = "sg-1";
  options.vswitches = {{"vsw-a", ""}, {"vsw-b", ""}};
  return options;
}

PodVolume VolumeFrom(const Json& json) {
  PodVolume volume;
  volume.name = TextAt(json, "name");
  if (IsTrue(At(json, "emptyDir"))) {
    volume.kind = PodVolume::Kind::kEmptyDir;
    volume.is_in_memory = IsTrue(At(json, "memory"));
    if (const auto limit = Integer(At(json, "sizeLimit")); limit > 0) volume.size_limit = limit;
  }
  for (const Json& file : Items(At(json, "files"))) {
    volume.files.push_back(
        {TextAt(file, "path"), TextAt(file, "content"), static_cast<int>(Integer(At(file, "mode"), 0644))});
  }
  return volume;
}

// {"pod": ..., "volumes": [...], "registries": [...], "nameservers": [...], "hosts": [...]}
CreateRequest RequestFrom(const Json& json) {
  CreateRequest request;
  request.pod = At(json, "pod");
  request.identity = {"cluster", "vnode", TextAt(request.pod, "metadata", "uid"),
                      TextAt(request.pod, "metadata", "namespace"), TextAt(request.pod, "metadata", "name")};
  request.client_token = TextAt(json, "token");
  for (const Json& volume : Items(At(json, "volumes"))) request.volumes.push_back(VolumeFrom(volume));
  for (const Json& one : Items(At(json, "registries"))) {
    request.registries.push_back({TextAt(one, "server"), TextAt(one, "user"), TextAt(one, "password"), "", ""});
  }
  request.network.hostname = request.identity.pod_name;
  for (const Json& server : Items(At(json, "nameservers")))
    request.network.resolv_conf.nameservers.push_back(Text(server));
  for (const Json& search : Items(At(json, "searches"))) request.network.resolv_conf.searches.push_back(Text(search));
  for (const Json& option : Items(At(json, "options"))) request.network.resolv_conf.options.push_back(Text(option));
  for (const Json& host : Items(At(json, "hosts"))) {
    request.network.host_aliases.push_back({TextAt(host, "ip"), {TextAt(host, "name")}});
  }
  return request;
}

int Print(const Json& json) {
  std::puts(json.dump().c_str());
  return 0;
}

int PrintParameters(const Json& json) {
  const auto parameters = CreateParameters(RequestFrom(json), ProbeOptions(), {"vsw-a", "vsw-b"});
  if (!parameters) return Print({{"error", parameters.error().message}});
  Json all = Json::object();
  for (const auto& [name, value] : *parameters) all[name] = value;
  return Print(all);
}

int PrintSigned(const Json& json) {
  rest::Call call;
  call.api = TextAt(json, "api");
  for (const auto& [name, value] : Members(At(json, "parameters")).items())
    call.parameters.emplace_back(name, Text(value));
  const Endpoint endpoint{TextAt(json, "host"), "2018-08-08", IsTrue(At(json, "rpc")),
                          static_cast<std::size_t>(Integer(At(json, "longestQuery"), 8192))};
  const rest::SigningMoment moment{*base::ParseRfc3339(TextAt(json, "now")), TextAt(json, "nonce")};
  const net::HttpRequest request =
      Sign(endpoint, call, {TextAt(json, "key"), TextAt(json, "secret"), TextAt(json, "token")}, moment);
  Json headers = Json::object();
  for (const auto& [name, value] : request.headers) headers[name] = value;
  return Print({{"method", request.method}, {"path", request.path}, {"headers", headers}, {"body", request.body}});
}

template <typename T>
Json Outcome(const CloudResult<T>& result) {
  return result ? Json("ok") : Json(ToString(result.error()));
}

Task<void> Live(Runtime& runtime, EciProvider& provider, CreateRequest request, Json& told, bool& is_over) {
  auto made = co_await provider.Create(request);
  told["create"] = Outcome(made);
  auto again = co_await provider.Create(request);
  told["same"] = made && again && made->id == again->id;
  std::vector<std::string> ids;
  if (made) ids.push_back(made->id);
  for (int tries = 0; made && tries < 50; ++tries) {
    auto seen = co_await provider.Describe(ids);
    told["state"] = seen && !seen->empty() ? Json(std::string(ToString(seen->front().state))) : Json();
    told["uid"] = seen && !seen->empty() ? seen->front().identity.pod_uid : "";
    if (told["state"] == "Running") break;
    co_await runtime.SleepFor(100ms);
  }
  if (made) {
    LogOptions options;
    options.container = TextAt(Items(At(request.pod, "spec", "containers")).front(), "name");
    auto log = co_await provider.streams()->ReadLog(made->id, options, "");
    told["log"] = log ? log->text : log.error().message;
    ExecRequest command{options.container, {"ls"}};
    auto session = co_await provider.streams()->Exec(made->id, std::move(command));
    told["exec"] = session ? "" : session.error().message;
    if (session) {
      std::string output = co_await (*session)->ReadOutput(OutputStream::kStdout);
      told["exec"] = output;
    }
    const CloudStatus deleted = co_await provider.Delete(made->id, 0s);
    told["delete"] = Outcome(deleted);
    std::string unknown = "eci-unknown";
    const CloudStatus absent = co_await provider.Delete(unknown, 0s);
    told["deleteUnknown"] = Outcome(absent);
  }
  const CloudStatus pinged = co_await provider.Ping();
  told["ping"] = Outcome(pinged);
  is_over = true;
}

int PlayLive(const std::string& url, const Json& json) {
  log::Quiet();
  RealRuntime runtime;
  net::HttpClientOptions client_options;
  client_options.base_url = url;
  auto client = net::NewRestClient(runtime, client_options);
  if (!client) return Print({{"error", client.error().message}});
  Options options = ProbeOptions();
  options.host = url.substr(url.find("//") + 2);
  options.uses_rpc_signature = IsTrue(At(json, "rpc"));
  const auto credentials = rest::FixedCredentials({"emulated-key", "emulated-secret", ""});
  EciProvider provider(runtime, **client, *credentials, options);
  Json told = Json::object();
  bool is_over = false;
  TaskScope scope(runtime);
  scope.Spawn(Live(runtime, provider, RequestFrom(json), told, is_over));
  runtime.RunUntil([&] { return is_over; }, 30s);
  return Print(told);
}

}  // namespace
}  // namespace spillway::cloud::alibaba

int main(int argc, char** argv) {
  using namespace spillway::cloud::alibaba;
  const std::string mode = argc > 1 ? argv[1] : "";
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const auto json = spillway::cloud::Json::parse(text, nullptr, false);
  if (mode == "parameters") return PrintParameters(json);
  if (mode == "sign") return PrintSigned(json);
  if (mode == "live" && argc > 2) return PlayLive(argv[2], json);
  std::fputs("eci_probe parameters|sign|live URL\n", stderr);
  return 2;
}
