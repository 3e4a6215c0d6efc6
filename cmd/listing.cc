#include "cmd/listing.h"

#include <fmt/core.h>

#include <utility>

#include "kube/transport.h"

namespace spillway::cmd {
namespace {

constexpr int kItemsPerPage = 500;

}  // namespace

Task<Result<std::vector<kube::Json>>> ListAll(kube::Client& client, std::string path, std::string query) {
  std::vector<kube::Json> all;
  std::string token;
  do {
    std::string page = fmt::format("{}?limit={}", path, kItemsPerPage);
    if (!query.empty()) page += "&" + query;
    if (!token.empty()) page += "&continue=" + kube::UrlEncode(token);
    Result<kube::Json> list = co_await client.Get(std::move(page));
    if (!list) co_return Fail(std::move(list).error().Annotated(fmt::format("listing {}", path)));
    for (const kube::Json& item : kube::Items(kube::At(*list, "items"))) all.push_back(item);
    token = kube::TextAt(*list, "metadata", "continue");
  } while (!token.empty());
  co_return all;
}

}  // namespace spillway::cmd
