#!/usr/bin/env python3
"""Counts the instructions of the integer products: what bounds their speed where none is measured.

    tools/count_instructions.py [--objdump PROGRAM] LIBRARY

LIBRARY is libhadal_kernels.a of an optimised build for one architecture. For every instruction set
in it, product and number of rows: what 128 products (of one row: 128 codes) take, in instructions,
those of vectors but loads and stores, and loads; and the bound, on the processors of PROCESSORS, if
in every cycle each pipeline began what it can.

Counted is the shortest way round a loop, so without what rare codes and the ends of rows cost, and
of a tile the way through its function. Decoding weights for many rows and laying these out is not
in it.

Exit code 0: counted. 1: a function or its loop was not found, one line each.
"""
import argparse
import re
import subprocess
import sys
from collections import Counter, namedtuple

# Multiply-adds of one instruction by the bits of its registers.
DOTS = {"smmla": {128: 32}, "sdot": {128: 16}, "smull": {128: 4}, "smull2": {128: 4},
        "smlal": {128: 4}, "smlal2": {128: 4},
        "vpmaddubsw": {256: 32}, "vpdpbusd": {256: 32, 512: 64},
        "vpmaddwd": {256: 16, 512: 32}, "vpdpwssd": {256: 16, 512: 32},
        "fmla": {128: 4}, "vfmadd": {256: 8, 512: 16}}
BYTES = ("vpmaddubsw", "vpdpbusd", "sdot", "smmla")
WORDS = ("vpmaddwd", "vpdpwssd", "smull", "smull2", "smlal", "smlal2")
FLOATS = ("fmla", "vfmadd")
SETS = ("avx2", "avxvnni", "avx512", "neon", "i8mm")

# `macs`: multiply-adds of a round of a loop, or else of a call of the function, whose loop makes
# as many rounds as that takes. `split`: products of bytes for one of words. `inner`: rounds of
# loops in the loop.
Case = namedtuple("Case", "product rows kernel function dots loop macs split inner",
                  defaults=(1, 1))


def cases_of(own):
    tokens, rows = (6, 32) if own == "avx512" else (4, 16)  # of a register tile
    heads = 8 if own == "avx512" else 4
    few = "quantized_matmul"
    words = ("vpmaddwd",) if own == "avx2" else WORDS
    if own not in ("avxvnni", "i8mm"):
        yield Case("BF16", "one", "matmul", r"MatMulBf16\(", FLOATS, True, 2 * 16)
    yield Case("FP4", "one", few, r"MatMulInt8Fp4\(|DirectFp4(Rows)?<1ul>",
               ("sdot",) if own == "i8mm" else BYTES, True, 4 * 128)
    yield Case("FP8", "one", few, r"AddOneFp8\(", words, True, 128)
    if own == "i8mm":
        yield Case("FP4", "many", few, r"AddFp4<2ul>", BYTES, True, 4 * 8 * 32)
        yield Case("FP8", "many", few, r"AddFp8<4ul>", BYTES, True, 8 * 8 * 32, 4, 4)
        yield Case("index scores", "many", "packed_index_scores", r"AddFoldedHeads<4ul>", BYTES,
                   False, 8 * 8 * 128)
        return
    yield Case("FP4", "many", few, rf"AddFp4<{tokens}ul>", BYTES, True, tokens * rows * 32)
    yield Case("FP8", "many", few, rf"AddFp8<{tokens}ul>", words, False, tokens * rows * 32)
    yield Case("index scores", "many", "packed_index_scores", rf"AddFoldedHeads<{heads}ul>", BYTES,
               False, heads * rows * 128)


Instruction = namedtuple("Instruction", "name operands")
MEMBER = re.compile(r"^(?:.*[/(])?(\w+)\.cc\.o\)?:\s+file format")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.*)>:$")
CODE = re.compile(r"^\s*([0-9a-f]+):\s+(?:\{\w+\} )?([a-z][a-z0-9.]*)\s*(.*)$")
TARGET = re.compile(r"\b([0-9a-f]+) <")


def read_functions(library, objdump):
    """Of each object: the name and the instructions, by address, of each function."""
    command = [objdump, "--disassemble", "--demangle", "--no-show-raw-insn", library]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects, functions, code = {}, [], {}
    for line in text.splitlines():
        if found := MEMBER.match(line):
            functions = objects.setdefault(found[1], [])
        elif found := FUNCTION.match(line):
            code = {}
            functions.append((found[2], code))
        elif found := CODE.match(line):
            code[int(found[1], 16)] = Instruction(found[2], found[3])
    return objects


def is_end(name):
    return name.startswith("ret") or name in ("ud2", "br", "hlt", "brk", "udf")


