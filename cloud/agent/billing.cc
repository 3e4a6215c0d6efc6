#include "cloud/agent/billing.h"

#include "cloud/agent/client_token.h"

namespace spillway::cloud {
namespace {

constexpr const char* kFlags = "flags";

std::string Key(std::string_view annotation) { return std::string(annotation); }

Json StockJson(const std::vector<Stock>& stock) {
  Json places = Json::array();
  for (const Stock& one : stock) {
    Json place = {{"place", one.place}, {"status", one.status}, {"observedAt", base::FormatRfc3339(one.observed_at)}};
    if (!one.kind.empty()) place["kind"] = one.kind;
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace

Market MarketOf(const Provider& provider, const AgentOptions& options) {
  Market market = provider.market();
  if (options.price) market.prices = PriceList{*options.price, "", kFlags, WallTime()};
  return market;
}

Bill BillOf(const Provider& provider, const AgentOptions& options, const Json& pod) {
  Bill bill = provider.BillFor(pod);
  const bool is_by_the_unit = bill.milli_cpu > 0 || bill.memory_bytes > 0;
  if (options.price && is_by_the_unit) {
    bill.micro_per_hour = kube::CostAt(*options.price, bill.milli_cpu, bill.memory_bytes);
  }
  return bill;
}

Json BillAnnotations(const Bill& bill) {
  Json patch = {{kBilledSize, nullptr}, {kPricePerHour, nullptr}};
  if (!bill.size.empty()) patch[kBilledSize] = bill.size;
  if (bill.micro_per_hour) patch[kPricePerHour] = kube::FormatMoney(*bill.micro_per_hour);
  return patch;
}

std::optional<std::int64_t> NotedPrice(const Json& pod) {
  const Json& annotations = At(pod, "metadata", "annotations");
  if (TextAt(annotations, kNotedFor) != TextAt(pod, "metadata", "uid")) return std::nullopt;
  return kube::ParseMoney(TextAt(annotations, kPricePerHour));
}

Json MarketAnnotations(const Market& market, const Json& current) {
  Json patch = Json::object();
  if (market.prices) {
    patch[Key(kube::kPricePerCpu)] = kube::FormatMoney(market.prices->price.micro_per_cpu);
    patch[Key(kube::kPricePerGib)] = kube::FormatMoney(market.prices->price.micro_per_gib);
    Json source = {{"source", market.prices->source}};
    if (!market.prices->currency.empty()) source["currency"] = market.prices->currency;
    if (market.prices->observed_at != WallTime()) {
      source["observedAt"] = base::FormatRfc3339(market.prices->observed_at);
    }
    patch[kPriceSource] = source.dump();
  } else if (Json::parse(TextAt(current, kPriceSource), nullptr, /*allow_exceptions=*/false) ==
             Json{{"source", kFlags}}) {
    for (const std::string& key : {Key(kube::kPricePerCpu), Key(kube::kPricePerGib), Key(kPriceSource)}) {
      patch[key] = nullptr;
    }
  }
  if (market.stock) patch[kStock] = StockJson(*market.stock).dump();
  Json quotas = Json::object();
  for (const Quota& quota : market.quotas) {
    quotas[quota.resource] = {
        {"used", quota.used}, {"limit", quota.limit}, {"observedAt", base::FormatRfc3339(quota.observed_at)}};
  }
  if (!quotas.empty()) patch[kQuota] = quotas.dump();
  return patch;
}

}  // namespace spillway::cloud
