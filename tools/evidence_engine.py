#!/usr/bin/env python3
"""Attention in the engine: bytes of cache, operations and time of a token over depth, as CSV.

    tools/evidence_engine.py --program build/hadal [--depth 0,4K,64K] [--repeat 9]
        [--shape experiments/attention/hybrid.json] [--out experiments/attention/results/engine.csv]

Random checkpoints of a shape with CSA, HCA and windows, and of the same with windows alone: so the
differences are attention's. What a token costs does not depend on the weights. Full attention is a
window as long as the context, so it has a checkpoint for each depth. One thread. Bytes and
operations are counted, milliseconds measured: median, smallest and largest.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

COUNTED = ("depth", "state_bytes", "flops_per_token")
UNITS = {"K": 1024, "M": 1024 * 1024}


def number(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def checkpoint(args, folder, attention, window):
    """A random model; without a window given, of the shape's own."""
    config = json.loads(args.shape.read_text(encoding="utf-8"))
    if attention != "hybrid":
        config["compress_ratios"] = [0] * len(config["compress_ratios"])
    config["sliding_window"] = window or config["sliding_window"]
    source, out = folder / f"{attention}-{window}.json", folder / f"{attention}-{window}"
    source.write_text(json.dumps(config), encoding="utf-8")
    subprocess.run([args.program, "synth", out, "--shape", source, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    return out


def bench(args, model, depths):
    done = subprocess.run([args.program, "bench", "-m", model, "--depth",
                           ",".join(map(str, depths)), "--prefill", "1", "--threads", "1",
                           "--repeat", str(args.repeat), "--beyond", "--json"],
                          check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)["decode"]


def figures(args, folder, attention, depths):
    """What the engine needs at each depth, with this attention."""
    if attention != "full":
        return bench(args, checkpoint(args, folder, attention, 0), depths)
    return [bench(args, checkpoint(args, folder, attention, max(depth + 1, 64)), [depth])[0]
            for depth in depths]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--depth", default="0,4K,64K")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--shape", type=Path, default=Path("experiments/attention/hybrid.json"))
    parser.add_argument("--out", type=Path,
                        default=Path("experiments/attention/results/engine.csv"))
    args = parser.parse_args()
    depths = [number(text) for text in args.depth.split(",")]
    lines = ["attention,depth,state_bytes,operations,ms,ms_low,ms_high"]
    with tempfile.TemporaryDirectory() as name:
        for attention in ("hybrid", "window", "full"):
            for figure in figures(args, Path(name), attention, depths):
                ms = [1000 / figure["samples"][key] for key in ("median", "max", "min")]
                lines.append(",".join([attention] + [f"{figure[key]:.0f}" for key in COUNTED]
                                      + [f"{value:.4f}" for value in ms]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
