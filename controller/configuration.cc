#include "controller/configuration.h"

#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "controller/event_catalogue.h"
#include "kube/backoff.h"
#include "kube/json.h"
#include "kube/paths.h"

namespace spillway::controller {
namespace {

constexpr std::string_view kLastGood = "-last-good";
constexpr kube::BackoffOptions kAgain{std::chrono::seconds(1), std::chrono::seconds(60), 0.5};

constexpr std::array kModes = {Mode::kEnforce, Mode::kDryRun, Mode::kOff};

kube::ReflectorOptions WatchOf(const std::string& ns, const std::string& name) {
  kube::ReflectorOptions options;
  options.path = kube::ConfigMapPath(ns);
  options.resource = "configmaps";
  options.field_selector = "metadata.name=" + name;
  return options;
}

}  // namespace

std::string_view ToString(Mode mode) {
  switch (mode) {
    case Mode::kEnforce:
      return "Enforce";
    case Mode::kDryRun:
      return "DryRun";
    case Mode::kOff:
      return "Off";
  }
  return "Off";
}

Configuration::Configuration(Runtime& runtime, kube::Transport& transport, kube::Client& api,
                             kube::EventRecorder& events, metrics::Registry& metrics, ConfigurationOptions options,
                             Policy& policy, std::function<bool()> leads)
    : runtime_(runtime),
      api_(api),
      events_(events),
      metrics_(metrics),
      options_(std::move(options)),
      policy_(policy),
      flags_(policy),
      leads_(std::move(leads)),
      keep_(runtime),
      flows_(runtime) {
  const std::size_t slash = options_.config_map.find('/');
  if (slash != std::string::npos && options_.read) {
    ns_ = options_.config_map.substr(0, slash);
    name_ = options_.config_map.substr(slash + 1);
    set_in_ = "ConfigMap " + options_.config_map;
    watch_.emplace(runtime, transport, WatchOf(ns_, name_), [this](const auto& batch) { OnConfigMap(batch); });
  }
  Swap(flags_);
}

void Configuration::Start(std::function<void()> on_change) {
  on_change_ = std::move(on_change);
  if (!watch_) return;
  watch_->Start();
  if (flags_.mode == Mode::kEnforce) flows_.Spawn(KeepLastGood());  // a dry run writes nothing but events
}

Status Configuration::Known() const {
  if (!watch_) return {};
  const kube::ReflectorCounts& counts = watch_->counts();
  if (!counts.synced) {
    return Fail(Code::kUnavailable, fmt::format("{} ({}): not listed yet{}{}", set_in_, "the configuration",
                                                counts.last_error.empty() ? "" : ": ", counts.last_error));
  }
  if (searching_) return Fail(Code::kUnavailable, rejected_);
  return {};
}

void Configuration::OnConfigMap(const kube::DeltaBatch<kube::ConfigMap>& batch) {
  for (const kube::Delta<kube::ConfigMap>& delta : batch.deltas) {
    if (delta.unreadable) {
      Reject(delta.unreadable->why);
    } else if (delta.object) {
      Take(*delta.object);
    } else {
      Forget();
    }
  }
  const bool is_first = !std::exchange(listed_, true);
  if (on_change_ && (is_first || !batch.deltas.empty())) on_change_();
}

void Configuration::Take(const kube::ConfigMap& map) {
  uid_ = map.metadata.uid;
  version_ = map.metadata.resource_version;
  keep_.Notify();
  const std::string* text = kube::Find(map.data, kConfigurationKey);
  if (text == nullptr) return Reject(fmt::format("it has no data[\"{}\"]", kConfigurationKey));
  if (good_ == *text && rejected_.empty()) return;
  auto policy = Read(*text);
  if (!policy) return Reject(policy.error().message);
  const bool is_news = good_ != *text || !rejected_.empty();
  Adopt(std::move(*policy), *text);
  if (is_news) {
    Tell(kube::Event::Type::kNormal, kConfigurationTaken,
         fmt::format("In effect from now on, mode {}", ToString(policy_.mode)));
  }
}

Result<Policy> Configuration::Read(const std::string& text) const {
  auto policy = options_.read(text, flags_, set_in_);
  if (policy && flags_.mode == Mode::kDryRun && policy->mode == Mode::kEnforce) {
    policy->mode = Mode::kDryRun;
    policy->mode_set_in = flags_.mode_set_in;
  }
  return policy;
}

void Configuration::Adopt(Policy policy, std::string good_text) {
  good_ = std::move(good_text);
  rejected_.clear();
  searching_ = false;
  Swap(std::move(policy));
  keep_.Notify();
}

void Configuration::Swap(Policy policy) {
  policy_ = std::move(policy);
  metrics_.Set(metrics::Id::kConfigurationRejected, {}, rejected_.empty() ? 0 : 1);
  for (const Mode mode : kModes) {
    metrics_.Set(metrics::Id::kMode, {std::string(ToString(mode))}, mode == policy_.mode ? 1 : 0);
  }
}

// Whoever deletes it means the flags.
void Configuration::Forget() {
  uid_.clear();
  version_.clear();
  good_.reset();
  rejected_.clear();
  searching_ = false;
  Swap(flags_);
  log::Info("there is no configuration any more: the flags are in effect", {{"configuration", set_in_}});
}

void Configuration::Reject(std::string why) {
  if (good_) {
    rejected_ = fmt::format("rejected: {}; the last one that could be read stays in effect", why);
    Swap(policy_);
  } else {
    rejected_ = fmt::format("rejected: {}; everything is a dry run until it is mended", why);
    Policy policy = flags_;
    policy.mode = Mode::kDryRun;
    policy.mode_set_in = set_in_ + ", which cannot be read";
    Swap(std::move(policy));
    if (!std::exchange(searching_, true)) flows_.Spawn(FindLastGood());
  }
  Tell(kube::Event::Type::kWarning, kConfigurationRejected, rejected_);
}

// Of a process before this one.
Task<void> Configuration::FindLastGood() {
  kube::Backoff backoff(kAgain, runtime_.random().Fork());
  while (searching_) {
    std::string path = kube::ConfigMapPath(ns_, name_ + std::string(kLastGood));
    Result<kube::Json> found = co_await api_.Get(std::move(path));
    if (!searching_) co_return;
    if (!found && found.error().code != Code::kNotFound) {
      log::Warning("the last good configuration cannot be read; nothing is decided meanwhile",
                   {{"error", found.error().message}});
      co_await runtime_.SleepFor(std::max(backoff.Next(), found.error().retry_after));
      continue;
    }
    searching_ = false;
    if (found) {
      const std::string text = kube::TextAt(*found, "data", kConfigurationKey);
      if (auto policy = Read(text)) {
        good_ = kept_ = text;
        rejected_ = fmt::format("{}; in effect is {}{}", rejected_.substr(0, rejected_.rfind(';')), set_in_, kLastGood);
        Swap(std::move(*policy));
      }
    }
    if (on_change_) on_change_();
  }
}

Task<void> Configuration::KeepLastGood() {
  kube::Backoff backoff(kAgain, runtime_.random().Fork());
  for (;;) {
    while (!leads_() || !good_ || (kept_ == good_ && kept_for_ == uid_)) co_await keep_.Wait();
    std::string text = *good_, uid = uid_;
    const Status written = co_await WriteLastGood(text, uid);
    if (written) {
      kept_ = std::move(text);
      kept_for_ = std::move(uid);
      backoff.Reset();
      continue;
    }
    log::Warning("the configuration cannot be kept for the next start",
                 {{"configMap", name_ + std::string(kLastGood)}, {"error", written.error().message}});
    co_await runtime_.SleepFor(std::max(backoff.Next(), written.error().retry_after));
  }
}

// It goes with the ConfigMap: whoever deletes that means the flags, and an uninstallation leaves nothing behind.
Task<Status> Configuration::WriteLastGood(std::string text, std::string uid) {
  kube::Json map = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}};
  map["metadata"] = {{"name", name_ + std::string(kLastGood)}, {"namespace", ns_}};
  map["metadata"]["ownerReferences"] = {{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", name_}, {"uid", uid}}};
  map["data"][std::string(kConfigurationKey)] = std::move(text);
  std::string path = kube::ConfigMapPath(ns_, name_ + std::string(kLastGood));
  kube::Json copy = map;
  Result<kube::Json> updated = co_await api_.Update(std::move(path), std::move(copy));
  if (updated) co_return Status();
  if (updated.error().code != Code::kNotFound) co_return Fail(std::move(updated.error()));
  std::string folder = kube::ConfigMapPath(ns_);
  Result<kube::Json> created = co_await api_.Create(std::move(folder), std::move(map));
  if (created) co_return Status();
  co_return Fail(std::move(created.error()));
}

void Configuration::Tell(kube::Event::Type type, std::string_view reason, const std::string& note) {
  const bool warning = type == kube::Event::Type::kWarning;
  (warning ? log::Warning : log::Info)("configuration " + note, {{"configuration", set_in_}, {"reason", reason}});
  if (!leads_()) return;  // who does tells it
  events_.Record({.regarding = {.api_version = "v1",
                                .kind = "ConfigMap",
                                .ns = ns_,
                                .name = name_,
                                .uid = uid_,
                                .resource_version = version_},
                  .type = type,
                  .reason = std::string(reason),
                  .action = std::string(ActionOf(reason)),
                  .note = note,
                  .subject = note});
}

}  // namespace spillway::controller
