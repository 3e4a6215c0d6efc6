"""Child processes with a log each that never outlive the test, free ports, and waiting for conditions."""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

_libc = ctypes.CDLL(None)  # loaded here: the child may only call what is loaded before the fork
_PR_SET_PDEATHSIG = 1
_LOG_TAIL_BYTES = 4000


class Died(RuntimeError):
    """A process that had to keep running ended."""


class Process:
    """A running child with its standard output and error in `log`. Start it from the main thread: the kernel kills
    it when the thread that started it is gone, whatever ended that thread."""

    def __init__(self, name: str, argv: list, log: pathlib.Path, env: dict | None = None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log = log
        with open(log, "ab") as out:
            self._child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                           start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._child.poll()

    def check_alive(self):
        if self.exit_code is not None:
            raise Died(f"{self.name} ended with code {self.exit_code}; end of {self.log}:\n{self.tail()}")

    def tail(self) -> str:
        """The end of the log, to quote in a failure."""
        with open(self.log, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log) - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")

    def kill(self):
        """kill -9, as a crash would."""
        self._child.kill()
        self._child.wait()

    def terminate(self):
        """SIGTERM, without waiting for what comes of it."""
        self._child.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM, then after `seconds` SIGKILL. The exit code."""
        if self.exit_code is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._child.returncode


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listened on a moment ago; all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def wait_until(condition, what: str, seconds: float, needs=(), every: float = 0.05):
    """Calls `condition` until it returns something true, and returns that.

    An exception from `condition` means not yet. Raises TimeoutError, with `what` and the last answer, after
    `seconds`; and Died as soon as one of the processes in `needs` has ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            last = condition()
            if last:
                return last
        except Exception as error:  # any failure can be that of a server that is not up yet
            last = error
        for process in needs:
            process.check_alive()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}; last answer: {last!r:.2000}")
        time.sleep(every)
