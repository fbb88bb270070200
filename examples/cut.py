#!/usr/bin/env python3
"""Cuts the demo forums' figures from a folder of source files (see SOURCES.md in each example). Standard library only.

    python3 examples/cut.py --data DIR

The same sources give the same files, byte for byte.
"""
import argparse
import collections
import csv
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

PUEBLA = [
    ("BLZ", "Belize, Immigration Department"),
    ("CAN", "Canada, Immigration, Refugees and Citizenship"),
    ("CRI", "Costa Rica, Dirección General de Migración y Extranjería"),
    ("DOM", "Dominican Republic, Dirección General de Migración"),
    ("SLV", "El Salvador, Dirección General de Migración y Extranjería"),
    ("GTM", "Guatemala, Instituto Guatemalteco de Migración"),
    ("HND", "Honduras, Instituto Nacional de Migración"),
    ("MEX", "Mexico, Unidad de Política Migratoria"),
    ("NIC", "Nicaragua, Dirección General de Migración y Extranjería"),
    ("PAN", "Panama, Servicio Nacional de Migración"),
    ("USA", "United States, Department of Homeland Security"),
]
BUDAPEST = [
    ("BEL", "Belgium"), ("DNK", "Denmark"), ("EST", "Estonia"), ("FIN", "Finland"), ("HRV", "Croatia"), ("ITA", "Italy"),
    ("LTU", "Lithuania"), ("NLD", "Netherlands"), ("SVK", "Slovakia"), ("SVN", "Slovenia"), ("SWE", "Sweden"),
]
# Residual and withdrawn codes of the sources, in the shared code list's terms.
AREA = {"UNK": "_U", "UKN": "_U", "": "_U", "XXA": "STA", "XXB": "STA", "OOO": "_O", "TIB": "TIB", "XCX": "XCX", "AB9": "_O", "XKX": "XKX", "XXX": "STA", "STL": "STA"}


def area(code):
    return AREA.get(code, code)


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def whole(text):
    """A figure without a needless decimal part; None where there is none."""
    if text in ("", "NA", "NaN"):
        return None
    value = float(text)
    return int(value) if value == int(value) else value


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        out.writerows(sorted(rows, key=lambda r: [str(c) for c in r]))


class Forum:
    def __init__(self, folder, name, members):
        self.folder, self.name, self.members, self.publications = HERE / folder, name, members, []

    def publish(self, member, title, stem, mapping, header, rows, wave=1):
        if rows:
            write(self.folder / "data" / f"{stem}.csv", header, rows)
            self.publications.append((member, title, f"data/{stem}.csv", f"mappings/{mapping}.toml", wave))

    def script(self):
        lines = [f'name = "{self.name}"', ""]
        lines += ["[[member]]", 'id = "SEC"', 'name = "Secretariat"', 'role = "secretariat"', ""]
        for ident, name in self.members:
            lines += ["[[member]]", f'id = "{ident}"', f'name = "{name}"', 'role = "member-state"', ""]
        order = {m: i for i, (m, _) in enumerate(self.members)}
        for member, title, file, mapping, wave in sorted(self.publications, key=lambda p: (p[4], order[p[0]], p[1])):
            lines += ["[[publication]]", f'member = "{member}"', f'title = "{title}"', f'file = "{file}"', f'mapping = "{mapping}"', f"wave = {wave}", ""]
        (self.folder / "forum.toml").write_text("\n".join(lines), encoding="utf-8")


def summed(rows):
    """Rows of (key..., value): figures of one key added together."""
    total = collections.OrderedDict()
    for *key, value in rows:
        total[tuple(key)] = total.get(tuple(key), 0) + value
    return [[*key, value] for key, value in total.items()]


def stock(forum, member, rows, revision, wave):
    out = []
    for r in rows:
        if r["geo"] != member or whole(r["n"]) is None:
            continue
        basis = "BIRTH_CITIZENSHIP" if r["type_b"] == r["type_c"] == "1" else "BIRTH" if r["type_b"] == "1" else "CITIZENSHIP" if r["type_c"] == "1" else "_U"
        status = "I" if r["type_i"] == "1" else "E"
        out.append([member, area(r["from"]), r["sex"], r["t"], whole(r["n"]), basis, status])
    seen = collections.Counter((r[1], r[2], r[3]) for r in out)
    out = [r for r in out if seen[(r[1], r[2], r[3])] == 1]
    sexes = collections.defaultdict(list)
    for r in out:
        sexes[(r[1], r[3])].append(r)
    for pair in sexes.values():
        if {r[2] for r in pair} == {"male", "female"}:
            first = pair[0]
            out.append([*first[:2], "both", first[3], sum(r[4] for r in pair), *first[5:]])
    header = ["destination", "origin", "sex", "year", "persons", "basis", "status"]
    forum.publish(member, f"International migrant stock, {revision} revision", f"{member}_stock_{revision}", f"migrant_stock_{revision}", header, out, wave)


