//! Any key and filter gives the rows that a plain scan gives.

use std::collections::{BTreeMap, BTreeSet};

use chancery_schema::DatasetSchema;
use chancery_schema::dataset::{OBS_VALUE, TIME_PERIOD};
use chancery_schema::period::Period;
use chancery_schema::query::{AtObservation, ComponentFilter, Condition, DataQuery, Operator};
use proptest::prelude::*;

use crate::support::{DIMENSIONS, Row, engine, rows, schema, sources};

/// Codes of each dimension, and periods of each frequency.
const CODES: [&[&str]; DIMENSIONS] = [
    &["A", "M"],
    &["GTM", "MEX"],
    &["MEX", "USA"],
    &["GTM", "HND"],
    &["_T", "DEPORTATION"],
    &["_T", "F", "M"],
    &["_T", "Y_LT18"],
];
const YEARS: [&str; 4] = ["2019", "2020", "2021", "2022"];
const MONTHS: [&str; 5] = ["2019-12", "2020-01", "2020-02", "2020-12", "2021-01"];
const BOUNDS: [&str; 7] = ["2019", "2020", "2020-Q1", "2020-01", "2020-02-01", "2021-S1", "2020-W53"];

fn observations() -> impl Strategy<Value = Vec<Row>> {
    let row = (proptest::array::uniform7(0usize..6), 0usize..60, proptest::option::weighted(0.8, 0u32..20)).prop_map(
        |(picks, time, value)| {
            let mut key: Vec<String> =
                CODES.iter().zip(picks).map(|(codes, pick)| codes[pick % codes.len()].to_owned()).collect();
            let periods: &[&str] = if key[0] == "A" { &YEARS } else { &MONTHS };
            let release = format!("release-{}", key[1]);
            key.push(periods[time % periods.len()].to_owned());
            Row { key, value: value.map(f64::from), release }
        },
    );
    proptest::collection::vec(row, 1..80).prop_map(|rows| {
        let unique: BTreeMap<Vec<String>, Row> = rows.into_iter().map(|row| (row.key.clone(), row)).collect();
        unique.into_values().collect()
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::{Contains, EndsWith, Eq, Ge, Gt, Le, Lt, Ne, NotContains, StartsWith};
    proptest::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge, Contains, NotContains, StartsWith, EndsWith])
}

fn filter() -> impl Strategy<Value = ComponentFilter> {
    let dimension =
        (0..DIMENSIONS, proptest::collection::vec((operator(), 0usize..6), 1..4)).prop_map(|(index, any)| {
            let condition = |(operator, pick): (Operator, usize)| Condition {
                operator,
                value: CODES[index][pick % CODES[index].len()].to_owned(),
            };
            let ids = schema().dimensions;
            ComponentFilter { component: ids[index].id.clone(), any_of: any.into_iter().map(condition).collect() }
        });
    let ordered = || {
        use Operator::{Eq, Ge, Gt, Le, Lt, Ne};
        proptest::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge])
    };
    let time = proptest::collection::vec((ordered(), proptest::sample::select(&BOUNDS[..])), 1..3).prop_map(|any| {
        let any_of = any.into_iter().map(|(operator, value)| Condition { operator, value: value.to_owned() }).collect();
        ComponentFilter { component: TIME_PERIOD.to_owned(), any_of }
    });
    let value = (ordered(), 0u32..20).prop_map(|(operator, value)| ComponentFilter {
        component: OBS_VALUE.to_owned(),
        any_of: vec![Condition { operator, value: value.to_string() }],
    });
    prop_oneof![3 => dimension, 1 => time, 1 => value]
}

prop_compose! {
    fn query()(
        keys in proptest::collection::vec(proptest::collection::vec(
            proptest::option::of(proptest::collection::vec(0usize..6, 1..3)), DIMENSIONS), 0..3),
        filters in proptest::collection::vec(filter(), 0..3),
        start in proptest::option::of(proptest::sample::select(&BOUNDS[..])),
        end in proptest::option::of(proptest::sample::select(&BOUNDS[..])),
        edge in 0u32..9,
        offset in 0u64..4,
        limit in proptest::option::of(0u64..20),
        across in proptest::option::weighted(0.2, 0..DIMENSIONS),
    ) -> DataQuery {
        let mut query = DataQuery::all(&schema());
        let codes = |index: usize, picks: Vec<usize>| {
            picks.into_iter().map(|pick| CODES[index][pick % CODES[index].len()].to_owned()).collect::<Vec<_>>()
        };
        let key = |key: Vec<Option<Vec<usize>>>| {
            key.into_iter().enumerate().map(|(index, picks)| picks.map(|picks| codes(index, picks))).collect()
        };
        query.keys = keys.into_iter().map(key).collect();
        query.filters = filters;
        query.start = start.map(str::to_owned);
        query.end = end.map(str::to_owned);
        query.first_n = (1..3).contains(&edge).then_some(edge);
        query.last_n = (3..5).contains(&edge).then(|| edge - 2);
        query.offset = offset;
        query.limit = limit;
        if let Some(index) = across {
            query.at_observation = AtObservation::Dimension(schema().dimensions[index].id.clone());
        }
        query
    }
}

