"""Forbids io_uring to a process and those it starts, the way containers do: io_uring_setup answers EPERM."""

import ctypes
import errno
import struct

IO_URING_SETUP = 425  # on every architecture
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER, EQUALS, ANSWER = 0x20, 0x15, 0x06  # BPF: ld [0]; jeq; ret
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def forbid():
    """For preexec_fn."""
    steps = ((LOAD_NUMBER, 0, 0, 0), (EQUALS, 0, 1, IO_URING_SETUP), (ANSWER, 0, 0, REFUSE | errno.EPERM),
             (ANSWER, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0):
        raise OSError(ctypes.get_errno(), "seccomp")
