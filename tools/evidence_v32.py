#!/usr/bin/env python3
"""DeepSeek-V3.2 beside DeepSeek-V4, measured: the first table of docs/evidence.md.

    tools/evidence_v32.py --program build/hadal [--folder build/evidence] [--depth 0,4K,128K,1M]
        [--memory-tests build/release/tests/hadal_kv_memory_tests]

Writes random checkpoints of equal depth (four layers of each shape, few experts, a small
vocabulary: what a cached token costs depends on neither), benches them one after the other in one
run, and prints Markdown: for every depth the bytes of cache that a sequence holds, the resident
memory, the bytes read and the operations done for a token, and tokens a second. Bytes and
operations are counted from the lists that tests hold against the allocator; memory and speed are
measured. Depths that do not fit into memory are said. A second table counts the operations for a
token over the full models' layers, under two accountings. With --memory-tests a third: the cache of
all those layers, allocated, beside what the process then holds.
"""

import argparse
import json
import os
import subprocess
import sys

SHAPES = [("V3.2", "v3.2"), ("V4-Pro", "pro"), ("V4-Flash", "flash")]
PRESETS = [("V3.2", "v3.2"), ("V4-Pro", "v4-pro"), ("V4-Flash", "v4-flash")]
OWN_CONTEXT = {"V3.2": 163840, "V4-Pro": 1048576, "V4-Flash": 1048576}


def run(*command):
    """The command's stdout; its messages go where ours go."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def checkpoint(args, shape):
    """A random checkpoint of the shape, made once."""
    folder = os.path.join(args.folder,
                          f"{shape}-{args.layers}L-{args.experts}E-{args.vocab}V")
    if not os.path.exists(os.path.join(folder, "config.json")):
        run(args.program, "synth", folder, "--shape", shape, "--layers", str(args.layers),
            "--experts", str(args.experts), "--vocab", str(args.vocab), "--quiet")
    return folder


def bench(args, folder):
    command = [args.program, "bench", "-m", folder, "--depth", args.depth, "--prefill", "1",
               "--repeat", str(args.repeat), "--beyond", "--json"]
    return json.loads(run(*command))


def gb(count):
    return f"{count / 1e9:,.3f}"


def table(reports):
    """One row a depth and model; ratios are to V3.2's at the same depth."""
    depths = sorted({figure["depth"] for report in reports.values() for figure in report["decode"]})
    print("| depth | model | cache, GB | of V3.2's | RSS, GB | read a token, GB "
          "| operations a token, G | of V3.2's | tokens/s |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    for depth in depths:
        base = None
        for name, report in reports.items():
            found = [f for f in report["decode"] if f["depth"] == depth]
            if not found:
                print(f"| {depth:,} | {name} | does not fit | | | | | | |")
                continue
            figure = found[0]
            base = base or figure
            speed = figure["samples"]
            mark = " (extrapolated)" if depth > OWN_CONTEXT[name] else ""
            print(f"| {depth:,} | {name}{mark} | {gb(figure['state_bytes'])} "
                  f"| {100 * figure['state_bytes'] / max(base['state_bytes'], 1):.1f} % "
                  f"| {gb(figure['rss'])} | {gb(figure['bytes_per_token'])} "
                  f"| {figure['flops_per_token'] / 1e9:,.2f} "
                  f"| {100 * figure['flops_per_token'] / base['flops_per_token']:.1f} % "
                  f"| {speed['median']:.2f} ({speed['min']:.2f} to {speed['max']:.2f}) |")


def operations_table(args):
    """Of all layers, as `hadal plan` counts them: every product as one, and weighed by format."""
    def points(accounting):
        command = [args.program, "plan", "compare", *(preset for _, preset in PRESETS),
                   "--context", args.contexts, "--flops", accounting, "--json"]
        return json.loads(run(*command))["points"]
    names = {preset: name for name, preset in PRESETS}
    print("\n| context | model, all layers | operations a token, G | of V3.2's "
          "| FP8-equivalent, G | of V3.2's |")
    print("|---:|---|---:|---:|---:|---:|")
    for raw, weighed in zip(points("raw"), points("fp8-equivalent")):
        print(f"| {raw['tokens']:,} | {names[raw['model']]} | {raw['gflops']:,.1f} "
              f"| {100 * raw['flops_share']:.2f} % | {weighed['gflops']:,.1f} "
              f"| {100 * weighed['flops_share']:.2f} % |")


def memory_table(tests):
    """The rows that the tests print; they fail where plan and process differ by over 2 %."""
    done = subprocess.run([tests, "--gtest_filter=KvMemory.IsWhatTheProcessHolds*"],
                          env=dict(os.environ, HADAL_KV_BEYOND="1"), stdout=subprocess.PIPE,
                          text=True)
    print("\n| model | layers | tokens | planned, bytes | held, bytes | off by |")
    print("|---|---:|---:|---:|---:|---:|")
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("|")))
    if done.returncode != 0:
        sys.exit(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", default="build/hadal")
    parser.add_argument("--folder", default="build/evidence")
    parser.add_argument("--depth", default="0,4K,32K,128K,512K,1M")
    parser.add_argument("--contexts", default="4K,32K,128K,512K,1M",
                        help="of the counted operations of all layers")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--experts", type=int, default=16)
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--memory-tests", help="the program hadal_kv_memory_tests")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    reports = {}
    for name, shape in SHAPES:
        print(f"{name}: {args.layers} layers", file=sys.stderr)
        reports[name] = bench(args, checkpoint(args, shape))
    table(reports)
    for name, report in reports.items():
        for note in report.get("notes", []):
            print(f"\n{name}: {note}.")
    operations_table(args)
    if args.memory_tests:
        memory_table(args.memory_tests)


if __name__ == "__main__":
    main()
