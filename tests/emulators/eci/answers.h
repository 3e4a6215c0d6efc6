#pragma once

#include <map>
#include <string>

#include "tests/emulators/eci/group.h"

// How groups are told: bodies of answers, by the names of the vendor's SDK's response classes.
namespace spillway::emulators::eci {

// An item of DescribeContainerGroups.ContainerGroups.
Json GroupAnswer(const Group& group, WallTime now, bool with_events);
// An item of DescribeContainerGroupStatus.Data.
Json StatusAnswer(const Group& group, WallTime now);
// An item of DescribeMultiContainerGroupMetric.MonitorDatas.
Json MetricAnswer(const Group& group, WallTime now);
// DescribeContainerGroupPrice, for what each part costs a second.
Json PriceAnswer(const std::map<std::string, double>& parts);
// DescribeAvailableResource, for the zones that have `value`, or have had it.
Json AvailableAnswer(const std::string& region, const std::string& category, const std::string& value,
                     const std::map<std::string, bool>& has_stock);

}  // namespace spillway::emulators::eci
