#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/store/json_path.h"
#include "sandbox/views/tables.h"

// How tables.cc finds the printer of a kind; not for others.
namespace spillway::sandbox {

struct Column {
  std::string_view name;
  std::string_view type = "string";
  int priority = 0;  // 1: only with -o wide
};

struct Printer {
  std::string_view group, plural;
  std::vector<Column> columns;
  Json (*cells)(const Json& object, WallTime now);
};

const std::vector<Printer>& PodPrinters();
const std::vector<Printer>& WorkloadPrinters();
const std::vector<Printer>& ClusterPrinters();
const std::vector<Printer>& ConfigPrinters();

// Shared cells.
std::string NameOf(const Json& object);
std::string AgeOfObject(const Json& object, WallTime now);
std::string OrNone(std::string text);   // "<none>" for ""
std::string OrUnset(std::string text);  // "<unset>" for ""
// Names and images of the containers of a Pod template, comma-separated.
std::string ContainerNames(const Json& object);
std::string ContainerImages(const Json& object);

}  // namespace spillway::sandbox
