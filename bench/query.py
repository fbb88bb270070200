#!/usr/bin/env python3
"""Times queries of the same Parquet file in Chancery, DuckDB, roapi and datasette, in one run.

Usage: bench/query.py [--chancery target/release/chancery] [--areas 200] [--folder .bench] [--http]

Needs Python 3.10 with the venv module and PyPI; installs into the folder's own environment. What cannot be installed is skipped,
and said. Times are medians in milliseconds, as the caller sees them: Chancery and DuckDB in process, roapi and datasette over HTTP.
With --http, Chancery, roapi and datasette are each loaded over 64 connections by `chancery bench http`, on the same machine.
Cost against size: `chancery bench query --sizes 1e5,1e6,1e7,1e8`.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

SERIES = 200
COLUMNS = 10


def install(folder, packages):
    python = folder / "venv/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    for package in packages:
        done = subprocess.run([str(python), "-m", "pip", "install", "-q", package], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"skipped {package}: it cannot be installed", file=sys.stderr)
    return folder / "venv/bin"


def chancery(binary, file, areas):
    done = subprocess.run([binary, "--json", "bench", "query", "--file", str(file), "--areas", str(areas)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


DUCK = """
import duckdb, json, statistics, sys, time
file, series, columns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = duckdb.connect()
db.execute("SET threads = 2")
areas = [r[0] for r in db.execute(f"SELECT DISTINCT REF_AREA FROM '{file}' ORDER BY 1").fetchall()]
def timed(sql, values):
    began = time.perf_counter()
    rows = db.execute(sql, values).to_arrow_table().num_rows
    return (time.perf_counter() - began) * 1e3, rows
key = f"SELECT * FROM '{file}' WHERE FREQ='A' AND REF_AREA=? AND ORIGIN=? AND DESTINATION=? AND SEX='F' AND AGE='Y18T59' ORDER BY TIME_PERIOD"
one = []
for i in range(series):
    area = areas[i * 37 % len(areas)]
    took, rows = timed(key, [area, areas[i * 91 % len(areas)], area])
    assert rows == 18, rows
    one.append(took)
column = f"SELECT * FROM '{file}' WHERE ORIGIN=?"
col = [timed(column, [areas[i * 91 % len(areas)]])[0] for i in range(columns)]
count = statistics.median(timed(f"SELECT count(*), count(DISTINCT TIME_PERIOD), count(DISTINCT (REF_AREA, ORIGIN, DESTINATION, SEX, AGE)) FROM '{file}'", [])[0] for _ in range(3))
def aggregate(by):
    return statistics.median(timed(f"SELECT {by}, sum(OBS_VALUE), count(*), count(*) - count(OBS_VALUE) FROM '{file}' GROUP BY {by} ORDER BY {by}", [])[0] for _ in range(5))
