#!/usr/bin/env python3
"""Checks the includes of the source tree against the layers; the tables here are the architecture.

    tools/check_layers.py [ROOT] [--draw]

Exit code 0: clean. 1: violations, one line each. The picture in docs/architecture.md is drawn from
the same table, without the arrows that follow from others; --draw draws it anew. The tables there
and in CONTRIBUTING.md must say the same.
"""
import argparse
import re
import sys
from pathlib import Path

# What a folder of src/ may include besides itself.
MAY_INCLUDE = {
    "base": "",
    "tensor": "base",
    "io": "base tensor",
    "kernels": "base tensor",
    "machine": "base tensor io kernels",
    "text": "base",
    "grammar": "base text",
    "page": "base",
    "chat": "base text grammar",
    "datagen": "base text grammar chat",
    "arch": "base tensor io kernels",
    "convert": "base tensor io arch",
    "model": "base tensor io kernels arch",
    "cost": "base tensor kernels arch model",
    "cache": "base tensor io kernels arch model cost",
    "engine": "base tensor io kernels text grammar arch model cost cache",
    "talk": "base tensor io kernels text grammar chat arch model cost cache engine",
    "server": "base tensor io kernels text grammar chat arch model cost cache engine",
    "eval": "base tensor io kernels text grammar chat datagen arch model cost cache engine",
    "train": "base tensor io kernels text arch convert model",
    "plan": "base tensor io kernels arch model cost",
    "measure": "base tensor io kernels machine text grammar chat arch model cost cache engine",
    "cli": "base tensor io kernels machine text grammar chat datagen arch convert model cost cache "
    "engine server talk page eval plan measure",
    "testing": "base tensor io",  # itself only for tests, see MAY_TEST
}
MAY_INCLUDE = {layer: set(others.split()) for layer, others in MAY_INCLUDE.items()}

