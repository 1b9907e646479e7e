#!/usr/bin/env python3
"""Looks in the compiled kernels for the instructions that kernels/products.cc says make them.

    tools/check_instructions.py [--objdump PROGRAM] LIBRARY [SOURCE_DIR]

LIBRARY is libhadal_kernels.a of a build with the vector kernels of one architecture. Products of
integers must have the dots of their instruction set and none of another's; products of floats must
multiply and add in one.

Exit code 0: as the table says. 1: not, one line each. 2: the table or a kernel was not found.
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

SETS = ("avx2", "avxvnni", "avx512", "neon", "i8mm")
OF_ARM = ("neon", "i8mm")
# These have products of integers of their own, and the rest from the set before them.
ONLY_INTEGERS = ("avxvnni", "i8mm")
ROW = re.compile(r'\{Arithmetic::k(\w+), "\w+", "(\w*)", "(\w*)", "(\w*)", "(\w*)", "(\w*)"\}')
# The kernels, the first part of their file's name, and what computes their products.
KERNELS = {
    "matmul": ("F32Fma",),
    "attention": ("F32Fma",),
    "quantized_matmul": ("Int16Dot", "Int8Dot"),
    "packed_index_scores": ("Int8Dot",),
}
MEMBER = re.compile(r"^(?:.*[/(])?(\w+)\.cc\.o\)?:\s+file format")
CODE = re.compile(r"^\s*[0-9a-f]+:\s+(?:\{\w+\} )?([a-z][a-z0-9]+)")


def read_table(source):
    rows = ROW.findall((source / "kernels" / "products.cc").read_text(encoding="utf-8"))
    return {name: dict(zip(SETS, found)) for name, *found in rows}


def read_objects(library, objdump):
    """Of each object of the library, which instructions it has."""
    command = [objdump, "--disassemble", "--no-show-raw-insn", library]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects, used = {}, set()
    for line in text.splitlines():
        if found := MEMBER.match(line):
            used = objects.setdefault(found[1], set())
        elif found := CODE.match(line):
            used.add(found[1])
    return objects


def check_kernel(name, used, arithmetics, table, own):
    wanted = {table[arithmetic][own] for arithmetic in arithmetics}
    for instruction in sorted(wanted):
        if not any(code.startswith(instruction) for code in used):
            yield f"{name}: has no {instruction}, which kernels/products.cc says it is made of"
    dots = {code for row in table.values() for code in row.values()
            if code.startswith("vpdp") or code == "smmla"}
    for instruction in sorted(dots - set(table[a][own] for a in table)):
        if instruction in used:
            yield f"{name}: has {instruction}, of another instruction set"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("library")
    parser.add_argument("source", nargs="?", type=Path,
                        default=Path(__file__).parent.parent / "src")
    args = parser.parse_args()
    table, objects = read_table(args.source), read_objects(args.library, args.objdump)
    arm = any(name.endswith("_neon") for name in objects)
    sets = [own for own in SETS if (own in OF_ARM) == arm]
    wanted = [f"{kernel}_{own}" for kernel, arithmetics in KERNELS.items() for own in sets
              if own not in ONLY_INTEGERS or "Int8Dot" in arithmetics]
    missing = [name for name in wanted if name not in objects]
    if missing or not {a for arithmetics in KERNELS.values() for a in arithmetics} <= set(table):
        what = ", ".join(missing) or "the table"
        print(f"check_instructions: not found: {what}", file=sys.stderr)
        return 2
    problems = [problem for kernel, arithmetics in KERNELS.items() for own in sets
                if f"{kernel}_{own}" in objects
                for problem in check_kernel(f"{kernel}_{own}", objects[f"{kernel}_{own}"],
                                            arithmetics, table, own)]
    for problem in problems:
        print(problem)
    says = f"{len(problems)} problem(s)" if problems else "clean"
    print(f"check_instructions: {says}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