by_sex, by_area = aggregate("SEX, TIME_PERIOD"), aggregate("REF_AREA, TIME_PERIOD")
began = time.perf_counter()
db.execute(f"COPY (SELECT * FROM '{file}') TO '{file}.csv' (HEADER)")
export = time.perf_counter() - began
rows = db.execute(f"SELECT count(*) FROM '{file}'").fetchone()[0]
print(json.dumps({"series_median_ms": statistics.median(one), "column_median_ms": statistics.median(col), "count_all_ms": count, "sum_by_sex_year_ms": by_sex, "sum_by_area_year_ms": by_area, "export_csv_rows_per_s": round(rows / export)}))
"""


def duck(tools, file):
    done = subprocess.run([str(tools / "python"), "-c", DUCK, str(file), str(SERIES), str(COLUMNS)], capture_output=True, text=True)
    pathlib.Path(f"{file}.csv").unlink(missing_ok=True)
    if done.returncode != 0:
        print(f"skipped DuckDB: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    # A long query draws its progress before it.
    return json.loads(done.stdout.strip().splitlines()[-1])


def http(url):
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=120) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1e3


def load(binary, urls, folder):
    addresses = folder / "addresses.txt"
    addresses.write_text("\n".join(urls))
    done = subprocess.run([binary, "--json", "bench", "http", "--seconds", "5", "--urls", str(addresses)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def served(command, ready, series, loader=None):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(240):
            try:
                http(ready)
                break
            except OSError:
                time.sleep(0.5)
        return loader(series) if loader else {"series_median_ms": statistics.median(http(url) for url in series)}
    finally:
        server.kill()
        server.wait()


def roapi(tools, file, areas, loader=None):
    if not (tools / "roapi").exists():
        return None
    base = "http://127.0.0.1:18602/api/tables/flows"
    urls = []
    for i in range(20):
        area, origin = areas[i * 37 % len(areas)], areas[i * 91 % len(areas)]
        where = {"REF_AREA": area, "ORIGIN": origin, "DESTINATION": area, "SEX": "F", "AGE": "Y18T59"}
        urls.append(base + "?" + urllib.parse.urlencode({f"filter[{name}]": f"'{code}'" for name, code in where.items()}))
    return served([str(tools / "roapi"), "--addr-http", "127.0.0.1:18602", "--table", f"flows={file}"], base + "?limit=1", urls, loader)


def datasette(tools, file, areas, loader=None):
    if not (tools / "datasette").exists():
        return None
    database = file.with_suffix(".sqlite")
    script = (
        "import duckdb, sqlite3, sys; rows = duckdb.connect().execute(f\"SELECT REF_AREA, ORIGIN, DESTINATION, SEX, AGE, TIME_PERIOD, OBS_VALUE FROM '{sys.argv[1]}'\");"
        "db = sqlite3.connect(sys.argv[2]); db.execute('CREATE TABLE flows (REF_AREA, ORIGIN, DESTINATION, SEX, AGE, TIME_PERIOD, OBS_VALUE)');\n"
        "while part := rows.fetchmany(100000): db.executemany('INSERT INTO flows VALUES (?,?,?,?,?,?,?)', part)\n"
        "db.execute('CREATE INDEX keys ON flows (REF_AREA, ORIGIN, DESTINATION, SEX, AGE)'); db.commit()"
    )
    if not database.exists():
        subprocess.run([str(tools / "python"), "-c", script, str(file), str(database)], check=True)
    base = f"http://127.0.0.1:18601/{database.stem}/flows.json"
    urls = []
    for i in range(SERIES):
        area, origin = areas[i * 37 % len(areas)], areas[i * 91 % len(areas)]
        where = {"REF_AREA": area, "ORIGIN": origin, "DESTINATION": area, "SEX": "F", "AGE": "Y18T59", "_shape": "array"}
        urls.append(base + "?" + urllib.parse.urlencode(where))
    return served([str(tools / "datasette"), "serve", str(database), "--host", "127.0.0.1", "--port", "18601"], base + "?_size=1", urls, loader)


def areas_of(tools, file):
    script = "import duckdb, json, sys; print(json.dumps([r[0] for r in duckdb.connect().execute(f\"SELECT DISTINCT REF_AREA FROM '{sys.argv[1]}' ORDER BY 1\").fetchall()]))"
    return json.loads(subprocess.run([str(tools / "python"), "-c", script, str(file)], check=True, capture_output=True, text=True).stdout)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--chancery", default="target/release/chancery")
    arguments.add_argument("--areas", type=int, default=200)
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(".bench"))
    arguments.add_argument("--http", action="store_true", help="load the services over 64 connections")
    given = arguments.parse_args()
    if shutil.which(given.chancery) is None:
        sys.exit(f"{given.chancery} is not there: build it with `cargo build --release -p chancery`, or give --chancery")
    given.folder.mkdir(exist_ok=True)
    file = (given.folder / f"flows-{given.areas}.parquet").resolve()
    results = {"chancery": chancery(given.chancery, file, given.areas)}
    tools = install(given.folder, ["duckdb", "pyarrow", "pytz", "roapi", "datasette"])
    results["duckdb"] = duck(tools, file)
    if results["duckdb"]:
        areas = areas_of(tools, file)
        results["roapi (HTTP)"] = roapi(tools, file, areas)
        results["datasette (HTTP)"] = datasette(tools, file, areas)
    table(MEASURES, {name: result for name, result in results.items() if result})
    if given.http and results["duckdb"]:
        loader = lambda urls: load(given.chancery, urls, given.folder)
        done = subprocess.run([given.chancery, "--json", "bench", "http", "--file", str(file), "--areas", str(given.areas), "--node", str(given.folder / "node")], check=True, capture_output=True, text=True)
        results = {"chancery": json.loads(done.stdout), "roapi": roapi(tools, file, areas, loader), "datasette": datasette(tools, file, areas, loader)}
        print()
        table(HTTP_MEASURES, {name: result for name, result in results.items() if result})


MEASURES = ["series_median_ms", "series_p99_ms", "column_median_ms", "count_all_ms", "sum_by_sex_year_ms", "sum_by_area_year_ms", "export_csv_rows_per_s", "file_bytes", "peak_rss_mib"]
HTTP_MEASURES = ["answers_per_s", "failures", "median_ms", "p99_ms", "rate_answered_per_s", "rate_median_ms", "rate_p99_ms", "export_csv_rows_per_s", "peak_rss_mib"]


def table(measures, results):
    first = next(iter(results.values()))
    print(f"{'':24}" + "".join(f"{name:>30}" for name in results))
    for measure in measures:
        cells = []
        for result in results.values():
            value, own = result.get(measure), first.get(measure)
            ratio = f" ({value / own:.2f}x)" if value is not None and own and result is not first else ""
            cells.append("-" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".") + ratio)
        print(f"{measure:24}" + "".join(f"{cell:>30}" for cell in cells))


main()