def is_jump(name):
    return name in ("jmp", "b")


def is_branch(name):
    return name.startswith("b.") or name in ("cbz", "cbnz", "tbz", "tbnz") or (
        name.startswith("j") and name != "jmp")


class Flow:
    """A function's instructions as a graph, without the edges that close its loops."""

    def __init__(self, code):
        self.code = code
        self.addresses = sorted(code)
        following = dict(zip(self.addresses, self.addresses[1:]))
        self.next = {at: self.successors(at, following.get(at)) for at in self.addresses}
        self.order, self.loops = [], []  # a loop: its first and its last instruction
        self.visit(self.addresses[0])
        for last, first in self.loops:
            self.next[last] = [at for at in self.next[last] if at != first]

    def successors(self, at, following):
        name, operands = self.code[at]
        to = []
        if not is_end(name) and not is_jump(name) and following is not None:
            to.append(following)
        if (is_jump(name) or is_branch(name)) and (found := TARGET.search(operands)):
            target = int(found[1], 16)
            if target in self.code:
                to.append(target)
        return to

    def visit(self, start):
        state, stack = {start: 1}, [(start, iter(self.next[start]))]
        while stack:
            at, rest = stack[-1]
            to = next(rest, None)
            if to is None:
                state[at] = 2
                self.order.append(at)
                stack.pop()
            elif to not in state:
                state[to] = 1
                stack.append((to, iter(self.next[to])))
            elif state[to] == 1:
                self.loops.append((at, to))
        self.order.reverse()

    def shortest(self, first, lasts):
        """The fewest instructions from one to one of others, both included; none: no way."""
        best = {first: (1, None)}
        for at in self.order:
            if at in best and not (at in lasts and at != first):
                for to in self.next[at]:
                    if to not in best or best[at][0] + 1 < best[to][0]:
                        best[to] = (best[at][0] + 1, at)
        ends = [at for at in lasts if at in best]
        if not ends:
            return []
        path, at = [], min(ends, key=lambda end: best[end][0])
        while at is not None:
            path.append(at)
            at = best[at][1]
        return path

    def of(self, path):
        return [self.code[at] for at in path]


def register_bits(instruction):
    return {"z": 512, "y": 256}.get((re.search(r"%([zy])mm", instruction.operands) or " x")[1], 128)


def macs_of(counts, dots):
    return sum(times * DOTS[kind].get(register_bits(i), 0)
               for i, times in counts.items() if (kind := kind_of(i.name)) in dots)


def kind_of(name):
    return "vfmadd" if name.startswith("vfmadd") and name.endswith("ps") else name


def rounds(flow, case):
    """The shortest way round each loop, what it takes, and the multiply-adds that it does."""
    paths = [path for last, first in flow.loops if (path := flow.shortest(first, {last}))]
    for path in paths:
        counts = Counter(flow.of(path))
        for inner in paths:
            if set(inner) < set(path):
                for instruction in flow.of(inner):
                    counts[instruction] += case.inner - 1
        yield path, counts, macs_of(counts, case.dots)


def count_loop(flow, case):
    wanted = case.macs * case.split
    fits = [(counts, macs) for _, counts, macs in rounds(flow, case) if macs == wanted]
    return min(fits, key=lambda fit: fit[0].total(), default=None)


def count_call(flow, case):
    ends = {at for at in flow.addresses if is_end(flow.code[at].name)}
    way = flow.shortest(flow.addresses[0], ends)
    found = [one for one in rounds(flow, case) if one[2]]
    if not way or not found:
        return None
    path, counts, macs = max(found, key=lambda one: one[2])
    inside = bool(set(path) & set(way))
    total = Counter(flow.of(way))
    for instruction, times in counts.items():
        total[instruction] += times * (case.macs * case.split / macs - inside)
    return total, case.macs * case.split


def is_store(instruction):
    if instruction.name.startswith("v"):
        return "mov" in instruction.name and instruction.operands.endswith(")")
    return instruction.name.startswith("st")


def is_vector(instruction):
    if instruction.name.startswith("vzero"):
        return False
    return bool(re.search(r"%[xyz]mm|\b[vqd]\d+\b", instruction.operands))


def is_load(instruction):
    name, operands = instruction
    if name.startswith("prfm") or name.startswith("prefetch") or is_store(instruction):
        return False
    if re.search(r"%\w", operands):
        return "(" in operands and not name.startswith("lea") and not name.startswith("nop")
    return name.startswith("ld")


def is_arithmetic(instruction):
    """Of vectors, beside moving them between memory and registers."""
    name = instruction.name
    moves = name.startswith(("ld", "st")) and name not in ("ld1r",)
    moves = moves or name.startswith(("vmov", "vpbroadcast", "vbroadcast"))
    return is_vector(instruction) and not moves


