#!/usr/bin/env python3
"""Tables and figures of docs/evidence.md from the CSVs of the experiments.

    tools/evidence.py [--check] [--results experiments] [--docs docs]
    tools/evidence.py --collect data/runs/evidence     first copies the CSVs of sweeps
    tools/evidence.py --collect data/runs/evidence --quick     of their quick forms; into build/

Reads RESULTS/NAME/results/*.csv (what the columns are: src/train/sweep_results.h), writes
DOCS/evidence/NAME-*.svg, and in DOCS/evidence.md what stands between the lines
`<!-- evidence NAME -->` and `<!-- end -->`. --check: writes nothing, fails if anything would
change. An experiment without CSVs keeps what stands there.
"""

import argparse
import csv
import re
import shutil
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from evidence_svg import Axis, Series, chart

NAMES = ("optimizer", "attention", "fp4", "residuals")
SECTIONS = (*NAMES, "attention-engine")
FILES = ("runs.csv", "curves.csv", "probes.csv", "speed.csv")
ENDED_ABOVE = 0.1  # nats
TOKENS, NATS = "tokens", "held-out loss, nats per token"


class Results:
    """The CSVs of one experiment. Of each variant, the runs with its best peak."""

    def __init__(self, folder):
        self.tables = {name: read(folder / name) for name in FILES}
        self.runs = self.tables["runs.csv"]
        self.best = {(r["group"], r["variant"]): r["peak"] for r in self.runs if r["chosen"] == "1"}
        self.variants = [v for v in dict.fromkeys((r["group"], r["variant"]) for r in self.runs)
                         if v in self.best]

    def rows(self, table, variant):
        """Its rows of the best peak."""
        return [r for r in self.tables[table] if (r["group"], r["variant"]) == variant
                and r["peak"] == self.best[variant]]

    def mean_of(self, variant, column):
        """Mean, smallest and largest over seeds that did not diverge; None: all did."""
        values = [float(r[column]) for r in self.rows("runs.csv", variant) if r[column]]
        return spread(values) if values else None

    def by_seed(self, variant):
        """Last held-out loss of each seed that did not diverge."""
        return {r["seed"]: float(r["heldout_nats"]) for r in self.rows("runs.csv", variant)
                if r["heldout_nats"]}

    def beside_first(self, variant):
        """How much its loss is above that of the group's first, seed by seed: each seed has
        held-out rows of its own. None: it is the first."""
        first = next(v for v in self.variants if v[0] == variant[0])
        ours, theirs = self.by_seed(variant), self.by_seed(first)
        both = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
        return spread(both) if both and variant != first else None

    def diverged(self, variant):
        """Of all its runs, those with a loss that was no number, or that end ENDED_ABOVE above
        their own lowest held-out loss."""
        lowest, last = {}, {}
        for r in self.tables["curves.csv"]:
            if (r["group"], r["variant"]) == variant:
                key, loss = (r["peak"], r["seed"]), float(r["heldout_nats"])
                lowest[key], last[key] = min(loss, lowest.get(key, loss)), loss
        return sum(1 for r in self.runs if (r["group"], r["variant"]) == variant
                   and (r["diverged_at"] or (key := (r["peak"], r["seed"])) in last
                        and not last[key] <= lowest[key] + ENDED_ABOVE))

    def seconds(self, variant):
        return statistics.median(float(r["processor_seconds"])
                                 for r in self.rows("speed.csv", variant))

    def curve(self, variant, x_of=lambda row: float(row["tokens"])):
        """Held-out loss over x, as a series."""
        at = defaultdict(list)
        for row in self.rows("curves.csv", variant):
            at[x_of(row)].append(float(row["heldout_nats"]))
        return Series(title(variant), [(x, *spread(values)) for x, values in sorted(at.items())])

    def probes(self, variant, last=True):
        """name -> values of all seeds, at the last step alone or (name, step) -> values."""
        rows = self.rows("probes.csv", variant)
        end = max((int(r["step"]) for r in rows), default=0)
        found = defaultdict(list)
        for row in rows:
            if last and int(row["step"]) == end:
                found[row["name"]].append(float(row["value"]))
            elif not last:
                found[row["name"], int(row["step"])].append(float(row["value"]))
        return found


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def spread(values):
    return statistics.fmean(values), min(values), max(values)


def show(values, digits=3):
    if values is None:
        return "diverged"
    mean, low, high = values
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def show_signed(values):
    if values is None:
        return ""
    mean, low, high = values
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def title(variant):
    group, name = variant
    return f"{group} {name}".strip()


