#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sandbox/store/api_error.h"

// Reading and building Kubernetes objects as JSON: what every stand-in needs. Reads are forgiving (an absent field is
// its zero value), because objects come from whoever talks to the sandbox.
namespace spillway::sandbox {

// The value at a path of fields ("status", "phase"); null when any of them is absent.
const Json& At(const Json& object, std::initializer_list<const char*> path);
std::string Text(const Json& object, std::initializer_list<const char*> path);
std::int64_t Number(const Json& object, std::initializer_list<const char*> path, std::int64_t fallback = 0);

std::string ObjectName(const Json& object);
std::string NamespaceOf(const Json& object);
std::string UidOf(const Json& object);
bool IsTerminating(const Json& object);
// UID of the owner with controller=true; empty when none.
std::string ControllerUid(const Json& object);

// ---- Pods
bool IsPodActive(const Json& pod);  // neither terminal nor terminating
bool IsPodReady(const Json& pod);
bool IsPodTerminal(const Json& pod);
std::string PhaseOf(const Json& pod);
std::string NodeOf(const Json& pod);

// The condition of this type in status.conditions; null when absent.
const Json& FindCondition(const Json& object, std::string_view type);
// Sets a condition ("True", "False", "Unknown") in status.conditions; lastTransitionTime moves only when its status
// does. True if anything changed.
bool SetConditionTo(Json& status, std::string_view type, std::string_view value, std::string_view reason,
                    std::string_view message, WallTime now);
bool SetCondition(Json& status, std::string_view type, bool value, std::string_view reason, std::string_view message,
                  WallTime now);

// A Pod or ReplicaSet made from `owner`'s template, controlled by it. A `name` that ends in '-' is a generateName.
Json ChildOf(const Json& owner, std::string_view api_version, std::string_view kind, const Json& tmpl,
             const std::string& name);

// FNV-1a of the JSON text in the alphabet of Kubernetes' generated names: "pod-template-hash".
std::string SafeHash(const Json& value);

}  // namespace spillway::sandbox
