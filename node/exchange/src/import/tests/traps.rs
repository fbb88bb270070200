//! The traps that publishers of migration statistics and their users report, each as a small file: it is caught, and told how.

use super::*;

/// The mapping of a small table of stocks.
const STOCK: &str = r#"
dataflow = "RCP:MIGRANT_STOCK(1.0.0)"
[components]
FREQ = { value = "A" }
REF_AREA = { value = "GTM" }
ORIGIN = { column = "origin" }
DESTINATION = { column = "destination" }
SEX = { column = "sex" }
AGE = { value = "_T" }
TIME_PERIOD = { column = "year" }
OBS_VALUE = { column = "n" }
OBS_STATUS = { value = "A" }
CONF_STATUS = { value = "F" }
UNIT_MEASURE = { value = "PS" }
COUNTED = { value = "PERSONS" }
BASIS = { value = "BIRTH" }
DURATION = { value = "M_GE12" }
SOURCE_KIND = { value = "REGISTER" }
SOURCE = { value = "test" }
"#;
const HEAD: &str = "origin,destination,sex,year,n,extra\n";

/// What a file of rows gives under a mapping: row, kind, nearest code, and what was expected.
fn told(bench: &Bench, mapping: &str, rows: &str) -> Vec<(u64, String, String, String)> {
    let path = bench.path("trap.csv");
    std::fs::write(&path, format!("{HEAD}{rows}")).unwrap();
    let given = bench.check(mapping, Some(&path)).unwrap();
    let one = |p: &chancery_schema::validate::Problem| {
        (p.row, p.kind.name().to_owned(), p.nearest.clone().unwrap_or_default(), p.expected.clone())
    };
    given.findings.problems.iter().map(one).collect()
}

