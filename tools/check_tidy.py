#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build's compile database, warnings as errors.

    tools/check_tidy.py BUILD_DIR [--jobs N] [--seconds S] [PATTERN...]

A PATTERN is a part of a path: only matching files are checked. A clean file is remembered under
build/tidy by a hash of what clang-tidy would see (the preprocessed text, the flags, .clang-tidy, the
version of the tool), so a second run takes only the time to preprocess. With --seconds, no file is
started after that time: what was left out is said, and the exit code is that of what was checked.
"""
import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "tidy"
EXTRA = ["-Wno-unknown-warning-option"]  # the database may hold flags that only g++ knows


def preprocess_command(arguments):
    """The compile command with clang++ in place of the compiler (and ccache), and -E."""
    if Path(arguments[0]).name == "ccache":
        arguments = arguments[1:]
    output = arguments.index("-o")
    return ["clang++", *arguments[1:output], *arguments[output + 2 :], *EXTRA, "-E", "-C"]


def check(file, directory, arguments, build, salt):
    """None if clean, otherwise what clang-tidy says."""
    pre = subprocess.run(preprocess_command(arguments), cwd=directory, capture_output=True, check=False)
    # -C keeps comments, because NOLINT is one.
    key = hashlib.sha256(salt + shlex.join(arguments).encode() + pre.stdout).hexdigest()
    if pre.returncode == 0 and (CACHE / key).exists():
        return None
    command = ["clang-tidy", "--quiet", "-p", str(build), str(file)]
    command += [f"--extra-arg={extra}" for extra in EXTRA]
    tidy = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if tidy.returncode == 0:
        if pre.returncode == 0:
            (CACHE / key).touch()
        return None
    return tidy.stdout or tidy.stderr


def wanted(entries, patterns):
    """One entry a file, ours only (not what CMake generated), smallest path first."""
    files = {}
    for entry in entries:
        file = Path(entry["directory"], entry["file"]).resolve()
        if not file.is_relative_to(ROOT) or file.is_relative_to(ROOT / "build"):
            continue
        path = file.relative_to(ROOT).as_posix()
        if not patterns or any(pattern in path for pattern in patterns):
            files[path] = (file, entry["directory"], shlex.split(entry["command"]))
    return sorted(files.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("patterns", nargs="*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    database = options.build.resolve() / "compile_commands.json"
    if not database.exists():
        sys.exit(f"check_tidy: no {database}; configure the build first")
    files = wanted(json.loads(database.read_text()), options.patterns)
    if not files:
        sys.exit("check_tidy: no file to check")
    CACHE.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    started = time.monotonic()
    bad, left_out = 0, []

    def work(item):
        path, (file, directory, arguments) = item
        if time.monotonic() - started > options.seconds:
            return path, "left out"
        return path, check(file, directory, arguments, database.parent, salt)

    with ThreadPoolExecutor(options.jobs) as pool:
        for path, says in pool.map(work, files):
            if says == "left out":
                left_out.append(path)
            elif says:
                bad += 1
                print(f"== {path}\n{says}", flush=True)
    took = time.monotonic() - started
    if left_out:
        print(f"check_tidy: out of time, not checked: {' '.join(left_out)}")
    print(f"check_tidy: {len(files) - len(left_out)} file(s) in {took:.0f} s, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
