#include "metrics/registry.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <vector>

#include "metrics/build_info.h"

namespace spillway::metrics {
namespace {

prometheus::Labels Labelled(const Metric& metric, const LabelValues& values) {
  prometheus::Labels labels;
  for (std::size_t i = 0; i < metric.labels.size() && i < values.size(); ++i) labels[metric.labels[i]] = values[i];
  return labels;
}

// One metric's family and its series; exactly one of the three is used.
struct Series {
  prometheus::Family<prometheus::Counter>* counters = nullptr;
  prometheus::Family<prometheus::Gauge>* gauges = nullptr;
  prometheus::Family<prometheus::Histogram>* histograms = nullptr;
  std::map<LabelValues, prometheus::Counter*> counter_of;
  std::map<LabelValues, prometheus::Gauge*> gauge_of;
  std::map<LabelValues, prometheus::Histogram*> histogram_of;
  std::map<LabelValues, double> last_total;  // SetTotal: what the keeper last said
};

}  // namespace

struct Registry::Impl {
  prometheus::Registry registry;
  std::map<Id, Series> series;
  std::vector<std::weak_ptr<const std::function<void()>>> hooks;

  void Register(const Metric& metric) {
    Series& added = series[metric.id];
    switch (metric.type) {
      case Type::kCounter:
        added.counters = &prometheus::BuildCounter().Name(metric.name).Help(metric.help).Register(registry);
        break;
      case Type::kGauge:
        added.gauges = &prometheus::BuildGauge().Name(metric.name).Help(metric.help).Register(registry);
        break;
      case Type::kHistogram:
        added.histograms = &prometheus::BuildHistogram().Name(metric.name).Help(metric.help).Register(registry);
        break;
    }
    for (const LabelValues& known : metric.known) Touch(metric, known);
  }

  void Touch(const Metric& metric, const LabelValues& labels) {
    switch (metric.type) {
      case Type::kCounter:
        Counter(metric.id, labels);
        break;
      case Type::kGauge:
        Gauge(metric.id, labels);
        break;
      case Type::kHistogram:
        Histogram(metric.id, labels);
        break;
    }
  }

  // Each is null for a metric that this component does not export.
  prometheus::Counter* Counter(Id id, const LabelValues& labels) {
    const auto found = series.find(id);
    if (found == series.end() || found->second.counters == nullptr) return nullptr;
    auto& slot = found->second.counter_of[labels];
    if (slot == nullptr) slot = &found->second.counters->Add(Labelled(Describe(id), labels));
    return slot;
  }
  prometheus::Gauge* Gauge(Id id, const LabelValues& labels) {
    const auto found = series.find(id);
    if (found == series.end() || found->second.gauges == nullptr) return nullptr;
    auto& slot = found->second.gauge_of[labels];
    if (slot == nullptr) slot = &found->second.gauges->Add(Labelled(Describe(id), labels));
    return slot;
  }
  prometheus::Histogram* Histogram(Id id, const LabelValues& labels) {
    const auto found = series.find(id);
    if (found == series.end() || found->second.histograms == nullptr) return nullptr;
    auto& slot = found->second.histogram_of[labels];
    if (slot == nullptr) slot = &found->second.histograms->Add(Labelled(Describe(id), labels), Describe(id).buckets);
    return slot;
  }
};

Registry::Registry(Component component) : impl_(std::make_unique<Impl>()) {
  for (const Metric& metric : AllMetrics()) {
    if (metric.component == component || metric.component == Component::kAll) impl_->Register(metric);
  }
  const BuildInfo& build = GetBuildInfo();
  Set(Id::kBuildInfo, {std::string(build.version), std::string(build.revision), std::string(build.compiler)}, 1);
}

Registry::~Registry() = default;

void Registry::Add(Id counter, const LabelValues& labels, double by) {
  if (auto* slot = impl_->Counter(counter, labels)) slot->Increment(by);
}

void Registry::SetTotal(Id counter, const LabelValues& labels, double total) {
  auto* slot = impl_->Counter(counter, labels);
  if (slot == nullptr) return;
  double& last = impl_->series.at(counter).last_total[labels];
  slot->Increment(total >= last ? total - last : total);
  last = total;
}

void Registry::Prune(Id counter, const std::function<bool(const LabelValues&)>& keep) {
  const auto found = impl_->series.find(counter);
  if (found == impl_->series.end() || found->second.counters == nullptr) return;
  Series& series = found->second;
  std::erase_if(series.counter_of, [&](const auto& entry) {
    if (keep(entry.first)) return false;
    series.counters->Remove(entry.second);
    series.last_total.erase(entry.first);
    return true;
  });
}

void Registry::Set(Id gauge, const LabelValues& labels, double value) {
  if (auto* slot = impl_->Gauge(gauge, labels)) slot->Set(value);
}

void Registry::Reset(Id gauge) {
  const auto found = impl_->series.find(gauge);
  if (found == impl_->series.end() || found->second.gauges == nullptr) return;
  for (const auto& [labels, slot] : found->second.gauge_of) found->second.gauges->Remove(slot);
  found->second.gauge_of.clear();
  for (const LabelValues& known : Describe(gauge).known) impl_->Gauge(gauge, known);
}

void Registry::Observe(Id histogram, const LabelValues& labels, double value) {
  if (auto* slot = impl_->Histogram(histogram, labels)) slot->Observe(value);
}

ScrapeHook Registry::OnScrape(std::function<void()> call) {
  ScrapeHook hook;
  hook.call_ = std::make_shared<const std::function<void()>>(std::move(call));
  impl_->hooks.push_back(hook.call_);
  return hook;
}

std::string Registry::Text() {
  std::erase_if(impl_->hooks, [](const auto& hook) { return hook.expired(); });
  for (const auto& hook : impl_->hooks) {
    if (const auto call = hook.lock()) (*call)();
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

double Registry::Value(Id id, const LabelValues& labels) const {
  const auto found = impl_->series.find(id);
  if (found == impl_->series.end()) return 0;
  const Series& series = found->second;
  if (const auto counter = series.counter_of.find(labels); counter != series.counter_of.end()) {
    return counter->second->Value();
  }
  if (const auto gauge = series.gauge_of.find(labels); gauge != series.gauge_of.end()) return gauge->second->Value();
  if (const auto histogram = series.histogram_of.find(labels); histogram != series.histogram_of.end()) {
    return static_cast<double>(histogram->second->Collect().histogram.sample_count);
  }
  return 0;
}

}  // namespace spillway::metrics