/// Whether a row meets a condition, from the words of the SDMX REST specification.
fn meets(schema: &DatasetSchema, row: &Row, component: &str, condition: &Condition) -> bool {
    use Operator::{Contains, EndsWith, Eq, Ge, Gt, Le, Lt, Ne, NotContains, StartsWith};
    if component == OBS_VALUE {
        let wanted: f64 = condition.value.parse().unwrap();
        return row.value.is_some_and(|value| match condition.operator {
            Eq => value == wanted,
            Ne => value != wanted,
            Lt => value < wanted,
            Le => value <= wanted,
            Gt => value > wanted,
            Ge => value >= wanted,
            Contains | NotContains | StartsWith | EndsWith => false,
        });
    }
    let (text, wanted) = (row.text(schema, component), condition.value.as_str());
    let order = matches!(condition.operator, Lt | Le | Gt | Ge);
    if component == TIME_PERIOD && order {
        let (found, wanted) = (Period::parse(&text).unwrap(), Period::parse(wanted).unwrap());
        return match condition.operator {
            Lt => found.end < wanted.start,
            Le => found.end <= wanted.end,
            Gt => found.start > wanted.end,
            _ => found.start >= wanted.start,
        };
    }
    match condition.operator {
        Eq => text == wanted,
        Ne => text != wanted,
        Lt => text.as_str() < wanted,
        Le => text.as_str() <= wanted,
        Gt => text.as_str() > wanted,
        Ge => text.as_str() >= wanted,
        Contains => text.contains(wanted),
        NotContains => !text.contains(wanted),
        StartsWith => text.starts_with(wanted),
        EndsWith => text.ends_with(wanted),
    }
}

fn matches(schema: &DatasetSchema, row: &Row, query: &DataQuery) -> bool {
    let position = |(wanted, found): (&Option<Vec<String>>, &String)| wanted.as_ref().is_none_or(|w| w.contains(found));
    let key = query.keys.is_empty() || query.keys.iter().any(|key| key.iter().zip(&row.key).all(position));
    let filter = |f: &ComponentFilter| f.any_of.iter().any(|c| meets(schema, row, &f.component, c));
    let period = Period::parse(&row.key[DIMENSIONS]).unwrap();
    let bound = |text: &Option<String>| text.as_deref().and_then(Period::parse);
    key && query.filters.iter().all(filter)
        && bound(&query.start).is_none_or(|start| period.start >= start.start)
        && bound(&query.end).is_none_or(|end| period.end <= end.end)
}

/// What a plain scan over sorted rows gives.
fn scan(schema: &DatasetSchema, all: &[Row], query: &DataQuery) -> Vec<Row> {
    let mut series: BTreeMap<&[String], Vec<&Row>> = BTreeMap::new();
    for row in all.iter().filter(|row| matches(schema, row, query)) {
        series.entry(&row.key[..DIMENSIONS]).or_default().push(row);
    }
    let edge = |rows: Vec<&Row>| {
        let first = query.first_n.map_or(rows.len(), |n| n as usize);
        let skipped = query.last_n.map_or(0, |n| rows.len().saturating_sub(n as usize));
        rows.into_iter().take(first).skip(skipped).cloned().collect::<Vec<_>>()
    };
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let mut rows: Vec<Row> = series.into_values().flat_map(edge).collect();
    if let AtObservation::Dimension(id) = &query.at_observation {
        let last = schema.dimension_index(id).unwrap();
        rows.sort_by_cached_key(|row| {
            let mut key = row.key.clone();
            let code = key.remove(last);
            (key, code)
        });
    }
    rows.into_iter().skip(query.offset as usize).take(limit).collect()
}

