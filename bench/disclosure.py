"""Disclosure control beside tau-Argus (`pytauargus`) on the same tables of migrants, in the same run.

    python bench/disclosure.py [--tables 540,2205,4860,37485] [--data FOLDER] [--timeout 120] [--thorough]

Needs `pip install pytauargus==0.6.0` in the Python that runs it. DISCLOSURE_EXAMPLE and ROUNDING_EXAMPLE name the examples if they are built already. Tables are
citizenship in regions x age x sex (x month in quarters), made up by `policies/examples/disclosure/tables.rs`, in which counts of 1 and 2 are sensitive; and, with
`--data`, tables cut from UNHCR's figures (`bench/tables.py`). Each sensitive count must be open by 1 % in both directions. tau-Argus is stopped after
`--timeout` seconds.

All patterns, ours and theirs, are looked at by the same audit (`policies/src/disclosure/audit`). Printed for each: cells withheld to protect others, their
value, seconds, sensitive cells that are not safe, and the narrowest interval relative to the width it must have; then value and time as ratios to tau-Argus.
First all are protected against readers alone, then against those as well who are alone in a cell and know it (singletons). `--thorough` looks minutes for what
seconds find. At the end counts are rounded, beside what R's SmallCountRounding 1.2.5 reached.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import tables
import tau_argus

ROOT = pathlib.Path(__file__).resolve().parent.parent
METHODS = {"optimal": "OPT(1)", "modular": "MOD(1,5,0,0,0)"}
SINGLETONS = {"modular": "MOD(1,5,1,1,1)"}
FIRST = ["540", "2205", "4860", "37485"]


def example(name, *arguments):
    built = os.environ.get(f"{name.upper()}_EXAMPLE")
    command = [built] if built else ["cargo", "run", "--release", "--quiet", "-p", "chancery-policies", "--example", name, "--"]
    return subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def show(method, outcome, timeout, ours=None):
    if outcome is None:
        return print(f"  {method:<22} did not end in {timeout} s", flush=True)
    text = f"  {method:<22} {outcome['secondary']:>6} cells {outcome['value']:>9.0f} value {outcome['seconds']:>8.2f} s"
    text += f"  {outcome['unsafe']} unsafe, narrowest {outcome['narrowest']}"
    if outcome.get("least") is not None:
        text += f", at least {outcome['least']}"
    if ours:
        ratios = ours["value"] / max(outcome["value"], 1), ours["seconds"] / max(outcome["seconds"], 1e-3)
        text += f"  (ours: value x {ratios[0]:.2f}, time with audit x {ratios[1]:.3f})"
    print(text, flush=True)


def compare(table, folder, methods, options, flags):
    """Ours, with its audit, then each of theirs."""
    own = ["--own", table.own] if table.own else [table.name]
    ours = json.loads(example("disclosure", "--json", *options, *own))
    print(f"{table.name}: {ours['cells']} cells, {ours['primary']} sensitive{', singletons' if '--singletons' in options else ''}")
    ours["seconds"] += ours["audit_seconds"]
    show("Chancery, with audit", ours, flags.timeout)
    if not table.dimensions:
        return
    cells, withheld = folder / "cells.txt", folder / "withheld.txt"
    example("disclosure", "--cells", str(cells), *own)
    for method, suppress in methods.items():
        found = tau_argus.run(table, cells.read_text(), suppress, flags.timeout)
        outcome = None
        if found:
            withheld.write_text(found[1])
            audit = [option for option in options if option != "--thorough"]
            outcome = json.loads(example("disclosure", "--audit", str(withheld), *audit, *own)) | {"seconds": found[0]}
        show("tau-Argus, " + method, outcome, flags.timeout, ours)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default=None)
    parser.add_argument("--data", type=pathlib.Path, default=None, help="a folder with UNHCR's files")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--thorough", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        known = dict(tables.MADE_UP)
        if flags.data:
            known |= tables.unhcr(flags.data)
        names = flags.tables.split(",") if flags.tables else FIRST + [name for name in known if name.startswith("unhcr")]
        if unknown := [name for name in names if name not in known]:
            parser.error(f"no table {', '.join(unknown)}: there are {', '.join(known)}")
        chosen = [known[name] for name in names]
        for table in filter(lambda table: table.own, chosen):
            path = folder / f"{table.name}.txt"
            path.write_text(table.own)
            table.own = str(path)
        thorough = ["--thorough"] if flags.thorough else []
        for options, methods in ([], METHODS), (["--singletons"], SINGLETONS):
            for table in chosen:
                compare(table, folder, methods, thorough + options, flags)
    print(example("rounding"), end="")


if __name__ == "__main__":
    main()
