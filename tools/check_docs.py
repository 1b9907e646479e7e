#!/usr/bin/env python3
"""Checks that the documents name only what exists.

    tools/check_docs.py [ROOT] [--program build/hadal [--fix]]

In every *.md outside build/: relative links and their #anchors; paths in `code spans` that begin
with a folder of this repository (or, for C++ files, with a layer: `io/file.h`); `make TARGET` in
code; and, given the program, the subcommands and --flags of `hadal COMMAND ...`. Paths may hold *
and {a,b}; a path with <NAME>, CAPITALS or ... in it is a pattern for the reader and is not checked.

A code block that begins with "$ hadal plan ..." shows what that command prints: the program is run,
and the lines below must be its output. A line "..." stands for any lines left out. --fix writes
what the program prints now into blocks that show all of it or its beginning.
"""
import argparse
import re
import shlex
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

SKIP = {"build", "data", ".git", ".cache", "node_modules"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"^\.?[a-z][\w.*{},-]*(/[\w.*{},+-]+)+/?$|^[\w-]+\.(md|txt|toml|json|sh|py)$")
PLACEHOLDER = re.compile(r"(?<![A-Za-z])[A-Z][A-Z0-9]*(?![A-Za-z])(?!\.md)|<|\.\.\.")
SHOWN = re.compile(r"^```[^\n]*\n\$ (hadal plan (?:[^\n]*\\\n)*[^\n]*)\n(.*?)^```", re.M | re.S)
HADAL = re.compile(r"(?:^|[\s(/])hadal((?: +[a-z][\w-]*){1,2})(?= |$)([^|;&>#]*)")


def expand(pattern):
    """{a,b} as a shell would."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    return [
        path
        for choice in found.group(1).split(",")
        for path in expand(pattern[: found.start()] + choice + pattern[found.end() :])
    ]


def anchors(text):
    """GitHub's anchors of the headings."""
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower())
        yield plain.replace(" ", "-")


