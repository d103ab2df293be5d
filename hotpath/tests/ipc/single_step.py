"""Steps a child process through its own instructions with ptrace, and kills it at any of them (ptrace(2))."""

from __future__ import annotations

import ctypes
import os
import signal

_TRACEME, _CONT, _SINGLESTEP, _GETSIGINFO = 0, 7, 9, 0x4202
_SI_CODE_OFFSET = 8
_TRAP_TRACE = 2  # si_code of a SIGTRAP after a step; a breakpoint instruction has another

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(request: int, pid: int, data: object = None) -> None:
    ctypes.set_errno(0)
    if _libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace request {request}: {os.strerror(ctypes.get_errno())}")


def trace_me() -> None:
    """In the child: from now on every signal stops it. Raises OSError where that is forbidden."""
    _ptrace(_TRACEME, 0)


class Stepper:
    """Of a child that called `trace_me()`. Each wait returns whether it still lives."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        """Signal that stopped it; 0 = it ended."""
        _, status = os.waitpid(self.pid, 0)
        return os.WSTOPSIG(status) if os.WIFSTOPPED(status) else 0

    def go_on(self) -> int:
        _ptrace(_CONT, self.pid)
        return self.wait()

    def step(self) -> bool:
        """One instruction; False = it has come to a breakpoint, or ended."""
        _ptrace(_SINGLESTEP, self.pid)
        return self.wait() == signal.SIGTRAP and self._si_code() == _TRAP_TRACE

    def _si_code(self) -> int:
        information = (ctypes.c_char * 128)()
        _ptrace(_GETSIGINFO, self.pid, ctypes.addressof(information))
        return int.from_bytes(information.raw[_SI_CODE_OFFSET : _SI_CODE_OFFSET + 4], "little", signed=True)
