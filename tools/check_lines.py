#!/usr/bin/env python3
"""Lines of code have at most 100 columns; clang-format leaves longer comments and strings alone.

    tools/check_lines.py [ROOT] [--fix]

--fix wraps comments: what is too much goes to the comment's next line, and a comment behind code
goes above it. Strings, code and whatever is drawn in columns or indented are for a person.
"""
import argparse
import re
import sys
from pathlib import Path

COLUMNS = 100
MARKS = {".cc": "//", ".h": "//", ".inc": "//", ".js": "//", ".py": "#", ".cmake": "#", ".sh": "#",
         ".toml": "#", ".html": None, ".css": None}  # None: --fix leaves these alone
SKIP = {"build", "data", ".git", ".cache", "node_modules"}


def is_script(file):
    with file.open("rb") as opened:
        return opened.read(2) == b"#!"


def files_of(root):
    for file in sorted(root.rglob("*")):
        if SKIP & set(file.relative_to(root).parts) or not file.is_file():
            continue
        if file.suffix in MARKS:
            yield file, MARKS[file.suffix]
        elif file.name in ("CMakeLists.txt", "Makefile") or not file.suffix and is_script(file):
            yield file, "#"


def prose_of(line, mark):
    """(what stands before the text of a comment that has its own line, the text), or None where
    that is indented or in columns: a table, a formula, code."""
    found = re.match(rf"(\s*{mark} )(\S.*)$", line)
    if not found or "  " in found.group(2) or "NOLINT" in found.group(2):
        return None
    return found.groups()


def begins_anew(text):
    return re.match(r"[-*|\d]|Source\b", text) is not None


def wrap(lines, at, mark):
    """Breaks the comment at `at`; the rest begins the paragraph's next line, or a new one."""
    before, text = prose_of(lines[at], mark)
    end = text.rfind(" ", 0, COLUMNS - len(before) + 1)
    if end <= 0:
        return
    rest = text[end:].lstrip()
    lines[at] = before + text[:end].rstrip()
    following = prose_of(lines[at + 1], mark) if at + 1 < len(lines) else None
    joins = following and following[0] == before
    if joins and not begins_anew(text) and not begins_anew(following[1]):
        lines[at + 1] = f"{before}{rest} {following[1]}"
    else:
        hanging = "  " if begins_anew(text) else ""
        lines.insert(at + 1, before + hanging + rest)


def lift(lines, at, mark):
    """A comment behind code, and its continuation below it, go above the code."""
    found = re.match(rf"(\s*)(\S.*?\S|\S) +{mark} (\S[^\"']*)$", lines[at])
    if not found or found.group(2).startswith(mark) or "NOLINT" in found.group(3):
        return False
    indent, code, text = found.groups()
    column = lines[at].index(f"{mark} {text}")
    while at + 1 < len(lines) and re.match(rf" {{{column}}}{mark} \S", lines[at + 1]):
        text += " " + lines.pop(at + 1)[column + len(mark) :].strip()
    lines[at : at + 1] = [f"{indent}{mark} {text}", indent + code]
    return True


def fix(lines, mark):
    at = 0
    while at < len(lines):
        if len(lines[at]) > COLUMNS and not lines[at].startswith("#!"):
            if prose_of(lines[at], mark):
                wrap(lines, at, mark)
            elif lift(lines, at, mark):
                continue  # the comment itself may be too long
        at += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--fix", action="store_true")
    options = parser.parse_args()
    root, long = options.root.resolve(), 0
    for file, mark in files_of(root):
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        if options.fix and mark and any(len(line) > COLUMNS for line in lines):
            fix(lines, mark)
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                long += 1
                print(f"{file.relative_to(root)}:{number}: {len(line)} columns, at most {COLUMNS}")
    print(f"check_lines: {f'{long} line(s) too long' if long else 'clean'}")
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