# Which pipelines an instruction takes, and how many of each kind a processor has. Of the rest every
# one of "V" will do. Source: Arm's software optimization guides for Neoverse N1 and V2, as in
# LLVM's AArch64SchedNeoverseN1.td and AArch64SchedNeoverseV2.td; the width is that of decoding.
# AMD's Software Optimization Guide for the Zen 4 Microarchitecture (57647): six operations
# dispatched a cycle, four pipelines of 256 bits, of which two multiply and two shuffle, two loads
# of 256 bits; what has 512 bits takes a pipeline twice.
PIPES = {"multiply": re.compile(r"[su]mull2?$|[su]mlal2?$|mul$|vpmadd|vpmul|vpdp|vfmadd|vmul"),
         "shuffle": re.compile(r"vpshuf|vperm|vpunpck|vpalignr|vpack|vinsert|vextract"),
         "convert": re.compile(r"scvtf$"),
         "shift": re.compile(r"s?u?shl$|ushr$|sshr$|r?shrn2?$|[su]?shll2?$|[su]xtl2?$"),
         "table": re.compile(r"tbl$")}
Processor = namedtuple("Processor", "name sets width pipes uses")
PROCESSORS = (
    Processor("Neoverse N1", ("neon",), 4, {"V": 2, "V0": 1, "V1": 1, "L": 2},
              {"multiply": {"V0": 1}, "convert": {"V0": 2}, "shift": {"V1": 1}, "table": {},
               "store": {"L": 2, "V": 2}}),
    Processor("Neoverse V2", ("neon", "i8mm"), 6, {"V": 4, "V02": 2, "V13": 2, "V01": 2, "L": 3},
              {"multiply": {"V02": 1}, "convert": {"V02": 2}, "shift": {"V13": 1},
               "table": {"V01": 1}, "store": {"L": 1, "V01": 1}}),
    Processor("Zen 4", ("avx2", "avx512"), 6, {"V": 4, "V01": 2, "V12": 2, "L": 2},
              {"multiply": {"V01": 1}, "shuffle": {"V12": 1}, "store": {}}),
)


def cycles(counts, processor):
    """The most that one kind of pipeline, or decoding, takes."""
    use = Counter()
    for instruction, times in counts.items():
        use["width"] += times
        wide = register_bits(instruction) > 256
        pairs = 2 if instruction.name in ("ldp", "stp") or wide else 1
        if is_store(instruction):
            if is_vector(instruction):
                for pipe, units in processor.uses["store"].items():
                    use[pipe] += units * pairs * times
            continue
        if is_load(instruction):
            part = instruction.name.startswith(("vpmovzx", "vpmovsx", "vbroadcast", "vpbroadcast"))
            use["L"] += times * (pairs if is_vector(instruction) and not part else 1)
        if not is_arithmetic(instruction):
            continue
        kind = next((k for k, names in PIPES.items() if names.match(instruction.name)), None)
        own = processor.uses[kind] if kind else {}
        if instruction.name == "mul" and processor.name == "Neoverse N1":
            own = {"V0": 2}
        for pipe, units in own.items():
            use[pipe] += units * pairs * times
        use["V"] += max([1, *own.values()]) * pairs * times
    limits = dict(processor.pipes, width=processor.width)
    return max((use[pipe] / limit, pipe) for pipe, limit in limits.items())


def report(own, case, counts, macs):
    share = 128 * case.split / macs

    def number(test):
        return share * sum(times for instruction, times in counts.items() if test(instruction))
    line = (f"{own:8} {case.product:13} {case.rows:5}{number(lambda i: True):9.1f}"
            f"{number(is_arithmetic):9.1f}{number(is_load):7.1f}")
    for processor in PROCESSORS:
        if own in processor.sets:
            took, pipe = cycles(counts, processor)
            line += f"   {processor.name}: {share * took:5.1f} cycles ({pipe})"
    print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("library")
    args = parser.parse_args()
    objects = read_functions(args.library, args.objdump)
    print(f"{'':8} {'for 128 of':13} {'rows':5}{'all':>9}{'vector':>9}{'loads':>7}")
    missing = 0
    for own in SETS:
        if f"quantized_matmul_{own}" not in objects:
            continue
        for case in cases_of(own):
            counts = None
            for name, code in objects.get(f"{case.kernel}_{own}", []):
                if counts is None and code and re.search(case.function, name):
                    count = count_loop if case.loop else count_call
                    counts = count(Flow(code), case)
            if counts is None:
                missing += 1
                print(f"{own}: {case.product}, {case.rows}: no loop of {case.function}",
                      file=sys.stderr)
            else:
                report(own, case, *counts)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
