#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// The columns of `kubectl get` and `get -o wide` (priority 1) for a kind: a list of metav1.TableColumnDefinition.
//
// Source: pkg/printers/internalversion/printers.go, v1.36; kinds without a printer show NAME and AGE.
Json TableColumns(const Kind& kind);

// The cells of one object, in the order of the columns. `object` is as stored (Events: core/v1). `now`: for ages.
Json TableCells(const Kind& kind, const Json& object, WallTime now);

// What the STATUS column shows of a Pod: "Running", "ContainerCreating", "CrashLoopBackOff", "Init:0/2", ...
std::string PodStatusText(const Json& pod);

// Shared by the printers of all kinds.
// "5m", "2d3h", "<unknown>": apimachinery pkg/util/duration HumanDuration.
std::string HumanDuration(Duration duration);
std::string AgeOf(std::string_view timestamp, WallTime now);
// "a=b,c=d", or "<none>".
std::string LabelsText(const Json* labels);
// "app=web,tier in (a,b)" of a metav1.LabelSelector, or "<none>".
std::string SelectorText(const Json* selector);

}  // namespace spillway::sandbox
