"""Runs of tau-Argus (`pytauargus`), each in a process and an empty folder of its own: it reads files that earlier runs left in the current one."""

import multiprocessing
import os
import pathlib
import tempfile
import time


def run(table, cells, method, timeout):
    """Seconds, and `code;code;...;status` of each withheld cell; None if it did not end in time."""
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=protect_in, args=(table, cells, method, queue))
    process.start()
    try:
        return queue.get(timeout=timeout)
    except Exception:
        return None
    finally:
        process.kill()
        process.join()


def protect_in(table, cells, method, queue):
    from pytauargus import protect

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        names = [f"axis{axis}" for axis in range(len(table.dimensions))]
        columns = {name: [] for name in names}
        for line in cells.splitlines():
            *codes, count = line.split(";")
            for name, number in zip(names, codes):
                columns[name] += [code(int(number))] * round(float(count))
        columns["persons"] = [1.0] * len(columns[names[0]])
        files = {name: hierarchy(d, pathlib.Path(folder, f"{name}.hrc")) for name, d in zip(names, table.dimensions)}
        start = time.monotonic()
        result = protect(
            columns, names, response="persons", safety_rules=f"FREQ({table.below},1)", suppress=method,
            hrc={name: path for name, path in files.items() if path}, hierleadstring="@", workdir=folder,
        )
        seconds = time.monotonic() - start
        queue.put((seconds, statuses(result.tables[0], table, names)))


def code(number):
    return f"k{number:04}"


def hierarchy(dimension, path):
    """Writes the file of a dimension with groups; None for one without."""
    if not dimension.groups:
        return None
    lines = []
    for group in range(max(dimension.groups) + 1):
        lines.append(code(dimension.finest + group))
        lines += ["@" + code(child) for child, its in enumerate(dimension.groups) if its == group]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def statuses(result, table, names):
    frame, lines = result.dataframe(), []
    records = frame.to_dict("records") if hasattr(frame, "to_dict") else frame
    for record, status in zip(records, result.status()):
        if status not in ("U", "M", "B", "A", "D"):
            continue
        codes = []
        for name, dimension in zip(names, table.dimensions):
            text = str(record[name]).strip().lstrip("@")
            codes.append(str(int(text[1:]) if text.startswith("k") else dimension.total()))
        lines.append(";".join([*codes, "U" if status in ("U", "B", "A") else "M"]))
    return "\n".join(lines) + "\n"
