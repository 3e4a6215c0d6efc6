#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/runtime.h"
#include "cloud/json.h"
#include "cloud/provider.h"
#include "net/http_client.h"

// Shows what a provider sends and reads, for comparison with the vendor's SDK.
namespace spillway::emulators {

// {"pod": ..., "token": ..., "volumes": [...], "registries": [...], "nameservers": [...], "searches": [...],
// "options": [...], "hosts": [...]}
cloud::CreateRequest RequestFrom(const cloud::Json& json);

// The exit code of a process that has said it.
int Print(const cloud::Json& json);
// {"method": ..., "path": ..., "headers": {...}, "body": ...}
int PrintSigned(const net::HttpRequest& request);

// Creates the instance there, twice, follows, reads, runs a command in it and deletes it; prints what came of it.
int PlayLive(const std::string& url, const cloud::CreateRequest& request,
             const std::function<std::unique_ptr<cloud::Provider>(Runtime&, net::HttpClient&)>& make);

// Runs one of `modes` on the JSON of standard input: {"sign", ...}. The rest of the arguments goes to it.
using ProbeModes = std::map<std::string, std::function<int(const cloud::Json& input, const std::string& argument)>>;
int RunProbe(int argc, char** argv, const ProbeModes& modes);

}  // namespace spillway::emulators
