"""Ends an application's processes when the process that started them is gone without a word.

Run as a script by `processes.Supervisor`. Its standard input is a pipe whose other end only the
supervisor holds, so it reaches its end whenever and however the supervisor ends, even by SIGKILL.
Linux could tell children themselves (PR_SET_PDEATHSIG), but not their children, and not on a Mac.
Standard library only, and nothing of ours: it has to start in milliseconds.
"""

import contextlib
import os
import signal
import sys
import time

SECONDS_TO_END = 10.0


def main() -> None:
    # It ends when the supervisor does, and not before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    leaders: set[int] = set()
    for line in sys.stdin:
        leader = int(line[1:])
        if line.startswith("+"):
            leaders.add(leader)
        else:
            leaders.discard(leader)
    end(leaders)


def end(leaders: set[int]) -> None:
    """Ask the leaders to stop, wait, then kill whatever is left of their process groups."""
    for leader in leaders:
        with contextlib.suppress(OSError):
            os.kill(leader, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline and any(map(exists, leaders)):
        time.sleep(0.05)
    for leader in leaders:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
