#!/usr/bin/env python3
"""How fast the trainer's steps of the embedded model are.

    tools/trainer_speed.py PROGRAM [PROGRAM ...]

Each program trains the embedded model's config from the beginning for a few steps on the project's
own documents, with each precision, in turns; shown are processor seconds and tokens a second of a
step: median (smallest to largest) of all steps but each run's first two.
"""

import argparse
import csv
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """steps = {steps}
seed = 1
out = "{out}"
threads = {threads}
precision = "{precision}"
[model]
config = "{root}/models/embedded/config.json"
tokenizer = "{root}/models/embedded"
[data]
train = ["{text}"]
heldout_fraction = 0.1
separator = "\\n\\n"
[batch]
rows = 4
tokens = 1024
shards = {threads}
[stages]
warmup = 0.0
sparse = {sparse}
warmup_freezes_model = false
[quantize]
experts = "never"
linears = "never"
kv = "never"
indexer = "never"
[eval]
every = 1000
tokens = 1024
"""


def steps_of(args, folder, program, precision, name):
    config, out = folder / f"{name}.toml", folder / name
    config.write_text(CONFIG.format(
        steps=args.steps, out=out, threads=args.threads, precision=precision, root=ROOT,
        text=folder / "text.txt", sparse='"never"' if args.dense else 0.0), encoding="utf-8")
    done = subprocess.run([program, config, "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{program}: {done.stderr}")
    with open(out / "run_speed.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))[2:]


def show(values, digits):
    return (f"{statistics.median(values):,.{digits}f} "
            f"({min(values):,.{digits}f} to {max(values):,.{digits}f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", nargs="+", metavar="PROGRAM", help="of hadal-train")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dense", action="store_true", help="attention over all entries")
    args = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
        (folder / "text.txt").write_text("\n\n".join(p.read_text("utf-8") for p in pages), "utf-8")
        for turn in range(args.rounds):
            for number, program in enumerate(args.programs):
                for precision in ("f32", "bf16"):
                    run = f"{number}-{turn}-{precision}"
                    found.setdefault((program, precision), []).extend(
                        steps_of(args, folder, program, precision, run))
    for (program, precision), steps in found.items():
        seconds = [float(s["processor_seconds"]) for s in steps]
        tokens = [float(s["tokens_per_s"]) for s in steps]
        print(f"{program}  {precision:5} {show(seconds, 2)} processor s a step, "
              f"{show(tokens, 0)} tokens/s")


if __name__ == "__main__":
    main()
