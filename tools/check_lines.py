#!/usr/bin/env python3
"""Lines of code have at most 100 columns; clang-format leaves longer comments and strings alone.

    tools/check_lines.py [ROOT] [--fix]

--fix wraps comments: what is too much goes to the comment's next line, and a comment behind code
goes above it. Strings, code and lines drawn in columns are for a person.
"""
import argparse
import re
import sys
from pathlib import Path

COLUMNS = 100
MARKS = {".cc": "//", ".h": "//", ".inc": "//", ".js": "//", ".py": "#", ".cmake": "#", ".sh": "#"}
SKIP = {"build", "data", ".git", ".cache", "node_modules"}


def files_of(root):
    for file in sorted(root.rglob("*")):
        if not SKIP & set(file.relative_to(root).parts) and file.is_file():
            mark = "#" if file.name == "CMakeLists.txt" else MARKS.get(file.suffix)
            if mark:
                yield file, mark


def comment_of(line, mark):
    """(what stands before the text of a comment that has its own line, the text), or None."""
    found = re.match(rf"(\s*{mark} +)(\S.*)$", line)
    return found.groups() if found else None


def in_prose(text):
    return not re.match(r"[-*|\d]|\w+ {2,}", text) and "  " not in text and "NOLINT" not in text


def wrap(lines, at, mark):
    """Breaks the comment at `at`; the rest begins the paragraph's next line, or a new one."""
    before, text = comment_of(lines[at], mark)
    room = COLUMNS - len(before)
    end = text.rfind(" ", 0, room + 1)
    if end <= 0:
        return False
    columns = re.match(r"(\S+ {2,}|[-*] |\d+\. )", text)  # what hangs under a name or a bullet
    hanging = before + " " * (columns.end() if columns else 0)
    rest = text[end:].lstrip()
    lines[at] = before + text[:end].rstrip()
    following = comment_of(lines[at + 1], mark) if at + 1 < len(lines) else None
    if following and following[0] == hanging and in_prose(following[1]):
        lines[at + 1] = f"{hanging}{rest} {following[1]}"
    else:
        lines.insert(at + 1, hanging + rest)
    return True


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
            if comment_of(lines[at], mark):
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
        if options.fix and any(len(line) > COLUMNS for line in lines):
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
