#include "cloud/providers/process/exec_failure.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace spillway::cloud {

const char* ErrorWords(int error) {
  switch (error) {
    case ENOENT:
      return "no such file or directory";
    case EACCES:
      return "permission denied";
    case EPERM:
      return "operation not permitted";
    case ENOTDIR:
      return "not a directory";
    case EISDIR:
      return "is a directory";
    case ENOEXEC:
      return "exec format error";
    case E2BIG:
      return "argument list too long";
    case ELOOP:
      return "too many levels of symbolic links";
    case ETXTBSY:
      return "text file busy";
    case ENOMEM:
      return "cannot allocate memory";
    case ENOSPC:
      return "no space left on device";
    case EROFS:
      return "read-only file system";
    case EBUSY:
      return "device or resource busy";
    case EINVAL:
      return "invalid argument";
    default:
      return "the kernel refuses";
  }
}

void ExecFailure::Say(std::initializer_list<const char*> pieces) const {
  for (const char* piece : pieces) (void)!::write(told_, piece, ::strlen(piece));
  ::_exit(kCannotStart);
}

void ExecFailure::SayOfExec(const char* name, const char* path, int error) const {
  struct stat info{};
  if (::stat(path, &info) != 0) Say({"exec: \"", name, "\": stat ", path, ": ", ErrorWords(errno)});
  if (S_ISDIR(info.st_mode)) Say({"exec: \"", name, "\": ", ErrorWords(EISDIR)});
  if (error == EACCES) Say({"exec: \"", name, "\": ", ErrorWords(EACCES)});
  Say({"exec ", path, ": ", ErrorWords(error)});
}

}  // namespace spillway::cloud