/// The sums of some rows by two columns: of all, of those without a figure, of figures.
fn sums(schema: &DatasetSchema, rows: &[&Row], by: [&str; 2]) -> BTreeMap<Vec<String>, (u64, u64, f64)> {
    let mut sums: BTreeMap<Vec<String>, (u64, u64, f64)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(by.map(|id| row.text(schema, id)).to_vec()).or_default();
        sum.0 += 1;
        sum.1 += u64::from(row.value.is_none());
        sum.2 += row.value.unwrap_or(0.0);
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_query_gives_the_rows_of_a_plain_scan(all in observations(), query in query()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
        let matching: Vec<&Row> = all.iter().filter(|row| matches(&schema, row, &query)).collect();
        let distinct = |columns: &[usize]| -> BTreeSet<Vec<String>> {
            matching.iter().map(|row| columns.iter().map(|column| row.key[*column].clone()).collect()).collect()
        };
        let series = matching.iter().map(|row| &row.key[..DIMENSIONS]).collect::<BTreeSet<_>>().len();
        let by = ["SEX", TIME_PERIOD];
        runtime.block_on(async {
            let engine = engine(dir.path(), 64 << 20);
            let sources = sources(dir.path(), &schema, &all);
            // From files not opened yet, from opened ones, and with the runs of their rows in memory.
            for prepared in [false, false, true] {
                if prepared {
                    engine.prepare(&sources).await.unwrap();
                }
                let stream = engine.run(&schema, &sources, &query).await.unwrap();
                prop_assert_eq!(rows(stream, &schema).await, scan(&schema, &all, &query));
                let groups: [&[&str]; 2] = [&["ORIGIN"], &["SEX", "AGE"]];
                let summary = engine.summarize(&schema, &sources, &query, &groups).await.unwrap();
                prop_assert_eq!((summary.observations as usize, summary.series as usize), (matching.len(), series));
                prop_assert_eq!(summary.distinct, vec![distinct(&[2]), distinct(&[5, 6])]);
                let found = engine.sum(&schema, &sources, &query, &by).await.unwrap();
                let found = found.into_iter().map(|(texts, sum)| (texts, (sum.observations, sum.missing, sum.sum)));
                prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), sums(&schema, &matching, by));
            }
            Ok(())
        })?;
    }
}

/// Many series over several pages, so that groups are read in parts: their rows differ from page to page.
#[test]
fn queries_of_many_pages_give_the_rows_of_a_plain_scan() {
    let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
    let mut all = Vec::new();
    for (index, origin) in (0u32..).zip(["GTM", "HND", "MEX", "SLV", "USA"]) {
        for destination in ["CRI", "GTM", "HND", "MEX", "NIC", "PAN"] {
            for (number, sex) in (0u32..).zip(["F", "M", "_T"]) {
                for year in 1900..2000u32 {
                    let mut key = ["A", "GTM", origin, destination, "_T", sex, "_T"].map(str::to_owned).to_vec();
                    key.push(year.to_string());
                    let value = (year % 7 != index).then(|| f64::from(year + number));
                    all.push(Row { key, value, release: "release-GTM".to_owned() });
                }
            }
        }
    }
    let key = |index: usize, codes: &[&str]| {
        let mut key = vec![None; DIMENSIONS];
        key[index] = Some(codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>());
        key
    };
    let with = |change: &dyn Fn(&mut DataQuery)| {
        let mut query = DataQuery::all(&schema);
        change(&mut query);
        query
    };
    let queries = [
        DataQuery::all(&schema),
        with(&|q| q.keys = vec![key(2, &["HND", "USA"])]),
        with(&|q| q.keys = vec![key(3, &["GTM"]), key(5, &["F"])]),
        with(&|q| q.keys = vec![key(3, &["MEX"])]),
        with(&|q| (q.start, q.end) = (Some("1950".to_owned()), Some("1960".to_owned()))),
        with(&|q| (q.keys, q.last_n) = (vec![key(5, &["M"])], Some(2))),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = engine(dir.path(), 64 << 20);
        let sources = sources(dir.path(), &schema, &all);
        for prepared in [false, true] {
            if prepared {
                engine.prepare(&sources).await.unwrap();
            }
            for query in &queries {
                let stream = engine.run(&schema, &sources, query).await.unwrap();
                assert_eq!(rows(stream, &schema).await, scan(&schema, &all, query), "{prepared} {query:?}");
                let matching: Vec<&Row> = all.iter().filter(|row| matches(&schema, row, query)).collect();
                let found = engine.sum(&schema, &sources, query, &["ORIGIN", TIME_PERIOD]).await.unwrap();
                let found = found.into_iter().map(|(texts, sum)| (texts, (sum.observations, sum.missing, sum.sum)));
                assert_eq!(found.collect::<BTreeMap<_, _>>(), sums(&schema, &matching, ["ORIGIN", TIME_PERIOD]));
            }
        }
    });
}
