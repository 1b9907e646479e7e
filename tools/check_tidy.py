#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build's compile database, warnings as errors.

    tools/check_tidy.py BUILD_DIR [--all | --changed [COMMIT]] [--jobs N] [--seconds S] [PATTERN...]

Without --all: the sources of src/ except tests and the trainer's, whose every file costs LibTorch's
headers. A PATTERN is a part of a path: only matching files are checked, of all.

--changed: of these, what differs from COMMIT and what includes it, directly or not; everything, if
the rules themselves differ or COMMIT is not in this clone. Without COMMIT it is the place where
this branch left origin's main or, on main itself, the commit 20 before.

A clean file is remembered in build/tidy by a hash of what clang-tidy would see (the preprocessed
text, the flags, .clang-tidy, the version of the tool), so that a second run takes only the time to
preprocess. With --seconds, no file is started after that time, and files left out are a failure.
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
USUAL = re.compile(r"src/(?!testing/|train/).*(?<!_test)\.cc$")
RULES = re.compile(r"\.clang-tidy$|tools/check_tidy\.py$|tools/tidy_libtorch\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# The database may hold flags that only g++ knows; clang's -Wconversion means signs too.
EXTRA = [
    "-Wno-unknown-warning-option",
    "-Wno-unused-command-line-argument",
    "-Wno-sign-conversion",
]

# A test's sizes are small literals, and nobody waits for its texts.
NOT_FOR_TESTS = "-bugprone-implicit-widening-of-multiplication-result,-performance-*"


def clang_arguments(command):
    """The compile command for clang: without ccache, and without g++'s precompiled headers."""
    arguments = shlex.split(command)
    while Path(arguments[0]).name in ("env", "ccache") or "=" in arguments[0]:
        arguments = arguments[1:]
    kept = ["clang++"]
    if any("/torch/" in argument for argument in arguments):
        kept += ["-include", str(ROOT / "tools" / "tidy_libtorch.h")]
    for index, argument in enumerate(arguments[1:], 1):
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if "cmake_pch" in argument or (argument == "-include" and "cmake_pch" in following):
            continue
        if argument not in ("-Winvalid-pch", "-fpch-preprocess"):
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
    if file.name.endswith("_test.cc"):
        command.append("--checks=" + NOT_FOR_TESTS)
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


def git(*arguments):
    """What git prints; None where it fails."""
    ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else None


def changed_since(commit):
    """Paths that differ from the commit (uncommitted ones too); None if that cannot be told."""
    if not commit:
        commit = git("merge-base", "HEAD", "origin/main")
        if not commit or commit == git("rev-parse", "HEAD"):
            commit = git("rev-parse", "HEAD~20")
    differing = git("diff", "--name-only", commit) if commit else None
    if differing is None:
        return None
    return set(differing.split()) | set(git("ls-files", "--others", "--exclude-standard").split())


def read_includes():
    """path -> the paths of ours that it includes."""
    code = [f for top in ("src", "tests", "bench", "fuzz") for f in (ROOT / top).rglob("*.*")]
    code = {f.relative_to(ROOT).as_posix(): f for f in code if f.suffix in (".cc", ".h", ".inc")}
    includes = {}
    for path, file in code.items():
        names = INCLUDE.findall(file.read_text(encoding="utf-8"))
        folders = ["src/", path.rsplit("/", 1)[0] + "/", path.split("/")[0] + "/"]
        includes[path] = {folder + name for name in names for folder in folders} & code.keys()
    return includes


def touched(changed, includes):
    """The changed paths and all that include them, directly or not."""
    found, more = set(), set(changed)
    while more:
        found |= more
        more = {path for path, names in includes.items() if names & more} - found
    return found


def choose(files, patterns, everything):
    for path, how in files.items():
        if any(p in path for p in patterns) if patterns else everything or USUAL.match(path):
            yield path, how


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("patterns", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--changed", nargs="?", const="", metavar="COMMIT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_intermixed_args()
    build = options.build.resolve()
    if not (build / "compile_commands.json").exists():
        sys.exit(f"check_tidy: no {build}/compile_commands.json; configure the build first")
    database = read_database(build)
    write_database(database)
    files = list(choose(database, options.patterns, options.all))
    if options.changed is not None:
        changed = changed_since(options.changed)
        if changed is not None and not any(RULES.search(path) for path in changed):
            chosen = touched(changed, read_includes())
            files = [(path, how) for path, how in files if path in chosen]
            if not files:
                print("check_tidy: nothing that it checks has changed")
                return 0
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
        print(f"check_tidy: OUT OF TIME, not checked: {' '.join(left_out)}")
    print(f"check_tidy: {len(files) - len(left_out)} file(s) in {took:.0f} s, {bad} with findings")
    return 1 if bad or left_out else 0


if __name__ == "__main__":
    sys.exit(main())
