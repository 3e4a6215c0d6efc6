#pragma once

#include <sys/types.h>

// A process between a shim and its command, for the one thing that a shim cannot do: end what runs below it when it is
// itself killed. The kernel kills a command whose parent dies (PR_SET_PDEATHSIG), but not what the command has started,
// and hands that to the next subreaper above: while the shim lives to the shim, then to the keeper.
//
// Killed itself, it leaves everything to the shim, which sees the command end and ends the rest. So one of both has to
// live for a moment longer than the other; RunMark is for when neither does.
//
// Only in children that were forked and execute nothing: async-signal-safe.
namespace spillway::cloud {

// As soon as it is forked, with all signals blocked: whatever is started from here on is the keeper's to end.
void BecomeKeeper();

// Until the command, a child, has ended: then it and all else below become the shim's, its parent, unwaited for. Or
// until the shim has: then nothing below is left when this process ends, and with it the last that holds the run's
// lock.
[[noreturn]] void Keep(pid_t shim, pid_t command);

}  // namespace spillway::cloud
