#!/usr/bin/env python3
"""Runs ctest, then says which tests were skipped and why, and what the build left out.

    tools/run_tests.py BUILD_DIR [--need-shared] [argument of ctest...]

What ctest prints comes first, its closing line again last; the exit code is ctest's. --need-shared:
a test that is skipped although ../shared is there is a failure, because nothing else would tell
that the comparison with the official code did not happen.
"""
import argparse
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = re.compile(r"^\S+:\d+: Skipped\n(.*?)\n*^\[  SKIPPED \]", re.MULTILINE | re.DOTALL)
CLOSING = re.compile(r"^\d+% tests passed, .*$", re.MULTILINE)


def reason_of(case):
    """What GTEST_SKIP() was given; gtest prints it below the place of the call."""
    found = SKIPPED.search(case.findtext("system-out") or "")
    return found.group(1).strip() or "no reason given" if found else "it did not run"


def skipped_tests(results):
    """reason -> names of tests."""
    skipped = defaultdict(list)
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        if case.get("status") == "notrun":
            skipped[reason_of(case)].append(case.get("name"))
    return skipped


def print_skipped(skipped):
    for reason, names in sorted(skipped.items()):
        print(f"  {len(names)} test(s): {reason}")
        for name in names[:3]:
            print(f"      {name}")
        if len(names) > 3:
            print(f"      and {len(names) - 3} more")


def run_ctest(arguments):
    """ctest's exit code and its closing line, with its output passed on as it comes."""
    closing = ""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as ctest:
        for line in ctest.stdout:
            print(line, end="", flush=True)
            if CLOSING.match(line):
                closing = line.strip()
    return ctest.returncode, closing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--need-shared", action="store_true")
    options, rest = parser.parse_known_args()
    results = options.build.resolve() / "tests.xml"
    results.unlink(missing_ok=True)
    code, closing = run_ctest(
        ["ctest", "--test-dir", str(options.build), "--output-on-failure", "--no-tests=error",
         "--output-junit", str(results), *rest]
    )
    skipped = skipped_tests(results) if results.exists() else {}
    left_out = options.build / "left_out.txt"
    notes = left_out.read_text().splitlines() if left_out.exists() else []
    print("\nskipped:" if skipped or notes else "\nskipped: nothing")
    print_skipped(skipped)
    for note in notes:
        print(f"  not built: {note}")
    missed = sum(len(names) for reason, names in skipped.items() if "shared" in reason)
    if options.need_shared and missed:
        print(f"run_tests: {missed} test(s) want ../shared and did not run", file=sys.stderr)
        code = code or 1
    print(closing or "run_tests: ctest did not finish")
    return code


if __name__ == "__main__":
    sys.exit(main())
