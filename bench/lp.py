"""The attacker's linear programs solved by three libraries in the same run: `microlp` and `clarabel`, which are pure Rust, and HiGHS (C++).

    python bench/lp.py

Needs `pip install highspy`. The programs are those of `bench/lp`, a crate of its own, so that no library is built that the node does not use. Each library reads a
program and solves it from nothing. Printed: seconds for all programs of a table, and as ratios to microlp.
"""

import collections
import pathlib
import subprocess
import tempfile
import time

import highspy

CRATE = pathlib.Path(__file__).resolve().parent / "lp"


def by_highs(path):
    """Seconds that HiGHS takes for a program that it has read."""
    highs = highspy.Highs()
    highs.silent()
    highs.readModel(str(path))
    start = time.monotonic()
    highs.run()
    seconds = time.monotonic() - start
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal, path
    return seconds


def main():
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "run", "--release", "--quiet", "--", folder]
        lines = subprocess.run(command, cwd=CRATE, check=True, capture_output=True, text=True).stdout.splitlines()
        highs = collections.Counter()
        for path in pathlib.Path(folder).iterdir():
            highs[path.name.split("-")[0]] += by_highs(path)
        print(" cells columns rows | microlp s | clarabel s (x)    | HiGHS s (x)      | greatest difference")
        for line in lines:
            number, cells, columns, rows, microlp, clarabel, apart = line.split(";")
            small, interior, great = float(microlp), float(clarabel), highs[number]
            print(
                f"{cells:>6} {columns:>7} {rows:>4} | {small:>9.3f} | {interior:>9.3f} (x {interior / small:5.2f}) | "
                f"{great:>9.3f} (x {great / small:4.2f}) | {float(apart):.1e}"
            )


if __name__ == "__main__":
    main()