/// Change of the mapping, rows, row, kind, nearest code, a part of what was expected.
type Trap = (&'static [(&'static str, &'static str)], &'static str, u64, &'static str, &'static str, &'static str);

const ORIGIN: &str = "ORIGIN = { column = \"origin\" }";
const VALUE: &str = "OBS_VALUE = { column = \"n\" }";

const FLAGS: &[(&str, &str)] = &[("OBS_STATUS = { value = \"A\" }", "OBS_STATUS = { column = \"extra\" }")];

const TRAPS: &[Trap] = &[
    // Codes of another system, and codes of none.
    (&[], "AUS,GTM,_T,2020,7,\nANG,GTM,_T,2020,7,\nALG,GTM,_T,2020,7,\n", 2, "other-system", "AUT", "UNHCR"),
    (&[], "UNK,GTM,_T,2020,7,\n", 2, "unknown-code", "_U", "unknown at UNHCR"),
    (&[], "XXA,GTM,_T,2020,7,\n", 2, "unknown-code", "STA", "stateless"),
    (&[], "OOO,GTM,_T,2020,7,\n", 2, "unknown-code", "_O", "other areas"),
    (&[], "XKK,GTM,_T,2020,7,\n", 2, "unknown-code", "XKX", "Kosovo"),
    (&[], "KSV,GTM,_T,2020,7,\n", 2, "unknown-code", "XKX", "Kosovo"),
    (&[], "UK,GTM,_T,2020,7,\n", 2, "unknown-code", "GBR", "the United Kingdom"),
    (&[], "EL,GTM,_T,2020,7,\n", 2, "unknown-code", "GRC", "Greece"),
    (&[], "CH,GTM,_T,2020,7,\n", 2, "unknown-code", "CHE", "ISO 3166-1 alpha-2"),
    (&[], "GER,GTM,_T,2020,7,\n", 2, "unknown-code", "DEU", "IOC"),
    (&[], "840,GTM,_T,2020,7,\n", 2, "unknown-code", "USA", "UN M49"),
    (&[], "México,GTM,_T,2020,7,\n", 2, "unknown-code", "MEX", "names = \"any\""),
    (&[], "UKN,GTM,_T,2020,7,\n", 2, "unknown-code", "_U", "unknown"),
    (&[], "XXX,GTM,_T,2020,7,\n", 2, "unknown-code", "_U", "stateless"),
    (&[], "NA,GTM,_T,2020,7,\n", 2, "unknown-code", "NAM", "Namibia"),
    (&[], "ARB,GTM,_T,2020,7,\n", 2, "unknown-code", "", "a code of CL_AREA"),
    // Areas that are no more, or not yet.
    (&[], "SCG,GTM,_T,2015,7,\n", 2, "expired-code", "", "SRB, MNE"),
    (&[], "ANT,GTM,_T,2017,7,\n", 2, "expired-code", "", "2010-12-15"),
    (&[], "SSD,GTM,_T,2005,7,\n", 2, "not-yet-an-area", "", "South Sudan"),
    (&[], "MNE,GTM,_T,2003,0,\n", 2, "not-yet-an-area", "", "Montenegro"),
    (&[], "CUW,GTM,_T,2005,0,\n", 2, "not-yet-an-area", "", "Cura"),
    // A corridor within one area.
    (&[], "MEX,MEX,_T,2020,7,\n", 2, "origin-is-destination", "", "corridor"),
    // Marks that are no numbers, and a number that was a mark.
    (&[], "MEX,GTM,_T,2020,<5,\n", 2, "figure-mark", "", "withholds a small count"),
    (&[], "MEX,GTM,_T,2020,*,\n", 2, "figure-mark", "", "withholds"),
    (&[], "MEX,GTM,_T,2020,:,\n", 2, "figure-mark", "", "does not mean zero"),
    (&[], "MEX,GTM,_T,2020,NA,\n", 2, "figure-mark", "", "does not mean zero"),
    (&[], "MEX,GTM,_T,2020,NaN,\n", 2, "not-finite", "", "it is not zero"),
    (&[], "MEX,GTM,_T,2020,2.5,\n", 2, "part-of-a-person", "", "`<5`"),
    (&[], "MEX,GTM,_T,2020,120 bu,\n", 2, "wrong-type", "", "`bu` belongs to OBS_STATUS"),
    // Flags of several letters, of which others keep the first.
    (FLAGS, "MEX,GTM,_T,2020,7,bu\n", 2, "unknown-code", "", "CL_OBS_STATUS"),
    (FLAGS, "MEX,GTM,_T,2020,7,u\n", 2, "unknown-code", "", "CL_OBS_STATUS"),
    // A blank is not zero, and a missing origin is not another.
    (&[], "MEX,GTM,_T,2020,,\n", 2, "missing-value", "", "not zero"),
    (&[], ",GTM,_T,2020,7,\n", 2, "missing-dimension", "", "CL_AREA"),
    // Totals without what is left, and parts that are more than their total.
    (&[], "MEX,GTM,_T,2020,100,\nMEX,GTM,F,2020,40,\nMEX,GTM,M,2020,50,\n", 2, "residual-missing", "", "10"),
    (&[], "MEX,GTM,_T,2020,100,\nMEX,GTM,F,2020,70,\nMEX,GTM,M,2020,50,\n", 2, "parts-exceed-total", "", "120"),
    // A series that breaks.
    (&[], "MEX,GTM,_T,2020,100000,\nMEX,GTM,_T,2021,900,\n", 3, "break-in-series", "", "100000"),
    // Reference periods.
    (&[], "MEX,GTM,_T,FY2023,7,\n", 2, "impossible-period", "", "FISCAL"),
    (&[], "MEX,GTM,_T,2022/23,7,\n", 2, "impossible-period", "", "FISCAL"),
    (&[], "MEX,GTM,_T,mid-2023,7,\n", 2, "impossible-period", "", "MID_YEAR"),
    (&[], "MEX,GTM,_T,2023-S1,7,\n", 2, "impossible-period", "", "frequency `A`"),
    (&[], "MEX,GTM,_T,2023-07-01,7,\n", 2, "impossible-period", "", "frequency `A`"),
    // One key twice: two revisions, two bases, persons and cases.
    (&[], "MEX,GTM,_T,2020,7,\nMEX,GTM,_T,2020,8,\n", 3, "duplicate-key", "", "line 2"),
];

/// Ways of counting that a column tells apart, which sums must not mix: component, and the two codes.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("COUNTED", "\"PERSONS\"", "PERSONS", "CASES"),
    ("BASIS", "\"BIRTH\"", "BIRTH", "CITIZENSHIP"),
    ("DURATION", "\"M_GE12\"", "M_GE12", "PERMANENT"),
    ("SOURCE_KIND", "\"REGISTER\"", "REGISTER", "MODEL"),
];

