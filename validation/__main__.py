"""Compare Caraval with the reference data; see ``python -m validation --help``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

os.environ.setdefault("JAX_ENABLE_X64", "1")

from rich.console import Console

from . import codes, elements, formats, impactx, lines, report, space_charge
from .records import REFERENCE, folder


def main() -> None:
    """Compare, print a summary, and write it down if asked."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m validation")
    parser.add_argument("--backend", action="append", choices=("numpy", "torch", "jax"), help="may be given several times")
    parser.add_argument("--kind", action="append", help="file names of records, without .json.gz; all by default")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="write docs/validation.md and the summary in the README")
    options = parser.parse_args()
    backends: Sequence[str] = options.backend or ("numpy", "torch", "jax")
    records = sorted(p for p in folder().glob("*.json.gz") if not options.kind or p.name[:-8] in options.kind)
    console = Console()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        results = {}
        for backend in backends:
            with console.status(f"elements on {backend}"):
                found = pool.map(partial(elements.of_file, backend), records)
                results[backend] = [result for part in found for result in part]
        whole, cases, files, bunches, magnets = {}, {}, {}, {}, []
        if REFERENCE.is_dir() and not options.kind:
            magnets = codes.outcomes(REFERENCE / "element_agreement.json")
            with console.status("lattice files"):
                files = dict(zip(formats.CODES, pool.map(formats.outcomes, formats.CODES), strict=True))
            with console.status("whole lattices and ImpactX's cases"):
                whole = dict(zip(backends, pool.map(partial(lines.outcomes, REFERENCE), backends), strict=True))
                cases = dict(zip(backends, pool.map(partial(impactx.outcomes, REFERENCE / "impactx"), backends), strict=True))
            with console.status("space charge"):
                found = pool.map(partial(space_charge.outcomes, REFERENCE / "space_charge"), backends)
                bunches = dict(zip(backends, found, strict=True))
    table = report.summary(results)
    text = report.page(results, whole, cases, files, magnets, bunches)
    if options.write:
        report.write(text, table)
    console.print(text if options.kind else table, markup=False)


if __name__ == "__main__":
    main()
