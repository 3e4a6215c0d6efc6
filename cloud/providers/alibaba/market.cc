#include "cloud/providers/alibaba/market.h"

#include <cmath>

#include "cloud/providers/alibaba/ack_annotations.h"
#include "cloud/providers/alibaba/parameter_writer.h"
#include "cloud/providers/alibaba/sizes.h"

namespace spillway::cloud::alibaba {
namespace {

constexpr double kSecondsPerHour = 3600, kMicro = 1e6;

double NumberAt(const Json& object, const char* name) {
  const Json& value = At(object, name);
  return value.is_number() ? value.get<double>() : 0;
}

std::int64_t Micro(double per_second) { return std::llround(per_second * kSecondsPerHour * kMicro); }

}  // namespace

rest::Parameters PriceParameters(const rest::InstanceSize& size) {
  rest::Parameters parameters;
  const ParameterWriter writer(parameters, "");
  writer.SetFloat("Cpu", static_cast<double>(size.cpu_milli) / 1000);
  writer.SetFloat("Memory", static_cast<double>(size.memory_bytes) / kGiB);
  return parameters;
}

rest::Parameters PriceParameters(const std::string& instance_type) { return {{"InstanceType", instance_type}}; }

rest::Parameters StockParameters(const std::string& instance_type) {
  return {{"DestinationResource.Category", "InstanceType"}, {"DestinationResource.Value", instance_type}};
}

std::optional<Quote> ReadQuote(const Json& answer) {
  const Json& price = At(answer, "PriceInfo", "Price");
  Quote quote{NumberAt(price, "TradePrice"), TextAt(price, "Currency")};
  if (quote.per_second <= 0) return std::nullopt;
  return quote;
}

std::int64_t MicroPerHour(const Quote& quote) { return Micro(quote.per_second); }

std::optional<kube::Price> UnitPrice(const Quote& small, const Quote& large) {
  constexpr double kCpus = static_cast<double>(kSmallSample.cpu_milli) / 1000;
  constexpr double kMemory = static_cast<double>(kSmallSample.memory_bytes) / kGiB;
  constexpr double kMoreMemory = static_cast<double>(kLargeSample.memory_bytes - kSmallSample.memory_bytes) / kGiB;
  const double per_gib = (large.per_second - small.per_second) / kMoreMemory;
  const double per_cpu = (small.per_second - kMemory * per_gib) / kCpus;
  if (per_gib <= 0 || per_cpu <= 0 || small.currency != large.currency) return std::nullopt;
  return kube::Price{Micro(per_cpu), Micro(per_gib)};
}

std::vector<Stock> ReadStock(const Json& answer, WallTime now) {
  std::vector<Stock> all;
  for (const Json& zone : Items(At(answer, "AvailableZones", "AvailableZone"))) {
    for (const Json& available : Items(At(zone, "AvailableResources", "AvailableResource"))) {
      for (const Json& supported : Items(At(available, "SupportedResources", "SupportedResource"))) {
        all.push_back({TextAt(zone, "ZoneId"), TextAt(supported, "Value"), TextAt(supported, "StatusCategory"), now});
      }
    }
  }
  return all;
}

std::optional<Quota> ReadQuota(const Json& answer, WallTime now) {
  const Json& attributes = At(answer, "Attributes");
  if (!At(attributes, "MaxCpu").is_number()) return std::nullopt;
  return Quota{"cpu", NumberAt(attributes, "UsedCpu"), NumberAt(attributes, "MaxCpu"), now};
}

std::string TheInstanceType(const std::string& types) { return types.find(',') == std::string::npos ? types : ""; }

Bill BillOf(const Json& pod, const Options& options, const Quotes& quotes) {
  const bool is_spot = !SpotStrategyOf(pod, options).empty();
  Bill bill;
  if (const std::string types = InstanceTypesOf(pod, options); !types.empty()) {
    bill.size = TheInstanceType(types);
    if (bill.size == quotes.instance_type) bill.micro_per_hour = quotes.type_micro_per_hour;
  } else if (const auto size = rest::SizeFor(pod, EciSizes(), "ECI")) {
    const rest::InstanceSize billed = size->value_or(kDefaultSize);
    std::optional<kube::Price> price;
    if (quotes.prices) price = quotes.prices->price;
    bill = BillBySize(billed.cpu_milli, billed.memory_bytes, price);
  }
  if (is_spot) bill.micro_per_hour.reset();
  return bill;
}

}  // namespace spillway::cloud::alibaba
