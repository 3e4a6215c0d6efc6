#pragma once

#include "base/runtime.h"
#include "sandbox/standins/object_cache.h"
#include "sandbox/standins/work_queue.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

// What every stand-in is given; all of it outlives them.
struct StandinContext {
  Runtime& runtime;
  Store& store;
  ObjectCaches& caches;
  WorkQueue::Delays delays;  // how late controllers look at what has changed
};

}  // namespace spillway::sandbox
