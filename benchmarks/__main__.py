"""Run the benchmarks, print one table, and leave the figures beside it as JSON."""

import argparse
import compileall
import importlib
import json
import operator
import sys
from pathlib import Path

HERE = Path(__file__).parent
SIGNS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def main() -> None:
    """Measure what is asked for."""
    modules = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("modules", nargs="*", help=f"of {', '.join(modules)}; all by default")
    arguments.add_argument("--quick", action="store_true", help="smaller sizes")
    arguments.add_argument("--json", type=Path, default=HERE / "latest.json")
    asked = arguments.parse_args()
    compileall.compile_dir(HERE.parent / "fallback", quiet=1)  # as an installed package is
    rows = []
    for name in asked.modules or modules:
        print(f"measuring {name} …", file=sys.stderr)
        rows += importlib.import_module(f"benchmarks.{name}").run(asked.quick)
    asked.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    print("| what | ratio | goal | | detail |\n| --- | ---: | --- | --- | --- |")
    for row in rows:
        print(f"| {row['name']} | {row['ratio']:.2f} | {row['goal']} | {met(row)} | {row['detail']} |")


def met(row: dict[str, object]) -> str:
    """Say whether a goal is met, in a word."""
    sign, _, bound = str(row["goal"]).partition(" ")
    if sign not in SIGNS:
        return ""
    return "met" if SIGNS[sign](row["ratio"], float(bound.split()[0])) else "missed"


if __name__ == "__main__":
    main()
