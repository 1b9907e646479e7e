#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build's compile database, warnings as errors.

    tools/check_tidy.py BUILD_DIR [--all] [--jobs N] [--seconds S] [PATTERN...]

Without --all: the sources of src/ except tests. Never the trainer: clang 14 does not accept the headers
of LibTorch 1.13 as C++20. A PATTERN is a part of a path: only matching files are checked, of all.

A clean file is remembered in build/tidy by a hash of what clang-tidy would see (the preprocessed text,
the flags, .clang-tidy, the version of the tool), so that a second run takes only the time to
preprocess. With --seconds, no file is started after that time; what was left out is said.
"""
import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "tidy"
USUAL = re.compile(r"src/(?!testing/).*(?<!_test)\.cc$")
TRAINER = re.compile(r"src/train/|tests/.*train")
EXTRA = ["-Wno-unknown-warning-option"]  # the database may hold flags that only g++ knows


def clang_arguments(command):
    """The compile command for clang: without ccache, and without g++'s precompiled header."""
    arguments = shlex.split(command)
    if Path(arguments[0]).name == "ccache":
        arguments = arguments[1:]
    kept = ["clang++"]
    for index, argument in enumerate(arguments[1:], 1):
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if "cmake_pch" in argument or (argument == "-include" and "cmake_pch" in following):
            continue
        if argument != "-Winvalid-pch":
            kept.append(argument)
    return kept + EXTRA


def check(file, directory, arguments, salt):
    """None if clean, otherwise what clang-tidy says."""
    output = arguments.index("-o")
    # -C keeps comments, because NOLINT is one.
    expand = [*arguments[:output], *arguments[output + 2 :], "-E", "-C"]
    expanded = subprocess.run(expand, cwd=directory, capture_output=True, check=False)
    key = hashlib.sha256(salt + shlex.join(arguments).encode() + expanded.stdout).hexdigest()
    known = expanded.returncode == 0
    if known and (CACHE / key).exists():
        return None
    command = ["clang-tidy", "--quiet", "-p", str(CACHE), str(file)]
    tidy = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if tidy.returncode != 0:
        return tidy.stdout or tidy.stderr
    if known:
        (CACHE / key).touch()
    return None


def read_database(build):
    """path -> (file, directory, arguments), ours only, not what CMake generated."""
    files = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = Path(entry["directory"], entry["file"]).resolve()
        if file.is_relative_to(ROOT) and not file.is_relative_to(ROOT / "build"):
            path = file.relative_to(ROOT).as_posix()
            files[path] = (file, entry["directory"], clang_arguments(entry["command"]))
    return dict(sorted(files.items()))


def write_database(files):
    entries = [
        {"file": str(file), "directory": directory, "arguments": arguments}
        for file, directory, arguments in files.values()
    ]
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "compile_commands.json").write_text(json.dumps(entries))


def choose(files, patterns, everything):
    for path, how in files.items():
        if TRAINER.match(path):
            continue
        if any(p in path for p in patterns) if patterns else everything or USUAL.match(path):
            yield path, how


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("patterns", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_intermixed_args()
    build = options.build.resolve()
    if not (build / "compile_commands.json").exists():
        sys.exit(f"check_tidy: no {build}/compile_commands.json; configure the build first")
    database = read_database(build)
    write_database(database)
    files = list(choose(database, options.patterns, options.all))
    if not files:
        sys.exit("check_tidy: no file to check")
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    started = time.monotonic()
    bad, left_out = 0, []

    def work(item):
        path, (file, directory, arguments) = item
        if time.monotonic() - started > options.seconds:
            return path, "left out"
        return path, check(file, directory, arguments, salt)

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
