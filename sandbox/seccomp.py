"""A system call filter for sandboxes: a second wall behind the namespaces, as a classic BPF program made by hand.

Refuses (EPERM) what neither tests nor builds need and what kernel exploits and key rings have come through: mounting,
namespaces of others, modules, key rings, bpf, perf, io_uring, userfaultfd; and calls in a foreign calling convention
(32-bit, x32), which would get around the list. ptrace stays: debuggers and leak checkers work on their own children.
"""

from __future__ import annotations

import errno
import platform
import struct

_SHARED = (*range(425, 434), 442, 443)  # io_uring, the file-descriptor mount calls, mount_setattr, quotactl_fd
# In both rows: umount2 mount pivot_root acct kexec_load init_module delete_module syslog reboot sethostname
# setdomainname settimeofday add_key request_key keyctl swapon swapoff perf_event_open fanotify_init open_by_handle_at
# setns finit_module bpf userfaultfd kexec_file_load quotactl lookup_dcookie
_CALLS = {
    "x86_64": (166, 165, 155, 163, 246, 175, 176, 103, 169, 170, 171, 164, 248, 249, 250, 167, 168, 298, 300, 304, 308,
               313, 321, 323, 320, 179, 212, 172, 173),
    "aarch64": (39, 40, 41, 89, 104, 105, 106, 116, 142, 161, 162, 170, 217, 218, 219, 224, 225, 241, 262, 265, 268,
                273, 280, 282, 294, 60, 18),
}  # fmt: skip
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def program(machine: str | None = None) -> bytes | None:
    """The filter for this kind of machine; None where the call numbers are not known."""
    machine = machine or platform.machine()
    if machine not in _CALLS:
        return None
    calls = (*_CALLS[machine], *_SHARED)
    tests = [(_EQUAL, call) for call in calls]
    if machine == "x86_64":
        tests.insert(0, (_AT_LEAST, _X32))
    steps = [
        (_LOAD, 0, 0, 4),  # the calling convention
        (_EQUAL, 0, len(tests) + 2, _ARCHITECTURES[machine]),
        (_LOAD, 0, 0, 0),  # the call's number
        *((test, len(tests) - at, 0, value) for at, (test, value) in enumerate(tests)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
