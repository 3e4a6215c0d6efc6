#include "cloud/providers/process/keeper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

#include "cloud/providers/process/descendants.h"

namespace spillway::cloud {
namespace {

// The command stays as it is, for the shim to wait for; of all others nothing is to be told.
bool HasEnded(pid_t command) {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return false;
    if (ended.si_pid == command) return true;
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace

void BecomeKeeper() {
  ::prctl(PR_SET_NAME, "spillway-keeper");
  AdoptDescendants();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
}

void Keep(pid_t shim, pid_t command) {
  sigset_t asked;
  ::sigemptyset(&asked);
  for (const int number : {SIGCHLD, SIGTERM}) ::sigaddset(&asked, number);
  for (;;) {
    if (::getppid() != shim) {
      KillDescendants();
      ::_exit(0);
    }
    if (HasEnded(command)) ::_exit(0);
    ::sigwaitinfo(&asked, nullptr);
  }
}

}  // namespace spillway::cloud