# Outside code enters through one place: first part of the <...> include -> paths that may hold it.
OUTSIDE = {
    "torch": r"src/train/",
    "ATen": r"src/train/",
    "c10": r"src/train/",
    "nlohmann": r"src/base/json\.cc$",
    "CLI": r"src/cli/command_line\.cc$|src/train/hadal_train_main\.cc$",
    "pcre2.h": r"src/text/",
    "xxhash.h": r"src/io/(checksum|digest)\.cc$",
    "liburing.h": r"src/io/read_uring\.cc$",
    "histedit.h": r"src/talk/edited_lines\.cc$",
    "boost": r"src/server/(loop|loop_impl|listener|session)\.(h|cc)$|src/talk/http_client\.cc$",
    "toml++": r"src/train/|src/plan/",
    "gtest": r"src/testing/|src/.*_test\.(cc|h)$|tests/",
    "rapidcheck": r"src/.*_test\.cc$|tests/",
    "rapidcheck.h": r"src/.*_test\.cc$|tests/",
    "benchmark": r"bench/",
}
MAY_TEST = re.compile(r"src/testing/|src/.*_test\.(cc|h)$|tests/|bench/")  # may include testing/
CODE = {".cc", ".h", ".inc", ".py", ".sh", ".cmake"}
MAX_LINES = 800
TABLE_ROW = re.compile(r"^\| `src/(\w+)` \|.*\| ?([^|]*?) ?\|$", re.MULTILINE)
PICTURE = re.compile(r"^```mermaid\n.*?^```", re.MULTILINE | re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_outside(path, name):
    key = name.split("/")[0]
    if key in OUTSIDE and not re.match(OUTSIDE[key], path):
        yield f"includes <{name}>, which may enter only through {OUTSIDE[key]}"


def check_own(root, path, name, layer):
    target = name.split("/")[0]
    if not layer and "/" in name and (root / path.split("/")[0] / name).exists():
        return  # tests/, bench/ and fuzz/ share headers within themselves: "reference/rope.h"
    if target not in MAY_INCLUDE or "/" not in name:
        if layer or "/" in name:
            yield f'includes "{name}", which is not a path from src/ ("layer/file.h")'
    elif target == "testing" and not MAY_TEST.match(path):
        yield f'includes "{name}": testing/ is for tests only'
    elif layer and target not in {layer, "testing"} | MAY_INCLUDE[layer]:
        allowed = " ".join(sorted(MAY_INCLUDE[layer])) or "nothing"
        yield f'includes "{name}": {layer} may include {allowed}'
    elif not layer and target == "train" and path.split("/")[0] not in ("tests", "bench"):
        yield f'includes "{name}": train/ is for its own program only'


def check_file(root, file):
    path = file.relative_to(root).as_posix()
    parts = path.split("/")
    text = file.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines; at most {MAX_LINES}, one subject a file"
    if file.suffix not in (".cc", ".h", ".inc"):
        return
    layer = None
    if parts[0] == "src":
        if len(parts) == 2:
            yield f"{path}: the root of src/ holds no code"
            return
        layer = parts[1]
        if layer not in MAY_INCLUDE:
            yield f"{path}: '{layer}' is no layer; add it to tools/check_layers.py with its place"
            return
    if file.suffix == ".h" and "#pragma once" not in lines:
        yield f"{path}: a header without #pragma once"
    for number, line in enumerate(lines, 1):
        if found := INCLUDE.match(line):
            quote, name = found.groups()
            if quote == '"':
                problems = check_own(root, path, name, layer)
            else:
                problems = check_outside(path, name)
            yield from (f"{path}:{number}: {problem}" for problem in problems)


def check_cmake(root, layer):
    """The NEEDS of a layer's libraries must be in the table too, or be parts of the layer."""
    file = root / "src" / layer / "CMakeLists.txt"
    if not file.exists():
        return
    text = re.sub(r"#.*", "", file.read_text(encoding="utf-8"))
    parts = set(re.findall(r"hadal_library\(\s*(\w+)", text))
    for call in re.findall(rf"hadal_(?:layer\(\s*{layer}|library\(\s*\w+)\b([^)]*)\)", text):
        needs = re.search(r"\bNEEDS\b([\w\s]*?)(?:\bLIBS\b|$)", call)
        for need in needs.group(1).split() if needs else []:
            if need not in MAY_INCLUDE[layer] | parts:
                yield f"src/{layer}/CMakeLists.txt: NEEDS {need}, which the table does not allow"


# Headers of src/kernels that declare no operation on numbers.
NOT_OPERATIONS = {"isa", "products"}


def check_references(root):
    """An operation's header declares its definition, what tests compare every other form with."""
    for header in sorted((root / "src" / "kernels").glob("*.h")):
        if not header.with_suffix(".cc").exists() or header.stem in NOT_OPERATIONS:
            continue
        if "namespace ref {" not in header.read_text(encoding="utf-8"):
            yield f"src/kernels/{header.name}: an operation without its definition in namespace ref"


def has_cycle():
    done = set()
    while ready := {layer for layer, needs in MAY_INCLUDE.items() if needs <= done} - done:
        done |= ready
    return len(done) < len(MAY_INCLUDE)


def reaches(layer):
    """All that a layer may include, and what those may."""
    return set().union(*({other} | reaches(other) for other in MAY_INCLUDE[layer]))


def picture():
    """The table as a graph in Mermaid's language, which GitHub draws: an arrow from a layer to what
    may include it. Only direct ones: a -> c is left out where a -> b -> c says it. No testing."""
    lines = ["```mermaid", "graph LR"]
    for layer, needs in MAY_INCLUDE.items():
        direct = needs - set().union(*(reaches(need) for need in needs))
        if layer != "testing":
            lines += [f"  {need} --> {layer}" for need in MAY_INCLUDE if need in direct]
    return "\n".join([*lines, "```"])


def check_picture(root):
    page = root / "docs" / "architecture.md"
    if page.exists() and picture() not in page.read_text(encoding="utf-8"):
        yield "docs/architecture.md: its picture of the layers is not the table's (--draw draws it)"


def check_tables(root):
    """What documents say that a layer may include: its list, or "all but" another."""
    for name in ("CONTRIBUTING.md", "docs/architecture.md"):
        page = root / name
        rows = dict(TABLE_ROW.findall(page.read_text(encoding="utf-8"))) if page.exists() else {}
        for layer in MAY_INCLUDE if rows else ():
            said = set(rows.get(layer, "").split())
            if rows.get(layer, "").startswith("all but "):
                said = set(MAY_INCLUDE) - {layer, "testing"} - (said - {"all", "but"})
            if layer not in rows or said != MAY_INCLUDE[layer]:
                allowed = " ".join(other for other in MAY_INCLUDE if other in MAY_INCLUDE[layer])
                yield f"{name}: its table has not that {layer} may include: {allowed or 'nothing'}"


def draw(root):
    page = root / "docs" / "architecture.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(PICTURE.sub(lambda _: picture(), text, count=1), encoding="utf-8")


def check_tree(root):
    if has_cycle():
        yield "tools/check_layers.py: the table has a cycle or names an unknown layer"
    for top in ("src", "tests", "bench", "fuzz", "tools", "cmake"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix in CODE and file.is_file():
                yield from check_file(root, file)
    for layer in MAY_INCLUDE:
        yield from check_cmake(root, layer)
    yield from check_references(root)
    yield from check_picture(root)
    yield from check_tables(root)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    root = options.root.resolve()
    if options.draw:
        draw(root)
    problems = list(check_tree(root))
    for problem in problems:
        print(problem)
    print(f"check_layers: {len(problems)} problem(s)" if problems else "check_layers: clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