def unhcr(forum, member, data):
    types = {"refugees": "REF", "asylum_seekers": "ASY", "returned_refugees": "RRF", "idps": "IDP", "returned_idps": "RIDP", "stateless": "STA", "ooc": "OOC", "oip": "OIP", "hst": "HST"}
    rows = [[member, area(r["coo_iso"]), r["year"], code, whole(r[column])] for r in data["population"] if r["coa_iso"] == member and int(r["year"]) >= 2000 for column, code in types.items() if whole(r[column])]
    forum.publish(member, "Displaced population, 2000 to 2025", f"{member}_displaced", "displaced_population", ["asylum", "origin", "year", "type", "persons"], summed(rows))
    counted = {"C": "CASES", "P": "PERSONS"}
    rows = [[member, area(r["coo_iso"]), r["year"], r["procedure_type"], r["app_type"], r["dec_level"] or "_U", counted[r["app_pc"]], whole(r["applied"])] for r in data["asylum"] if r["coa_iso"] == member and whole(r["applied"]) is not None]
    forum.publish(member, "Asylum applications, 2000 to 2025", f"{member}_asylum", "asylum_applications", ["asylum", "origin", "year", "procedure", "application", "level", "counted", "applied"], summed(rows))
    kinds = {"returned_refugees": "RETURN", "resettlement": "RESETTLEMENT", "naturalisation": "NATURALISATION", "returned_idps": "IDP_RETURN"}
    rows = [[member, area(r["coo_iso"]), r["year"], code, whole(r[column])] for r in data["solutions"] if r["coa_iso"] == member and int(r["year"]) >= 2000 for column, code in kinds.items() if whole(r[column])]
    forum.publish(member, "Durable solutions, 2000 to 2025", f"{member}_solutions", "solutions", ["country", "origin", "year", "solution", "persons"], summed(rows))


def remittances(forum, member, data):
    rows = []
    for r in data["remittance_model"]:
        if r["sending_iso3"] == member and r["is_aggregate"] == "0" and r["receiving_iso3"] and whole(r["usd_millions"]):
            rows.append([member, member, r["receiving_iso3"], "MODEL", r["year"], f"{float(r['usd_millions']):.3f}", "6"])
    for r in data["remittance_reported"]:
        value = whole(r["v"])
        if r["geo"] == member and value is not None:
            ends = ("_T", member) if r["var"] == "remin" else (member, "_T")
            rows.append([member, *ends, "REPORTED", r["t"], f"{value / 1e6:.3f}", "6"])
    forum.publish(member, "Remittances, modelled 2017 and reported 1990 to 2023", f"{member}_remittances", "remittances", ["reporter", "from", "to", "kind", "year", "usd", "multiplier"], rows)


def treaties(forum, member, data):
    action = {"ratification": "RATIFICATION", "accession": "ACCESSION", "succession": "SUCCESSION", "acceptance": "ACCEPTANCE", "approval": "APPROVAL"}
    rows, party = [], set()
    for r in data["untc"]:
        if r["iso3"] != member:
            continue
        if r["signed"]:
            rows.append([member, r["instrument"], "SIGNATURE", "D", r["signed"], "UN Treaty Collection, status of March 2015"])
        if r["party_since"] and r["mode"] in action:
            party.add(r["instrument"])
            rows.append([member, r["instrument"], action[r["mode"]], "D", r["party_since"], "UN Treaty Collection, status of March 2015"])
    for r in data["ohchr"]:
        if r["iso3"] == member and r["state_party"] == "1" and r["year"] and r["instrument"] not in party:
            rows.append([member, r["instrument"], "PARTY", "A", str(int(float(r["year"]))), "OHCHR, status of August 2022"])
    forum.publish(member, "Status of treaties", f"{member}_treaties", "treaty_status", ["state", "treaty", "action", "freq", "date", "source"], rows)


def returns(forum, data):
    ages = {"adult": "Y_GE18", "accompanied child": "Y_LT18_ACC", "unaccompanied child": "Y_LT18_UNA"}
    sexes = {"male": "M", "female": "F"}
    cells = [[area(r["origin"]), "_T", sexes[r["sex"]], ages[r["age"]], r["t"][:7], whole(r["n"])] for r in data["guatemala"] if whole(r["n"]) is not None]
    totals = [[c[0], "_T", "_T", "_T", c[4], c[5]] for c in cells]
    header = ["from", "type", "sex", "age", "month", "persons"]
    forum.publish("GTM", "Returns to Guatemala, as received", "GTM_returns", "returns_gtm", header, summed(cells) + summed(totals))
    kinds = {"deportation": "DEPORTATION", "assisted return": "ASSISTED", "assisted return of children": "ASSISTED_CHILD"}
    cells = [[area(r["nat"]), kinds[r["type"]], r["t"][:7], whole(r["n"])] for r in data["mexico_exp"] if whole(r["n"]) is not None]
    totals = [[c[0], "_T", c[2], c[3]] for c in cells]
    forum.publish("MEX", "Returns from Mexico, as sent", "MEX_returns", "returns_mex", ["to", "type", "month", "persons"], summed(cells) + summed(totals))


