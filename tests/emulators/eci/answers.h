#pragma once

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

}  // namespace spillway::emulators::eci
