"""Runs one command and writes down what it took, as JSON: `measured.py OUT ERR FIGURES COMMAND…`.

A small process of its own, since Linux counts the memory of whoever starts a command into that command's peak.
"""

import json
import os
import sys
import time


def main(out: str, err: str, figures: str, command: list[str]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [(os.POSIX_SPAWN_OPEN, descriptor, path, flags, 0o600) for descriptor, path in ((1, out), (2, err))]
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
    _, status, used = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    found = {
        "seconds": seconds,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    with open(figures, "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])
