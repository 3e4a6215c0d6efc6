#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "sandbox/rest/api_core.h"
#include "sandbox/store/json_path.h"

// Paged lists over a consistent snapshot. Source: apiserver pkg/storage/continue.go and etcd3/store.go GetList.

namespace spillway::sandbox {
namespace {

struct Place {
  std::optional<Revision> revision;  // absent: now, even if that is inconsistent with earlier pages
  std::string start_after;           // "ns/name"
  std::int64_t left = -1;            // objects from there on; -1: not counted
};

std::string TokenFor(const Place& place) {
  const Json token = {{"v", "meta.k8s.io/v1"},
                      {"rv", place.revision ? static_cast<std::int64_t>(*place.revision) : -1},
                      {"start", place.start_after + std::string(1, '\0')},
                      {"left", place.left}};
  std::string text = EncodeBase64(token.dump());
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text.substr(0, text.find('='));
}

std::optional<Place> ReadToken(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  const auto bytes = DecodeBase64(text);
  const Json token = bytes ? Json::parse(*bytes, nullptr, false) : Json();
  std::string start = TextAt(token, "start");
  if (TextAt(token, "v") != "meta.k8s.io/v1" || start.empty()) return std::nullopt;
  if (start.back() == '\0') start.pop_back();
  const std::int64_t revision = IntAt(token, "rv", 0);
  if (revision == 0) return std::nullopt;
  return Place{revision < 0 ? std::nullopt : std::optional<Revision>(revision), std::move(start),
               IntAt(token, "left", -1)};
}

ApiError TooOldToContinue(const std::string& start_after) {
  ApiError error = Expired(
      "The provided continue parameter is too old to display a consistent list result. You can start a new list "
      "without the "
      "continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
      "Continuing "
      "with the provided token results in an inconsistent list - objects that were created, modified, or deleted "
      "between "
      "the time the first chunk was returned and now may show up in the list.");
  error.continue_token = TokenFor(Place{std::nullopt, start_after});
  return error;
}

ApiError TooLarge(Revision wanted, Revision current) {
  return {504, "Timeout", fmt::format("Timeout: Too large resource version: {}, current: {}", wanted, current),
          Json{{"causes",
                Json::array({{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}})},
               {"retryAfterSeconds", 1}},
          1};
}

ApiResult<std::int64_t> LimitOf(const RestRequest& request) {
  const std::string text = request.Param("limit");
  std::int64_t limit = 0;
  if (text.empty()) return limit;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return Refuse(BadRequest(fmt::format("limit: Invalid value: \"{}\": must be a whole number", text)));
  }
  return std::max<std::int64_t>(limit, 0);  // a negative one is none, as upstream
}

// Where the list starts and of which revision it is.
ApiResult<Place> PlaceOf(Store& store, const RestRequest& request, bool limited) {
  const std::string version = request.Param("resourceVersion");
  const std::string match = request.Param("resourceVersionMatch");
  if (const std::string token = request.Param("continue"); !token.empty()) {
    auto place = ReadToken(token);
    if (!place) return Refuse(BadRequest("continue key is not valid: it was not issued by this server"));
    if (!version.empty() && version != "0") {
      return Refuse(BadRequest("specifying resource version is not allowed when using continue"));
    }
    return *place;
  }
  const Revision now = store.etcd().revision();
  if (version.empty() || version == "0") return Place{now, ""};
  Revision wanted = 0;
  const auto [end, problem] = std::from_chars(version.data(), version.data() + version.size(), wanted);
  if (problem != std::errc() || end != version.data() + version.size()) {
    return Refuse(BadRequest(
        fmt::format("Invalid value: \"{}\": strconv.ParseUint: parsing \"{}\": invalid syntax", version, version)));
  }
  if (wanted > now) return Refuse(TooLarge(wanted, now));
  const bool exact = match == "Exact" || (match.empty() && limited);
  return Place{exact ? wanted : now, ""};
}

std::int64_t CountIn(const Store& store, const Kind& kind, const std::string& ns) {
  if (ns.empty()) return static_cast<std::int64_t>(store.etcd().Count(kind));
  std::int64_t count = 0;
  store.etcd().ForEach(kind, ns, "", [&](const StoredPtr&) { return ++count > 0; });
  return count;
}

}  // namespace

net::ServerResponse ServeList(Store& store, const RestRequest& request) {
  const Kind& kept = StorageOf(*request.kind);
  const auto selector = Selector::Parse(*request.kind, request.Param("labelSelector"), request.Param("fieldSelector"));
  if (!selector) return ErrorResponse(selector.error());
  const auto limit = LimitOf(request);
  if (!limit) return ErrorResponse(limit.error());
  const auto place = PlaceOf(store, request, *limit > 0);
  if (!place) return ErrorResponse(place.error());
  const auto representation =
      Representation::Choose(*request.kind, request.accept, request.Param("includeObject"), store.runtime().WallNow());
  if (!representation) return ErrorResponse(representation.error());

  std::vector<StoredPtr> page;
  bool has_more = false;
  const auto take = [&](const StoredPtr& object) {
    if (!selector->Matches(*object)) return true;
    has_more = *limit != 0 && page.size() == static_cast<std::size_t>(*limit);
    if (!has_more) page.push_back(object);
    return !has_more;
  };
  ListMetadata metadata{.revision = place->revision.value_or(store.etcd().revision())};
  if (metadata.revision == store.etcd().revision()) {
    store.etcd().ForEach(kept, request.ns, place->start_after, take);
  } else if (!store.etcd().ForEachAt(kept, request.ns, place->start_after, metadata.revision, take)) {
    if (!place->start_after.empty()) return ErrorResponse(TooOldToContinue(place->start_after));
    return ErrorResponse(Expired("The resourceVersion for the provided list is too old."));
  }
  if (has_more) {
    // How many remain is told only without selectors, as upstream; the token carries the count, so that it is taken
    // once.
    Place next{metadata.revision, page.back()->ns + "/" + page.back()->name};
    if (selector->is_empty()) {
      const std::int64_t all = place->left >= 0 ? place->left : CountIn(store, kept, request.ns);
      next.left = std::max<std::int64_t>(1, all - static_cast<std::int64_t>(page.size()));
      metadata.remaining = next.left;
    }
    metadata.continue_token = TokenFor(next);
  }
  return JsonResponse(200, representation->List(page, metadata));
}

}  // namespace spillway::sandbox
