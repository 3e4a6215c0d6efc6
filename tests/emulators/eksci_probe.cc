// Shows what the EKSCI provider sends and reads, for comparison with the vendor's SDK (eksci_sdk_test.py):
//   eksci_probe body <request.json         the body of CreateEKSContainerInstances for a Pod
//   eksci_probe sign <call.json            a signed request
//   eksci_probe live URL <request.json     creates the Pod's instance there, follows, reads and deletes it
#include <memory>
#include <string>

#include "cloud/providers/tencent/create_request.h"
#include "cloud/providers/tencent/provider.h"
#include "cloud/providers/tencent/service.h"
#include "tests/emulators/probe.h"

namespace spillway::cloud::tencent {
namespace {

using emulators::Print;

Options ProbeOptions(const std::string& host) {
  Options options;
  options.region = "ap-emulated";
  options.vpc = "vpc-1";
  options.security_groups = {"sg-1"};
  options.subnets = {{"subnet-a", ""}, {"subnet-b", ""}};
  options.host = host;
  return options;
}

int PrintBody(const Json& json) {
  const auto body = MakeCreateBody(emulators::RequestFrom(json), ProbeOptions(""), "subnet-a");
  return Print(body ? body->json : Json({{"error", body.error().message}}));
}

int PrintCall(const Json& json) {
  rest::Call call;
  call.api = TextAt(json, "api");
  call.body = TextAt(json, "body");
  const rest::SigningMoment moment{*base::ParseRfc3339(TextAt(json, "now")), ""};
  const rest::Credential credential = {TextAt(json, "key"), TextAt(json, "secret"), TextAt(json, "token")};
  return emulators::PrintSigned(EksciDialect(ProbeOptions(TextAt(json, "host"))).sign(call, credential, moment));
}

int PlayHere(const Json& json, const std::string& url) {
  const auto credentials = rest::FixedCredentials({"emulated-id", "emulated-secret", ""});
  return emulators::PlayLive(url, emulators::RequestFrom(json), [&](Runtime& runtime, net::HttpClient& client) {
    return std::make_unique<EksciProvider>(runtime, client, *credentials, ProbeOptions(url.substr(url.find("//") + 2)));
  });
}

}  // namespace
}  // namespace spillway::cloud::tencent

int main(int argc, char** argv) {
  using namespace spillway::cloud;
  return spillway::emulators::RunProbe(
      argc, argv,
      {{"body", [](const Json& input, const std::string&) { return tencent::PrintBody(input); }},
       {"sign", [](const Json& input, const std::string&) { return tencent::PrintCall(input); }},
       {"live", tencent::PlayHere}});
}
