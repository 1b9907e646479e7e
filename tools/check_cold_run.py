#!/usr/bin/env python3
"""How long the first `make run` takes: of a fresh clone, with a cold compiler cache.

    tools/check_cold_run.py [REPOSITORY] [--seconds S]

Clones what is committed into a temporary folder, runs `make run HADAL_WITH_TORCH=OFF` there with
ccache off and says what that took. Fails if it took more than S seconds of processor time: 310, the
usual S, are three minutes of two idle cores, less some of one while the other waits. Other work on
the machine makes them more, never less, as threads of one core slow each other.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("repository", nargs="?", type=Path, default=here)
    parser.add_argument("--seconds", type=float, default=310)
    options = parser.parse_args()
    environment = dict(os.environ, CCACHE_DISABLE="1", HADAL_SKIP_DEPS="1")
    with tempfile.TemporaryDirectory() as folder:
        clone = ["git", "clone", "--quiet", str(options.repository), folder]
        subprocess.run(clone, check=True)
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        run = ["make", "run", "HADAL_WITH_TORCH=OFF"]
        ran = subprocess.run(run, cwd=folder, env=environment, check=False)
        took, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode != 0:
        sys.exit("check_cold_run: `make run` failed")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"check_cold_run: {used:.0f} s of processor time, at most {options.seconds:.0f}; "
          f"{took:.0f} s in all", flush=True)
    if used > options.seconds:
        sys.exit("check_cold_run: too slow; build/release/.ninja_log has the time of every file")


if __name__ == "__main__":
    main()
