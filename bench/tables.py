"""Tables that disclosure control is measured on: made up by `policies/examples/disclosure/tables.rs`, or cut from UNHCR's figures."""

import collections
import csv
import dataclasses
import itertools
import pathlib

SMALL = 10
"""UNHCR publishes counts below 5 as 5 or 0: those below 10 stand for the small ones of an agency."""
PUEBLA = ["MEX", "GUA", "BZE", "SAL", "HON", "NIC", "COS", "PAN", "DOM"]
AGES = ["0_4", "5_11", "12_17", "18_59", "60"]


@dataclasses.dataclass
class Dimension:
    """Its number of finest codes, and the group of each, or none."""

    finest: int
    groups: list[int]

    def total(self):
        """Number of the code that stands for all: the groups come after the finest."""
        return self.finest + (max(self.groups) + 1 if self.groups else 0)


@dataclasses.dataclass
class Table:
    name: str
    dimensions: list[Dimension]
    below: int
    """Counts below this, but zeros, are sensitive."""
    own: str | None = None
    """Text of the file that the example reads, if the table is not one that it makes up."""


def evenly(finest, group=0):
    return Dimension(finest, [code // group for code in range(finest)] if group else [])


MADE_UP = {
    name: Table(name, dimensions, 3)
    for name, dimensions in {
        "540": [evenly(15, 4), evenly(8), evenly(2)],
        "2205": [evenly(96, 12), evenly(6), evenly(2)],
        "4860": [evenly(15, 4), evenly(8), evenly(2), evenly(6, 3)],
        "37485": [evenly(96, 12), evenly(6), evenly(2), evenly(12, 3)],
        "399000": [],
        "980400": [],
    }.items()
}


def unhcr(folder: pathlib.Path):
    """Three tables as agencies and secretariats publish them: of one state, of one forum, of all."""

    def rows(name):
        with open(folder / name, newline="") as file:
            yield from csv.DictReader(file)

    def number(text):
        return int(text or 0)

    region = {row["unhcr_code"]: row["unsd_subregion"] or "other" for row in rows("countries.csv")}
    applications = (
        ((row["coo"], row["year"], row["dec_level"]), number(row["applied"]))
        for row in rows("asylum_applications.csv")
        if row["coa"] == "SWE" and row["year"] >= "2014"
    )
    ages = (
        ((row["coo"], row["coa"], age, sex), number(row[f"{sex}_{age}"]))
        for row in rows("demographics_2025.csv")
        if row["coa"] in PUEBLA and row["pop_type"] in ("REF", "ASY")
        for age, sex in itertools.product(AGES, "fm")
    )
    resettled = (
        ((row["coo"], row["coa"], row["year"]), number(row["resettlement"]))
        for row in rows("solutions.csv")
        if row["year"] >= "2023"
    )
    return {
        "unhcr-applications": cut("unhcr-applications", applications, [region, None, None]),
        "unhcr-demographics": cut("unhcr-demographics", ages, [region, None, None, None]),
        "unhcr-resettlement": cut("unhcr-resettlement", resettled, [region, region, None]),
    }


def cut(name, counts, groups):
    """The table of counts by their codes; `groups` are those of each dimension's codes."""
    sums = collections.Counter()
    for codes, count in counts:
        if count > 0:
            sums[codes] += count
    dimensions, places = [], []
    for axis, group_of in enumerate(groups):
        codes = sorted({key[axis] for key in sums}, key=lambda code: (group_of.get(code, "other") if group_of else "", code))
        names = sorted({group_of.get(code, "other") for code in codes}) if group_of else []
        dimensions.append(Dimension(len(codes), [names.index(group_of.get(code, "other")) for code in codes] if group_of else []))
        places.append({code: place for place, code in enumerate(codes)})
    lines = [f"below;{SMALL}"]
    lines += [";".join(["dimension", str(d.finest), *map(str, d.groups)]) for d in dimensions]
    for key, count in sorted(sums.items()):
        lines.append(";".join([*(str(places[axis][code]) for axis, code in enumerate(key)), str(count)]))
    return Table(name, dimensions, SMALL, "\n".join(lines) + "\n")
