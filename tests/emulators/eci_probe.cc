// Shows what the ECI provider sends and reads, for comparison with the vendor's SDK (eci_sdk_test.py):
//   eci_probe parameters <request.json     the parameters of CreateContainerGroup for a Pod
//   eci_probe market <nothing.json         the parameters of its questions about prices and stock
//   eci_probe sign <call.json              a signed request
//   eci_probe live URL <request.json       creates the Pod's instance there, follows, reads, runs and deletes it
#include <memory>
#include <string>

#include "cloud/providers/alibaba/create_parameters.h"
#include "cloud/providers/alibaba/market.h"
#include "cloud/providers/alibaba/provider.h"
#include "cloud/providers/alibaba/signature.h"
#include "tests/emulators/probe.h"

namespace spillway::cloud::alibaba {
namespace {

using emulators::Print;

Options ProbeOptions() {
  Options options;
  options.region = "cn-emulated";
  options.security_group = "sg-1";
  options.vswitches = {{"vsw-a", ""}, {"vsw-b", ""}};
  return options;
}

Json ObjectFrom(const rest::Parameters& parameters) {
  Json all = Json::object();
  for (const auto& [name, value] : parameters) all[name] = value;
  return all;
}

int PrintParameters(const Json& json) {
  const auto parameters = CreateParameters(emulators::RequestFrom(json), ProbeOptions(), {"vsw-a", "vsw-b"});
  if (!parameters) return Print({{"error", parameters.error().message}});
  return Print(ObjectFrom(*parameters));
}

int PrintCall(const Json& json) {
  rest::Call call;
  call.api = TextAt(json, "api");
  for (const auto& [name, value] : Members(At(json, "parameters")).items())
    call.parameters.emplace_back(name, Text(value));
  const Endpoint endpoint{TextAt(json, "host"), "2018-08-08", IsTrue(At(json, "rpc")),
                          static_cast<std::size_t>(Integer(At(json, "longestQuery"), 8192))};
  const rest::SigningMoment moment{*base::ParseRfc3339(TextAt(json, "now")), TextAt(json, "nonce")};
  return emulators::PrintSigned(
      Sign(endpoint, call, {TextAt(json, "key"), TextAt(json, "secret"), TextAt(json, "token")}, moment));
}

int PrintMarket() {
  return Print({{"size", ObjectFrom(PriceParameters(kSmallSample))},
                {"type", ObjectFrom(PriceParameters("ecs.c7.large"))},
                {"stock", ObjectFrom(StockParameters("ecs.c7.large"))}});
}

int PlayHere(const Json& json, const std::string& url) {
  Options options = ProbeOptions();
  options.host = url.substr(url.find("//") + 2);
  options.uses_rpc_signature = IsTrue(At(json, "rpc"));
  const auto credentials = rest::FixedCredentials({"emulated-key", "emulated-secret", ""});
  return emulators::PlayLive(url, emulators::RequestFrom(json), [&](Runtime& runtime, net::HttpClient& client) {
    return std::make_unique<EciProvider>(runtime, client, *credentials, options);
  });
}

}  // namespace
}  // namespace spillway::cloud::alibaba

int main(int argc, char** argv) {
  using namespace spillway::cloud;
  return spillway::emulators::RunProbe(
      argc, argv,
      {{"parameters", [](const Json& input, const std::string&) { return alibaba::PrintParameters(input); }},
       {"market", [](const Json&, const std::string&) { return alibaba::PrintMarket(); }},
       {"sign", [](const Json& input, const std::string&) { return alibaba::PrintCall(input); }},
       {"live", alibaba::PlayHere}});
}
