#include "tests/emulators/probe.h"

#include <cstdio>
#include <iostream>
#include <iterator>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cloud/streams.h"
#include "net/rest_client.h"

namespace spillway::emulators {

using cloud::At;
using cloud::CloudResult;
using cloud::CloudStatus;
using cloud::CreateRequest;
using cloud::ExecRequest;
using cloud::Integer;
using cloud::IsTrue;
using cloud::Items;
using cloud::Json;
using cloud::LogOptions;
using cloud::OutputStream;
using cloud::PodVolume;
using cloud::Provider;
using cloud::Text;
using cloud::TextAt;

namespace {

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

template <typename T>
Json Outcome(const CloudResult<T>& result) {
  return result ? Json("ok") : Json(ToString(result.error()));
}

Task<void> Live(Runtime& runtime, Provider& provider, CreateRequest request, Json& told, bool& is_over) {
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
  if (provider.has_market()) {
    const CloudStatus asked = co_await provider.RefreshMarket();
    told["market"] = Outcome(asked);
    if (const auto prices = provider.market().prices) {
      told["price"] = {{"cpu", kube::FormatMoney(prices->price.micro_per_cpu)},
                       {"gib", kube::FormatMoney(prices->price.micro_per_gib)},
                       {"currency", prices->currency}};
    }
  }
  const CloudStatus pinged = co_await provider.Ping();
  told["ping"] = Outcome(pinged);
  is_over = true;
}

}  // namespace

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

int PrintSigned(const net::HttpRequest& request) {
  Json headers = Json::object();
  for (const auto& [name, value] : request.headers) headers[name] = value;
  return Print({{"method", request.method}, {"path", request.path}, {"headers", headers}, {"body", request.body}});
}

int PlayLive(const std::string& url, const CreateRequest& request,
             const std::function<std::unique_ptr<Provider>(Runtime&, net::HttpClient&)>& make) {
  log::Quiet();
  RealRuntime runtime;
  net::HttpClientOptions options;
  options.base_url = url;
  auto client = net::NewRestClient(runtime, options);
  if (!client) return Print({{"error", client.error().message}});
  const std::unique_ptr<Provider> provider = make(runtime, **client);
  Json told = Json::object();
  bool is_over = false;
  TaskScope scope(runtime);
  scope.Spawn(Live(runtime, *provider, request, told, is_over));
  runtime.RunUntil([&] { return is_over; }, 30s);
  return Print(told);
}

int RunProbe(int argc, char** argv, const ProbeModes& modes) {
  const auto mode = modes.find(argc > 1 ? argv[1] : "");
  if (mode == modes.end()) {
    for (const auto& [name, run] : modes) std::fprintf(stderr, "%s %s\n", argv[0], name.c_str());
    return 2;
  }
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  return mode->second(Json::parse(text, nullptr, false), argc > 2 ? argv[2] : "");
}

}  // namespace spillway::emulators