#[test]
fn known_traps_are_caught() {
    let bench = Bench::new();
    let mut missed = Vec::new();
    for (changes, rows, row, kind, nearest, expected) in TRAPS {
        let mapping = changes.iter().fold(STOCK.to_owned(), |text, (from, to)| text.replace(from, to));
        let told = told(&bench, &mapping, rows);
        let caught = told.iter().any(|(at, name, near, text)| {
            at == row && name == kind && (nearest.is_empty() || near == nearest) && text.contains(expected)
        });
        if !caught {
            missed.push(format!("{rows:?}: no {kind} of row {row} in {told:#?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn what_is_counted_in_another_way_is_never_added() {
    let bench = Bench::new();
    for (component, constant, one, other) in KINDS {
        let column = STOCK.replace(
            &format!("{component} = {{ value = {constant} }}"),
            &format!("{component} = {{ column = \"extra\" }}"),
        );
        let rows = format!("MEX,GTM,_T,2020,7,{one}\nMEX,GTM,_T,2020,8,{other}\n");
        let kinds = |mapping: &str| told(&bench, mapping, &rows).into_iter().map(|told| told.1).collect::<Vec<_>>();
        assert!(kinds(&column).contains(&"duplicate-key".to_owned()), "{component}");
        let summed = column.replace("[components]", "[aggregate]\nover = []\n[components]");
        assert!(kinds(&summed).contains(&"mixed-units".to_owned()), "{component}");
        // Whoever does not say it cannot import.
        let path = bench.path("trap.csv");
        let unsaid = column.replace(&format!("{component} = {{ column = \"extra\" }}\n"), "");
        let refused = bench.check(&unsaid, Some(&path)).err().unwrap();
        assert!(refused.contains(component), "{refused}");
    }
}

#[test]
fn what_the_mapping_knows_is_read_as_it_is_meant() {
    let bench = Bench::new();
    let path = bench.path("meant.csv");
    for (from, to, rows, component, meant) in [
        (ORIGIN, "ORIGIN = { column = \"origin\", system = \"unhcr\" }", "AUS,GTM,_T,2020,5,", "ORIGIN", "AUT"),
        (ORIGIN, "ORIGIN = { column = \"origin\", system = \"iso2\" }", "NA,GTM,_T,2020,0,", "ORIGIN", "NAM"),
        (ORIGIN, "ORIGIN = { column = \"origin\", names = \"any\" }", "Curazao,GTM,_T,2020,5,", "ORIGIN", "CUW"),
        (ORIGIN, "ORIGIN = { column = \"origin\", names = \"any\" }", "Soudan du Sud,GTM,_T,2020,5,", "ORIGIN", "SSD"),
        (ORIGIN, "ORIGIN = { column = \"origin\", names = \"any\" }", "Sudan,GTM,_T,2020,5,", "ORIGIN", "SDN"),
        (VALUE, VALUE, "MEX,GTM,_T,2020,5,", "OBS_VALUE", "5"),
        (VALUE, VALUE, "MEX,GTM,_T,2020,0,", "OBS_VALUE", "0"),
        (
            "[components]",
            "[options]\nmarks = { \"<5\" = \"Q\" }\n[components]",
            "MEX,GTM,_T,2020,<5,",
            "OBS_STATUS",
            "Q",
        ),
    ] {
        std::fs::write(&path, format!("{HEAD}{rows}\n")).unwrap();
        let given = bench.check(&STOCK.replace(from, to), Some(&path)).unwrap();
        let place = bench.schema("RCP:MIGRANT_STOCK(1.0.0)").components().position(|c| c.id == component).unwrap();
        assert_eq!(given.findings.errors(), 0, "{rows}: {:?}", given.findings.problems);
        assert_eq!(given.rows[0][place], meant, "{rows}");
    }
}
