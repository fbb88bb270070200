"""Times `chancery import --check` on made-up flows, beside DuckDB reading, sorting and writing the same file.

    pip install duckdb
    python bench/import.py --chancery target/release/chancery 1000000 10000000

Each is a process of its own; the peak of its memory is the kernel's. Chancery checks every row against the schema and the built-in
rules, totals included, and finds duplicate keys; DuckDB checks nothing. Both write sorted Parquet compressed with LZ4.

On two cores, release build of 26 November 2026, DuckDB with its own defaults:

      1,000,000 rows   chancery 1,673,000 rows/s, 187 MiB   duckdb 1,600,000 rows/s,   232 MiB
     10,000,000 rows   chancery 1,227,000 rows/s, 366 MiB   duckdb 2,177,000 rows/s, 1,118 MiB
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

MAPPING = """
dataflow = "RCP:MIGRATION_FLOWS(1.0.0)"
[components]
FREQ = { value = "A" }
REF_AREA = { column = "destination" }
ORIGIN = { column = "origin" }
DESTINATION = { column = "destination" }
SEX = { column = "sex" }
AGE = { column = "age" }
TIME_PERIOD = { column = "year" }
OBS_VALUE = { column = "persons" }
OBS_STATUS = { value = "A" }
CONF_STATUS = { value = "F" }
UNIT_MEASURE = { value = "PS" }
COUNTED = { value = "PERSONS" }
BASIS = { value = "RESIDENCE" }
DURATION = { value = "M_GE12" }
SOURCE_KIND = { value = "REGISTER" }
SOURCE = { value = "made up" }
"""
DUCKDB = """
import duckdb, sys
duckdb.sql(f"COPY (SELECT * FROM read_csv('{sys.argv[1]}') ORDER BY destination, origin, sex, age, year) "
           f"TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION lz4_raw)")
"""
SEXES = {"F": 1, "M": 1, "_T": 2}
AGES = {"Y0T4": 1, "Y5T11": 1, "Y12T17": 1, "Y18T59": 1, "_T": 4}
YEARS = range(2007, 2025)
# They were no areas in all of these years.
YOUNG = {"SSD", "CUW", "SXM", "BES"}
# Larger than any number of rows here, and prime: steps of it meet every row once, in no order.
STEP = 2_147_483_647


def generate(path, rows):
    """Writes flows in no order; sexes and ages add up to their totals."""
    here = pathlib.Path(__file__).parent.parent
    with open(here / "schema/src/mapping/areas.csv") as areas:
        codes = sorted({row["alpha3"] for row in csv.DictReader(areas)} - YOUNG)
    sexes, ages, years = list(SEXES.items()), list(AGES.items()), list(YEARS)
    pairs = len(codes) * (len(codes) - 1)
    if rows > pairs * len(sexes) * len(ages) * len(years):
        sys.exit("more rows than there are corridors")
    with open(path, "w") as out:
        out.write("origin,destination,sex,age,year,persons\n")
        for index in range(rows):
            at = index * STEP % rows
            at, (sex, twice) = at // len(sexes), sexes[at % len(sexes)]
            at, (age, times) = at // len(ages), ages[at % len(ages)]
            at, year = at // len(years), years[at % len(years)]
            origin, other = divmod(at, len(codes) - 1)
            destination = other + (other >= origin)
            persons = (10 + at * 7 % 90) * twice * times
            out.write(f"{codes[origin]},{codes[destination]},{sex},{age},{year},{persons}\n")


def measure(command):
    """Seconds and MiB of a process that must succeed."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def node(chancery, folder):
    """Founds a forum of one member."""
    run = lambda *args: subprocess.run([chancery, "--dir", f"{folder}/node", *args], check=True, capture_output=True).stdout
    run("init", "--member", "GTM", "--name", "Benchmark", "--no-passphrase")
    run("forum", "card", "-o", f"{folder}/card.json")
    run("forum", "draft", "--name", "Benchmark", "-o", f"{folder}/forum.json", f"{folder}/card.json")
    genesis = json.loads(run("--json", "forum", "show", f"{folder}/forum.json"))["genesis"]
    run("forum", "sign", f"{folder}/forum.json", "--record", genesis)
    run("forum", "join", f"{folder}/forum.json", "--genesis", genesis)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--chancery", default="target/release/chancery")
    arguments.add_argument("rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        node(args.chancery, folder)
        file, mapping = f"{folder}/flows.csv", f"{folder}/flows.toml"
        pathlib.Path(mapping).write_text(MAPPING)
        for rows in args.rows:
            generate(file, rows)
            ours = [args.chancery, "--dir", f"{folder}/node", "import", file, "-m", mapping, "--title", "x", "--check"]
            theirs = [sys.executable, "-c", DUCKDB, file, f"{folder}/duckdb.parquet"]
            for name, command in [("chancery", ours), ("duckdb", theirs)]:
                seconds, mebibytes = measure(command)
                print(f"{rows:>10} rows  {name:<8} {rows / seconds:>10,.0f} rows/s  {seconds:6.1f} s  {mebibytes:6.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
