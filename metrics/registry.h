#pragma once

#include <functional>
#include <memory>
#include <string>

#include "metrics/names.h"

namespace spillway::metrics {

// Unregisters what it stands for when it goes: hold it beside the state that the hook reads.
class ScrapeHook {
 public:
  ScrapeHook() = default;

 private:
  friend class Registry;
  std::shared_ptr<const std::function<void()>> call_;
};

// The values of the metrics in names.h, over prometheus-cpp. One per process, or per simulated process. Loop thread
// only.
class Registry {
 public:
  // Exports the metrics of `component` and of kAll, with their known label values at 0.
  explicit Registry(Component component);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Counters.
  void Add(Id counter, const LabelValues& labels = {}, double by = 1);
  // A counter that somebody else keeps; a smaller total than before (a restart) counts as an increase from 0.
  void SetTotal(Id counter, const LabelValues& labels, double total);
  // Drops the series of a counter whose label values `keep` refuses: what they were about is gone.
  void Prune(Id counter, const std::function<bool(const LabelValues&)>& keep);
  // Gauges.
  void Set(Id gauge, const LabelValues& labels, double value);
  // Drops every series of a gauge whose label values are not known from the start, and sets the others to 0: for
  // gauges that are filled anew at each scrape.
  void Reset(Id gauge);
  // Histograms.
  void Observe(Id histogram, const LabelValues& labels, double value);

  // Called at each scrape, before the values are read: gauges are derived from state, not kept in step with it.
  [[nodiscard]] ScrapeHook OnScrape(std::function<void()> call);

  // Prometheus text format 0.0.4.
  std::string Text();
  // The value of a counter or gauge, the count of a histogram; 0 when there is no such series. Runs no hook.
  double Value(Id id, const LabelValues& labels = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr char kTextContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace spillway::metrics