class Documents:
    def __init__(self, root, program):
        self.root, self.program = root, program
        found = sorted(root.rglob("*.md"))
        self.files = [file for file in found if not SKIP & set(file.relative_to(root).parts)]
        self.tops = {entry.name for entry in root.iterdir() if entry.name not in SKIP}
        self.layers = {entry.name for entry in (root / "src").glob("*") if entry.is_dir()}
        makefile = root / "Makefile"
        text = makefile.read_text() if makefile.exists() else ""
        self.targets = set(re.findall(r"^([\w-]+):(?!=)", text, re.MULTILINE))

    def exists(self, path, folder):
        """From the repository's root, from the document's folder, or from src/."""
        places = [self.root, folder, self.root / "src"]
        return any(place.exists() and (place / path).exists() for place in places) or (
            "*" in path and any(any(place.glob(path.rstrip("/"))) for place in places)
        )

    def check_link(self, target, file, text):
        if re.match(r"[a-z]+:", target):
            return
        path, _, anchor = target.partition("#")
        where = (file.parent / path).resolve() if path else file
        if not where.exists():
            yield f"links to {target}, which does not exist"
        elif anchor and where.suffix == ".md":
            if anchor not in anchors(where.read_text(encoding="utf-8") if path else text):
                yield f"links to {target}, but there is no such heading"

    def check_path(self, word, file):
        word = re.sub(r":\d+$", "", word.strip("\"',;()").rstrip(".:"))
        if PLACEHOLDER.search(word) or not PATH.match(word):
            return
        top = word.split("/")[0]
        known = top in self.tops or (top in self.layers and re.search(r"\.(cc|h)$", word))
        if "/" in word and not known:
            return  # a path of the reader's, a model's name, a/b
        if "/" not in word and not word.endswith(".md"):
            return
        for path in expand(word):
            if not self.exists(path, file.parent):
                yield f"names {path}, which does not exist"

    def check_code(self, code):
        for target in re.findall(r"(?:^|\s)make ([a-z][\w-]*)", code):
            if target not in self.targets:
                yield f"names `make {target}`, which the Makefile does not have"
        if self.program:
            for words, rest in HADAL.findall(code):
                yield from self.check_command(words.split(), rest)

    @lru_cache(maxsize=None)
    def help_of(self, *words):
        command = [str(self.program), *words, "--help"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return ran.stdout if ran.returncode == 0 else None

    def check_command(self, words, rest):
        general = self.help_of()
        if general is None:
            yield f"cannot run {self.program} --help"
            return
        if not re.search(rf"^ +{re.escape(words[0])}\b", general, re.MULTILINE):
            yield f"names `hadal {words[0]}`, which `hadal --help` does not"
            return
        page = self.help_of(words[0]) or ""
        if len(words) > 1 and re.search(rf"^ +{re.escape(words[1])}\b", page, re.MULTILINE):
            page = self.help_of(*words) or ""
        for flag in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", rest):
            if not re.search(rf"{re.escape(flag)}\b", page):
                yield f"names `hadal {' '.join(words)} {flag}`, which its --help does not"

    def output_of(self, command):
        words = shlex.split(command.replace("\\\n", ""))[1:]
        ran = subprocess.run(
            [str(self.program), *words], capture_output=True, text=True, check=False, cwd=self.root
        )
        return [line.rstrip() for line in (ran.stdout + ran.stderr).splitlines()]

    def fix_outputs(self):
        def fixed(block):
            shown = block.group(2).splitlines()
            lines = self.output_of(block.group(1))
            if "..." in shown[:-1]:
                return block.group(0)
            if shown[-1:] == ["..."]:
                lines = lines[: len(shown) - 1] + ["..."]
            begin, end = (place - block.start() for place in block.span(2))
            printed = "".join(f"{line}\n" for line in lines)
            return block.group(0)[:begin] + printed + block.group(0)[end:]

        for file in self.files:
            text = file.read_text(encoding="utf-8")
            if (new := SHOWN.sub(fixed, text)) != text:
                file.write_text(new, encoding="utf-8")

    def check_output(self, command, shown):
        """The block's lines are the command's, in order; "..." leaves some out."""
        printed = self.output_of(command)
        at, skipping = 0, False
        for line in shown:
            if line.strip() == "...":
                skipping = True
                continue
            while skipping and at < len(printed) and printed[at] != line:
                at += 1
            if at >= len(printed) or printed[at] != line:
                return f"shows '{line}', which `{command}` does not print there (--fix?)"
            at, skipping = at + 1, False
        if at < len(printed) and not skipping:
            return f"leaves out '{printed[at]}', which `{command}` prints"
        return None

    def check_outputs(self, text):
        for block in re.finditer(SHOWN, text):
            number = text.count("\n", 0, block.start()) + 1
            shown = [line.rstrip() for line in block.group(2).splitlines()]
            if problem := self.check_output(block.group(1), shown):
                yield number, problem

    def check_file(self, file):
        text = file.read_text(encoding="utf-8")
        if self.program:
            for number, problem in self.check_outputs(text):
                yield f"{file.relative_to(self.root)}:{number}: {problem}"
        fence = False
        for number, line in enumerate(text.splitlines(), 1):
            if line.lstrip().startswith("```"):
                fence = not fence
                continue
            problems = []
            for code in [line] if fence else SPAN.findall(line):
                problems += self.check_code(code)
                for word in code.split():
                    problems += self.check_path(word, file)
            if not fence:
                for target in LINK.findall(line):
                    problems += self.check_link(target, file, text)
            for problem in dict.fromkeys(problems):
                yield f"{file.relative_to(self.root)}:{number}: {problem}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--fix", action="store_true")
    options = parser.parse_args()
    program = options.program.resolve() if options.program else None
    documents = Documents(options.root.resolve(), program)
    if options.fix and program:
        documents.fix_outputs()
    problems = [problem for file in documents.files for problem in documents.check_file(file)]
    for problem in problems:
        print(problem)
    says = f"{len(problems)} problem(s)" if problems else "clean"
    print(f"check_docs: {len(documents.files)} document(s), {says}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