def table(head, rows):
    right = ["---" if i == 0 else "---:" for i in range(len(head))]
    lines = [head, right, *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def peak(results, variant):
    """The best of the grid; at its edge, where a better one may lie outside, it says so."""
    tried = {float(r["peak"]) for r in results.runs if (r["group"], r["variant"]) == variant}
    best = results.best[variant]
    return best + (" (edge)" if float(best) in (min(tried), max(tried)) else "")


def common(results, variant):
    """The first cells of every table."""
    runs = results.rows("runs.csv", variant)
    every = sum(1 for r in results.runs if (r["group"], r["variant"]) == variant)
    return [title(variant), f"{int(runs[0]['parameters']):,}", peak(results, variant),
            show(results.mean_of(variant, "heldout_nats")),
            show_signed(results.beside_first(variant)),
            show(results.mean_of(variant, "heldout_bits")),
            f"{results.diverged(variant)} of {every}"]


COMMON = ["variant", "parameters", "best peak", "held out, nats a token",
          "beside the first, seed by seed", "bits a byte", "runs that diverged"]


def tokens_to(results, variant, losses):
    """Tokens of training, over seeds, until each seed's held-out loss is its of `losses`; None: one
    did not get there."""
    by_seed = defaultdict(list)
    for row in results.rows("curves.csv", variant):
        by_seed[row["seed"]].append((float(row["tokens"]), float(row["heldout_nats"])))
    reached = []
    for seed, points in by_seed.items():
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            if seed in losses and y0 > losses[seed] >= y1:
                reached.append(x0 + (x1 - x0) * (y0 - losses[seed]) / (y0 - y1))
                break
        else:
            return None
    return spread(reached) if reached else None


def optimizer(results, figure):
    final = results.by_seed(("", "adamw"))
    rows = []
    for variant in results.variants:
        tokens = tokens_to(results, variant, final)
        shown = "{:,.0f} ({:,.0f} to {:,.0f})".format(*tokens) if tokens else "not reached"
        rows.append(common(results, variant) + [shown, f"{results.seconds(variant):.2f}"])
    figure("tokens", "Held-out loss over tokens", Axis(TOKENS), Axis(NATS),
           [results.curve(v) for v in results.variants])
    figure("processor", "Held-out loss over processor time", Axis("processor seconds"), Axis(NATS),
           [results.curve(v, lambda row, s=results.seconds(v): float(row["step"]) * s)
            for v in results.variants])
    return table(COMMON + ["tokens to AdamW's last loss", "processor s a step"], rows)


def attention(results, figure):
    probes = {v: results.probes(v) for v in results.variants}
    names = sorted({n for p in probes.values() for n in p if n.startswith("loss_at.")},
                   key=lambda name: int(name.split(".")[1]))
    series = [Series(title(v), [(max(int(n.split(".")[1]), 32), *spread(probes[v][n]))
                                for n in names]) for v in results.variants]
    figure("position", "Held-out loss by position", Axis("position, from", log=True), Axis(NATS),
           series)
    figure("tokens", "Held-out loss over tokens", Axis(TOKENS), Axis(NATS),
           [results.curve(v) for v in results.variants])
    by_position = table(["held out, nats a token, from position"]
                        + [n.split(".")[1] for n in names],
                        [[title(v)] + [f"{spread(probes[v][n])[0]:.3f}" for n in names]
                         for v in results.variants])
    rows = [common(results, v) + [f"{results.seconds(v):.2f}"] for v in results.variants]
    return table(COMMON + ["processor s a step"], rows) + "\n" + by_position


def attention_engine(folder, figure):
    """From engine.csv (tools/evidence_engine.py): the same layers in the engine."""
    rows = read(folder / "engine.csv")
    kinds = list(dict.fromkeys(row["attention"] for row in rows))
    figure("engine", "Time of a token in the engine over depth", Axis("tokens of context"),
           Axis("milliseconds", log=True),
           [Series(kind, [(float(r["depth"]), float(r["ms"]), float(r["ms_low"]),
                           float(r["ms_high"])) for r in rows if r["attention"] == kind])
            for kind in kinds])
    return table(["attention", "depth", "cache, bytes", "operations a token", "ms a token"],
                 [[r["attention"], f"{int(r['depth']):,}", f"{int(r['state_bytes']):,}",
                   f"{int(r['operations']):,}",
                   show([float(r[k]) for k in ("ms", "ms_low", "ms_high")], 2)] for r in rows])


def fp4(results, figure):
    rows = []
    for variant in results.variants:
        probes = results.probes(variant)
        cost = [b - a for a, b in zip(probes["heldout.float"], probes["heldout.fp4"])]
        rows.append(common(results, variant)
                    + [show(spread(probes["heldout.float"])), show(spread(probes["heldout.fp4"])),
                       show(spread(cost), 4), show(spread(probes["indexer_recall"]))])
    series = []
    for variant in results.variants:
        probes = results.probes(variant, last=False)
        points = [(step, *spread(values)) for (name, step), values in sorted(probes.items())
                  if name == "heldout.fp4"]
        series.append(Series(title(variant), points))
    figure("steps", "Held-out loss with FP4 experts and indexer", Axis("step"), Axis(NATS), series)
    main = table(COMMON + ["in float", "in FP4", "what FP4 costs", "indexer's top-k kept"], rows)
    return main + "\n" + fp4_at_equal_rates(results)


def fp4_at_equal_rates(results):
    """Both sides of the seed that tried all of them."""
    last = {}
    for r in results.tables["probes.csv"]:
        last[r["variant"], r["peak"], r["seed"], r["name"]] = float(r["value"])
    seed = results.runs[0]["seed"]
    peaks = sorted({r["peak"] for r in results.runs}, key=float)
    if any((v, p, seed, "heldout.fp4") not in last for _, v in results.variants for p in peaks):
        return ""
    names = [v for _, v in results.variants]
    head = ["first seed, at the rate"] + [f"in FP4, {n}" for n in names]
    head += [f"top-k kept, {n}" for n in names]
    return table(head, [[p] + [f"{last[n, p, seed, 'heldout.fp4']:.3f}" for n in names]
                        + [f"{last[n, p, seed, 'indexer_recall']:.3f}" for n in names]
                        for p in peaks])


def residuals(results, figure):
    rows = []
    for variant in results.variants:
        probes = results.probes(variant)
        cell = lambda name, p=probes: f"{statistics.fmean(p[name]):.3g}" if p[name] else ""
        rows.append(common(results, variant) + [cell("residual_gain.forward"),
                                                cell("residual_gain.backward"),
                                                cell("residual_gain.largest")])
    for group in dict.fromkeys(group for group, _ in results.variants):
        mine = [v for v in results.variants if v[0] == group]
        figure(f"{group}-tokens", f"Held-out loss, {group}", Axis(TOKENS), Axis(NATS),
               [results.curve(v) for v in mine])
        norms = []
        for variant in mine:
            layers = {int(n.split(".")[1]): v for n, v in results.probes(variant).items()
                      if re.fullmatch(r"gradient_norm\.\d+", n)}
            points = [(n, *spread(v)) for n, v in sorted(layers.items())]
            norms.append(Series(title(variant), points))
        if all(s.points for s in norms):
            figure(f"{group}-gradients", f"Gradient at the last step, {group}", Axis("layer"),
                   Axis("length", log=True), norms)
    return table(COMMON + ["gain forward", "backward", "largest"], rows)


def sections(args):
    """name -> Markdown; file -> SVG."""
    texts, figures = {}, {}
    for name in SECTIONS:
        experiment, engine = name.removesuffix("-engine"), name.endswith("-engine")
        folder = args.results / experiment / "results"
        if not (folder / ("engine.csv" if engine else "runs.csv")).exists():
            continue
        drawn = []

        def figure(kind, heading, x, y, series, name=experiment, drawn=drawn):
            file = f"{name}-{kind}.svg"
            series = [s for s in series if s.points]
            if series:
                figures[file] = chart(heading, x, y, series)
                drawn.append(f"![{heading}](evidence/{file})")

        draw = globals()[name.replace("-", "_")]
        text = draw(folder if engine else Results(folder), figure)
        texts[name] = text + "\n" + "\n".join(drawn) + "\n"
    return texts, figures


def fill(document, texts):
    for name, text in texts.items():
        pattern = re.compile(rf"(<!-- evidence {name} -->\n).*?(<!-- end -->)", re.S)
        if not pattern.search(document):
            raise SystemExit(f"evidence.py: no place `<!-- evidence {name} -->` in the document")
        document = pattern.sub(lambda m, t=text: m[1] + "\n" + t + "\n" + m[2], document)
    return document


def collect(source, results, form):
    for name in NAMES:
        found = source / name / form / "results"
        if (found / "runs.csv").exists():
            (results / name / "results").mkdir(parents=True, exist_ok=True)
            for file in FILES:
                shutil.copyfile(found / file, results / name / "results" / file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--collect", type=Path, help="folder of sweeps whose CSVs are copied first")
    parser.add_argument("--quick", action="store_true", help="the sweeps' quick forms, into build/")
    parser.add_argument("--results", type=Path, default=Path("experiments"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    args = parser.parse_args()
    if args.quick:  # says nothing about anything but the tool: not for the documents
        page = args.docs / "evidence.md"
        args.results = args.docs = Path("build/evidence/quick")
        args.docs.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, args.docs / "evidence.md")
    if args.collect:
        collect(args.collect, args.results, "quick" if args.quick else "")
    texts, figures = sections(args)
    page = args.docs / "evidence.md"
    wanted = {page: fill(page.read_text(encoding="utf-8"), texts)}
    wanted |= {args.docs / "evidence" / file: svg for file, svg in figures.items()}
    stale = [path for path, text in wanted.items()
             if not path.exists() or path.read_text(encoding="utf-8") != text]
    if args.check:
        for path in stale:
            print(f"evidence.py: {path}: is not what the CSVs give; run tools/evidence.py")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
