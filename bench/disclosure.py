"""Secondary suppression beside tau-Argus (`pytauargus`) on the same made-up migration tables, in the same run.

    python bench/disclosure.py [--tables 540,2205,4860,37485] [--timeout 120]

Needs `pip install pytauargus==0.6.0` in the Python that runs it. DISCLOSURE_EXAMPLE names the example if it is built already. The tables come from `policies/examples/disclosure/tables.rs`: citizenship in
regions x age x sex (x month in quarters), counts of 1 and 2 are sensitive, each must be open by 1 % in both directions. Every run of tau-Argus
gets an empty folder of its own, as it reads files that earlier runs left in the current one; it is stopped after `--timeout` seconds.

All patterns, ours and theirs, are looked at by the same audit (`policies/src/disclosure/audit`). Printed for each: cells withheld to protect others, their
value, seconds, sensitive cells that are not safe, and the narrowest interval relative to the width it must have; then value and time as ratios to tau-Argus.
Singletons are not protected against, on neither side.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The finest codes of each dimension, and how many codes of a level make one of the next, as in tables.rs.
SHAPES = {
    "540": [(15, [4]), (8, []), (2, [])],
    "2205": [(96, [12]), (6, []), (2, [])],
    "4860": [(15, [4]), (8, []), (2, []), (6, [3])],
    "37485": [(96, [12]), (6, []), (2, []), (12, [3])],
}
METHODS = {"optimal": "OPT(1)", "modular": "MOD(1,5,0,0,0)"}
NAMES = ["citizenship", "age", "sex", "month"]


BUILT = ["cargo", "run", "--release", "--quiet", "-p", "chancery-policies", "--example", "disclosure", "--"]


def example(*arguments):
    command = [os.environ["DISCLOSURE_EXAMPLE"]] if "DISCLOSURE_EXAMPLE" in os.environ else BUILT
    return subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def code(number):
    return f"k{number:04}"


def hierarchy(finest, groups, path):
    """Writes tau-Argus's file of a dimension with groups; None for one without."""
    if not groups:
        return None
    (group,) = groups
    lines = []
    for first in range(0, finest, group):
        lines.append(code(finest + first // group))
        lines += ["@" + code(child) for child in range(first, min(first + group, finest))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def tau_argus(name, cells, method, queue):
    """One run, in a process and a folder of its own."""
    from pytauargus import protect

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shape = SHAPES[name]
        columns = {NAMES[axis]: [] for axis in range(len(shape))}
        for line in cells.splitlines():
            *codes, count = line.split(";")
            for axis, number in enumerate(codes):
                columns[NAMES[axis]] += [code(int(number))] * round(float(count))
        columns["persons"] = [1.0] * len(columns["sex"])
        hrc = {NAMES[axis]: hierarchy(*shape[axis], pathlib.Path(folder, f"{axis}.hrc")) for axis in range(len(shape))}
        hrc = {axis: path for axis, path in hrc.items() if path}
        start = time.monotonic()
        result = protect(
            columns, NAMES[: len(shape)], response="persons", safety_rules="FREQ(3,1)", suppress=method,
            hrc=hrc, hierleadstring="@", workdir=folder,
        )
        seconds = time.monotonic() - start
        table = result.tables[0]
        queue.put((seconds, statuses(table, shape)))


def statuses(table, shape):
    """`code;code;...;status` of each withheld cell."""
    frame, lines = table.dataframe(), []
    records = frame.to_dict("records") if hasattr(frame, "to_dict") else frame
    totals = [finest + len(range(0, finest, groups[0])) if groups else finest for finest, groups in shape]
    for record, status in zip(records, table.status()):
        if status not in ("U", "M", "B", "A", "D"):
            continue
        codes = []
        for axis, total in enumerate(totals):
            text = str(record[NAMES[axis]]).strip().lstrip("@")
            codes.append(str(int(text[1:]) if text.startswith("k") else total))
        lines.append(";".join([*codes, "U" if status in ("U", "B", "A") else "M"]))
    return "\n".join(lines) + "\n"


def run_tau_argus(name, cells, method, timeout):
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=tau_argus, args=(name, cells, method, queue))
    process.start()
    try:
        seconds, found = queue.get(timeout=timeout)
    except Exception:
        found = None
    process.kill()
    process.join()
    if found is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(found)
        file.flush()
        outcome = json.loads(example("--audit", file.name, name))
    return outcome | {"seconds": seconds}


def show(method, outcome, timeout, ours=None):
    if outcome is None:
        return print(f"  {method:<22} did not end in {timeout} s")
    text = f"  {method:<22} {outcome['secondary']:>6} cells {outcome['value']:>9.0f} value {outcome['seconds']:>8.2f} s"
    text += f"  {outcome['unsafe']} unsafe, narrowest {outcome['narrowest']}"
    if ours:
        ratios = ours["value"] / max(outcome["value"], 1), ours["seconds"] / max(outcome["seconds"], 1e-3)
        text += f"  (ours: value x {ratios[0]:.2f}, time with audit x {ratios[1]:.3f})"
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default=",".join(SHAPES))
    parser.add_argument("--timeout", type=float, default=120)
    options = parser.parse_args()
    for name in options.tables.split(","):
        ours = json.loads(example("--json", name))
        print(f"{ours['cells']} cells, {ours['primary']} sensitive")
        ours["seconds"] += ours["audit_seconds"]
        show("Chancery, with audit", ours, options.timeout)
        if name not in SHAPES:
            continue
        with tempfile.NamedTemporaryFile("r", suffix=".txt") as file:
            example("--cells", file.name, name)
            cells = pathlib.Path(file.name).read_text()
        for method, suppress in METHODS.items():
            show("tau-Argus, " + method, run_tau_argus(name, cells, suppress, options.timeout), options.timeout, ours)


if __name__ == "__main__":
    main()
