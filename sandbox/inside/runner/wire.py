"""The wire, the runner's half: constants and layouts as in sandbox/frames.py, which says what they mean."""

import struct

HEADER = struct.Struct(">IBI")  # payload bytes, kind, id
RUN = struct.Struct(">BddQIQQQII")  # flags, wall, cpu, memory, processes, output, flood, disk, open files, argc
EXIT = struct.Struct(">iiddQIQQ")  # exit code, signal, wall, cpu, peak memory, exceeded bits, stdout and stderr totals
COUNT = struct.Struct(">I")
LIMIT = struct.Struct(">Q")

K_RUN, K_INPUT, K_END_INPUT, K_KILL, K_CREDIT, K_READ, K_WRITE = range(1, 8)
K_READY, K_LIVE, K_KEPT, K_EXIT, K_DATA, K_DONE, K_TAKEN, K_FATAL = range(16, 24)
F_STREAM, F_INTERACTIVE, F_STDIN = 1, 2, 4
WALL, CPU, MEMORY, PROCESSES, OUTPUT, DISK = 1, 2, 4, 8, 16, 32

CHUNK = 1 << 16
WINDOW = 1 << 20  # bytes of an interactive program's stdout that the host takes before it has said more
