#pragma once

#include <fmt/core.h>

#include <initializer_list>
#include <string>
#include <string_view>

// One line per fact: a message in plain words, then key=value fields. Backed by glog, to standard error. The pure rooms
// (kube/api, scheduler_sim) do not log. Never pass a secret.
//
//   log::Info("bound Pod", {{"pod", key}, {"node", node}, {"decision", id}});
namespace spillway::log {

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <typename T>
  Field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
};
using Fields = std::initializer_list<Field>;

// Call once, first thing in main(). `verbosity` is --v: 2 is the default for operators, 4 and up for developers.
void Init(const char* program, int verbosity);
// Simulations and unit tests: only errors.
void Quiet();

void Error(std::string_view message, Fields fields = {});
void Warning(std::string_view message, Fields fields = {});
void Info(std::string_view message, Fields fields = {});
// Written only when --v is at least `level`.
void Verbose(int level, std::string_view message, Fields fields = {});

// `text` as a logfmt value: quoted and escaped only where needed.
std::string Quoted(std::string_view text);

}  // namespace spillway::log