def transits(forum, data):
    header = ["citizenship", "sex", "age", "month", "events"]

    def publish(member, title, nationality, demography):
        rows = summed([[area(r["nat"]), "_T", "_T", r["t"][:7], whole(r["n"])] for r in nationality if whole(r["n"]) is not None])
        months = collections.Counter()
        for _, _, _, month, n in rows:
            months[month] += n
        rows += [["_T", "_T", "_T", month, n] for month, n in months.items()]
        rows += summed([["_T", sex, age, month, n] for sex, age, month, n in demography])
        forum.publish(member, title, f"{member}_transits", f"transits_{member.lower()}", header, rows)

    groups = {"men": ("M", "Y_GE18"), "women": ("F", "Y_GE18"), "boys": ("M", "Y_LT18"), "girls": ("F", "Y_LT18")}
    simple = lambda rows: [[*groups[r["demog"]], r["t"][:7], whole(r["n"])] for r in rows if whole(r["n"]) is not None]
    ages = {"18+": "Y_GE18", "12-17": "Y12T17", "<12": "Y_LT12", "0-11": "Y_LT12"}
    sexes = {"male": "M", "female": "F"}
    mexico = [[sexes[r["sex"]], mexican_age(r["age"], ages), r["t"][:7], whole(r["n"])] for r in data["mexico_dmg"] if whole(r["n"]) is not None]
    publish("PAN", "Irregular transits through Darien", data["darien_nat"], simple(data["darien_dmg"]))
    publish("HND", "Irregular entries to Honduras", data["honduras_nat"], simple(data["honduras_dmg"]))
    publish("MEX", "Migration procedures in Mexico", data["mexico_nat"], mexico)
    publish("USA", "Encounters at the south-west border", data["usa"], [])


def mexican_age(text, ages):
    if text in ages:
        return ages[text]
    if "18" in text and ("+" in text or "over" in text):
        return "Y_GE18"
    young = "12-17" in text or "12 to 17" in text
    alone = "unaccomp" in text
    together = "accomp" in text and not alone
    return ("Y12T17" if young else "Y_LT12") + ("_UNA" if alone else "_ACC" if together else "")


def puebla(root):
    forum = Forum("puebla", "Regional Conference on Migration (Puebla Process)", PUEBLA)
    stocks = read(root / "rcm/undesa_stock_two_revisions_rcm.csv")
    rt = root / "returns_and_transits"
    data = {
        "population": read(root / "unhcr/population.csv"), "asylum": read(root / "unhcr/asylum_applications.csv"),
        "solutions": read(root / "unhcr/solutions.csv"), "untc": read(root / "treaties/untc_status_2015.csv"),
        "ohchr": read(root / "treaties/ohchr_core_status_2022.csv"),
        "remittance_model": read(root / "remittances/wb_bilateral_remittances_2017.csv"),
        "remittance_reported": read(root / "remittances/wb_remittances_in_out.csv"),
        "guatemala": read(rt / "guatemala.csv"), "mexico_exp": read(rt / "mexico_exp.csv"), "mexico_nat": read(rt / "mexico_nat.csv"),
        "mexico_dmg": read(rt / "mexico_dmg.csv"), "darien_nat": read(rt / "darien_nat.csv"), "darien_dmg": read(rt / "darien_dmg.csv"),
        "honduras_nat": read(rt / "honduras_nat.csv"), "honduras_dmg": read(rt / "honduras_dmg.csv"), "usa": read(rt / "usa_swb_encounters.csv"),
    }
    for member, _ in PUEBLA:
        for revision, wave in (("2020", 1), ("2024", 2)):
            stock(forum, member, [r for r in stocks if r["revision"] == revision], revision, wave)
        unhcr(forum, member, data)
        remittances(forum, member, data)
        treaties(forum, member, data)
    returns(forum, data)
    transits(forum, data)
    forum.script()


def budapest(root):
    forum = Forum("budapest", "Budapest Process (eleven states)", BUDAPEST)
    flows = read(root / "budapest/eurostat_mirror_2010_2019.csv")
    stocks = read(root / "budapest/undesa_stock_2024.csv")
    for member, _ in BUDAPEST:
        rows = []
        for r in flows:
            for end, column in (("origin", "emigration_reported_by_origin"), ("destination", "immigration_reported_by_destination")):
                if r[end] == member and whole(r[column]) is not None:
                    rows.append([member, r["origin"], r["destination"], r["year"], whole(r[column])])
        forum.publish(member, "Migration flows, 2010 to 2019", f"{member}_flows", "migration_flows", ["reporter", "origin", "destination", "year", "persons"], rows)
        stock(forum, member, stocks, "2024", 1)
    forum.script()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=pathlib.Path, required=True, help="the folder of source files")
    root = arguments.parse_args().data
    puebla(root)
    budapest(root)
