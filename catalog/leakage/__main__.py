"""Command line: prints what the splits leak of made-up catalogues."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from catalog.grouping.titles import group_titles
from catalog.leakage.catalogues import catalogues
from catalog.leakage.measures import leakage_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m catalog.leakage", description="Measures what the splits leak.")
    parser.add_argument("--seed", type=int, default=1, help="draws other colours, sizes and forms (default: 1)")
    parser.add_argument("--only", default="", metavar="WORD", help="only catalogues with this word in their name")
    options = parser.parse_args(arguments)
    print(f"{'catalogue':<38}{'titles':>8}{'characters':>12}{'test':>7}{'twins leaked':>14}{'falsely joined':>16}")
    for name, catalogue in catalogues(options.seed):
        if options.only not in name:
            continue
        found = leakage_of(catalogue, group_titles)
        lengths = [len(title) for title in catalogue.titles]
        span = f"{min(lengths)}–{max(lengths)}"
        print(
            f"{name:<38}{len(lengths):>8,}{span:>12}{found.tests:>7,}{found.twins:>14.2%}{found.joined:>16.2%}",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
