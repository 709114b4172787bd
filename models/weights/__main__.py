"""`python -m models.weights [NAME...]`: resolve weights and say where each came from."""

from __future__ import annotations

import argparse
import sys

from models.weights import CATALOGUE, UnknownWeight, WeightUnavailable, cache_folder, names, origin, resolve


def main(arguments: list[str] | None = None) -> int:
    """Print a table; 1 when a weight that was asked for, or that Loupe cannot do without, is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m models.weights", description="Fetch, check and list model weights."
    )
    parser.add_argument("name", nargs="*", help=f"which (default: all): {', '.join(names())}")
    chosen = parser.parse_args(arguments).name
    rows = [("NAME", "LICENCE", "FROM", "PATH")]
    problems: list[str] = []
    failed = False
    for name in chosen or names():
        try:
            path = str(resolve(name))
        except UnknownWeight as error:
            parser.error(str(error))
        except WeightUnavailable as error:
            rows.append((name, CATALOGUE[name].licence, "", "missing"))
            problems.append(str(error))
            failed = failed or bool(chosen) or not CATALOGUE[name].optional
        else:
            rows.append((name, CATALOGUE[name].licence, origin(name), path))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
    print(f"\nThe cache is {cache_folder()} (LOUPE_WEIGHTS names another).")
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
