#include "cloud/providers/process/descendants.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace spillway::cloud {
namespace {

// False: it is not known which they are.
bool KillChildren() {
  const int list = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (list < 0) return false;
  char bytes[512];
  pid_t child = 0;
  ssize_t size = 0;
  while ((size = ::read(list, bytes, sizeof bytes)) > 0) {
    for (ssize_t i = 0; i < size; ++i) {
      if (bytes[i] >= '0' && bytes[i] <= '9') {
        child = 10 * child + (bytes[i] - '0');
      } else {
        if (child > 0) ::kill(child, SIGKILL);  // ours, and not waited for: nobody else has its number
        child = 0;
      }
    }
  }
  ::close(list);
  return true;
}

}  // namespace

bool AdoptDescendants() { return ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0; }

// With each child that dies its own become ours, so it ends with those that had no child any more.
void KillDescendants() {
  while (KillChildren()) {
    const pid_t ended = ::waitpid(-1, nullptr, 0);
    if (ended < 0 && errno == ECHILD) return;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

}  // namespace spillway::cloud
