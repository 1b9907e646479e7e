#!/usr/bin/env python3
"""Tables and figures of docs/evidence.md from committed CSVs.

    tools/evidence.py [--check] [--results experiments] [--docs docs]

Reads RESULTS/attention/results/engine.csv (tools/evidence_engine.py), writes DOCS/evidence/*.svg,
and in DOCS/evidence.md what stands between the lines `<!-- evidence NAME -->` and `<!-- end -->`.
--check: writes nothing, fails if anything would change.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

from evidence_svg import Axis, Series, chart


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def show(values, digits):
    middle, low, high = values
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head, rows):
    right = ["---" if i == 0 else "---:" for i in range(len(head))]
    lines = [head, right, *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def times(row):
    return [float(row[key]) for key in ("ms", "ms_low", "ms_high")]


def attention_engine(folder, figure):
    rows = read(folder / "engine.csv")
    kinds = list(dict.fromkeys(row["attention"] for row in rows))
    figure("attention-engine.svg", "Time of a token in the engine over depth",
           Axis("tokens of context"), Axis("milliseconds", log=True),
           [Series(kind, [(float(r["depth"]), *times(r)) for r in rows if r["attention"] == kind])
            for kind in kinds])
    return table(["attention", "depth", "cache, bytes", "operations a token", "ms a token"],
                 [[r["attention"], f"{int(r['depth']):,}", f"{int(r['state_bytes']):,}",
                   f"{int(r['operations']):,}", show(times(r), 2)] for r in rows])


def sections(results):
    """name -> Markdown; file -> SVG."""
    figures, drawn = {}, []

    def figure(file, heading, x, y, series):
        figures[file] = chart(heading, x, y, series)
        drawn.append(f"![{heading}](evidence/{file})")

    text = attention_engine(results / "attention" / "results", figure)
    return {"attention-engine": text + "\n" + "\n".join(drawn) + "\n"}, figures


def fill(document, texts):
    for name, text in texts.items():
        pattern = re.compile(rf"(<!-- evidence {name} -->\n).*?(<!-- end -->)", re.S)
        if not pattern.search(document):
            raise SystemExit(f"evidence.py: no place `<!-- evidence {name} -->` in the document")
        document = pattern.sub(lambda m, t=text: m[1] + "\n" + t + "\n" + m[2], document)
    return document


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--results", type=Path, default=Path("experiments"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    args = parser.parse_args()
    texts, figures = sections(args.results)
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
