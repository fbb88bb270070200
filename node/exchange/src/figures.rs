//! Figures: what the published releases say, with where each figure came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use chancery_ledger::time;
use chancery_policies::access::Action;
use chancery_query::{QueryFailure, QueryStream, Source};
use chancery_schema::DataQuery;
use chancery_schema::data::Texts;
use chancery_schema::data::history::Dissemination;
use chancery_schema::dataset::{DatasetSchema, RELEASE};
use chancery_schema::period::Period;
use chancery_store::releases::ReleaseRow;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::error::{Doing as _, Error, Result};
use crate::held::{HeldRelease, in_force};
use crate::node::Node;
use crate::views::{FiguresView, ObservationView, SeriesView, SumView, Sums};

/// The code of a total, as SDMX has it.
const TOTAL: &str = "_T";
/// Attributes that every observation shows by itself.
const SHOWN: [&str; 2] = ["OBS_STATUS", "CONF_STATUS"];

/// Most disseminations of one history.
const MAX_DISSEMINATIONS: usize = 1_000;

/// Which figures the page wants.
#[derive(Debug, Clone, Default)]
pub struct FiguresQuery {
    /// Dataflow id.
    pub dataflow: String,
    /// Component and codes, separated by commas.
    pub filters: Vec<(String, String)>,
    /// First period.
    pub start: Option<String>,
    /// Last period.
    pub end: Option<String>,
    /// What was known then: RFC 3339, or a day.
    pub as_of: Option<String>,
    /// Most observations.
    pub limit: u64,
}

/// What figures there are for a query.
#[derive(Debug, Clone, Default)]
pub struct Availability {
    /// The codes of each dimension asked about that have figures, in the dimension's order.
    pub codes: Vec<(String, Vec<String>)>,
    /// Observations.
    pub observations: u64,
    /// Series.
    pub series: u64,
    /// Earliest and latest period.
    pub periods: Option<(String, String)>,
    /// When the newest release read became known here, unix seconds.
    pub updated_at: Option<i64>,
}

/// An answer that streams, and the releases it reads.
pub struct Data {
    /// Record ids of the releases read, sorted.
    pub releases: Vec<String>,
    /// When the newest of them became known here, unix seconds.
    pub updated_at: Option<i64>,
    /// Record ids of releases that were in force at the time asked for and were withdrawn since: their figures are left out.
    pub withdrawn: Vec<String>,
    /// When each release read was in force, oldest first, if the history was asked for.
    pub history: Vec<Dissemination>,
    /// Batches.
    pub stream: QueryStream,
}

impl Data {
    fn of(rows: &[&ReleaseRow], withdrawn: Vec<String>, stream: QueryStream) -> Self {
        let mut releases: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        releases.sort();
        let updated_at = rows.iter().map(|row| row.in_force_from()).max();
        Self { releases, updated_at, withdrawn, history: Vec::new(), stream }
    }
}

fn sources_of(held: &[&HeldRelease]) -> Vec<Source> {
    held.iter().map(|held| held.source()).collect()
}

/// Whether a release is a later one of the same figures.
fn replaces(later: &ReleaseRow, row: &ReleaseRow) -> bool {
    later.member == row.member && later.dataflow == row.dataflow && later.position > row.position
}

/// Since when and until when a release was in force here; `all` has those that came after it, which this reader may know of.
fn dissemination(row: &ReleaseRow, all: &[ReleaseRow]) -> Dissemination {
    let later = all.iter().filter(|r| replaces(r, row));
    Dissemination {
        release: row.id.clone(),
        valid_from: time::format(row.in_force_from()),
        valid_to: later.map(ReleaseRow::in_force_from).min().map(time::format),
    }
}

/// Of rows, at most `limit` after the first `offset`.
fn part(rows: QueryStream, offset: u64, limit: Option<u64>) -> impl Stream<Item = Result<RecordBatch, QueryFailure>> {
    futures::stream::unfold((rows, offset, limit.unwrap_or(u64::MAX)), |(mut rows, mut skip, left)| async move {
        if left == 0 {
            return None;
        }
        loop {
            let batch = match rows.next().await? {
                Ok(batch) => batch,
                Err(failure) => return Some((Err(failure), (rows, skip, 0))),
            };
            let found = batch.num_rows() as u64;
            if skip < found {
                let taken = (found - skip).min(left);
                return Some((Ok(batch.slice(skip as usize, taken as usize)), (rows, 0, left - taken)));
            }
            skip -= found;
        }
    })
}

/// Whether a query asks for what a release says.
fn asked(row: &ReleaseRow, query: &DataQuery) -> bool {
    is_of(row, query) && query.updated_after.is_none_or(|after| row.in_force_from() > after)
}

fn is_of(row: &ReleaseRow, query: &DataQuery) -> bool {
    query.providers.is_empty() || query.providers.contains(&row.member)
}

fn failed(failure: QueryFailure) -> Error {
    match failure {
        QueryFailure::TimeLimit(_) | QueryFailure::Memory => Error::invalid(failure.to_string()),
        failure => Error::Storage { what: "cannot read the figures".to_owned(), cause: Some(Box::new(failure)) },
    }
}

impl Node {
    /// The files of some releases.
    pub(crate) async fn sources(&self, rows: &[ReleaseRow]) -> Result<Vec<Source>> {
        let ids: Vec<String> = rows.iter().map(|r| r.id.clone()).collect();
        let artefacts = self
            .store()
            .run(move |s| s.release_artefact_list(&ids))
            .await
            .or_storage(|| "cannot read the releases".to_owned())?;
        let mut by_release: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for artefact in artefacts {
            by_release.entry(artefact.release).or_default().push(self.files().path(&artefact.sha256));
        }
        Ok(by_release.into_iter().map(|(release, artefacts)| Source { release, artefacts }).collect())
    }

    /// Figures that the asker may read, as they stream from the files.
    pub async fn data(&self, schema: &DatasetSchema, query: &DataQuery) -> Result<Data> {
        if query.include_history {
            return self.history(schema, query).await;
        }
        let all = self.held(&schema.dataflow.to_string(), self.time_of(query)).await?;
        let (held, withdrawn): (Vec<_>, Vec<_>) =
            self.read_by(Action::Read, &all, query).into_iter().partition(|held| held.row.withdrawn_at.is_none());
        let withdrawn = withdrawn.iter().map(|held| held.row.clone()).collect();
        let rows: Vec<&ReleaseRow> = held.iter().map(|held| &held.row).collect();
        let withdrawn = self.left_out(rows.is_empty(), withdrawn).await?;
        let stream = self.engine().run(schema, &sources_of(&held), query).await.map_err(failed)?;
        Ok(Data::of(&rows, withdrawn, stream))
    }

    /// The ids of withdrawn releases, whose figures are left out. With nothing else to read, the newest one's tombstone is the answer.
    async fn left_out(&self, nothing_else: bool, withdrawn: Vec<ReleaseRow>) -> Result<Vec<String>> {
        if let (true, Some(row)) = (nothing_else, withdrawn.first())
            && let Some(tombstone) = self.tombstone(row).await?
        {
            return Err(Error::Withdrawn(Box::new(tombstone)));
        }
        Ok(withdrawn.into_iter().map(|row| row.id).collect())
    }

    /// The figures of one dissemination after the other, oldest first.
    async fn history(&self, schema: &DatasetSchema, query: &DataQuery) -> Result<Data> {
        let (rows, withdrawn) = self.disseminations(Action::Read, schema, query).await?;
        let all = [rows.as_slice(), withdrawn.as_slice()].concat();
        let withdrawn = self.left_out(rows.is_empty(), withdrawn).await?;
        let sources = self.sources(&rows).await?;
        let mut by_release: BTreeMap<String, Source> = sources.into_iter().map(|s| (s.release.clone(), s)).collect();
        let ordered: Vec<Source> = rows.iter().filter_map(|r| by_release.remove(&r.id)).collect();
        let each = DataQuery { offset: 0, limit: None, ..query.clone() };
        let (engine, schema) = (self.engine().clone(), schema.clone());
        let streams = futures::stream::iter(ordered).then(move |source| {
            let (engine, schema, each) = (engine.clone(), schema.clone(), each.clone());
            async move { engine.run(&schema, &[source], &each).await }
        });
        let stream = Box::pin(part(streams.try_flatten().boxed(), query.offset, query.limit));
        let history = rows.iter().map(|row| dissemination(row, &all)).collect();
        Ok(Data { history, ..Data::of(&rows.iter().collect::<Vec<_>>(), withdrawn, stream) })
    }

    /// The releases that a query reads of all that were in force until its time, oldest first; and those withdrawn since.
    async fn disseminations(
        &self,
        action: Action,
        schema: &DatasetSchema,
        query: &DataQuery,
    ) -> Result<(Vec<ReleaseRow>, Vec<ReleaseRow>)> {
        let dataflow = Some(schema.dataflow.to_string());
        let all = self.disseminated(action, dataflow, self.time_of(query)).await?;
        // One that came when a newer one was there already was never in force.
        let late = |row: &ReleaseRow| all.iter().any(|r| replaces(r, row) && r.in_force_from() < row.in_force_from());
        let mut rows: Vec<ReleaseRow> = all.iter().filter(|row| asked(row, query) && !late(row)).cloned().collect();
        let withdrawn = rows.extract_if(.., |r| r.withdrawn_at.is_some()).collect();
        if rows.len() > MAX_DISSEMINATIONS {
            return Err(Error::invalid(format!(
                "the history has {} disseminations, more than {MAX_DISSEMINATIONS}: ask for the past with `asOf`, or since a \
                 time with `updatedAfter`",
                rows.len()
            )));
        }
        Ok((rows, withdrawn))
    }

    /// When a query looks at the releases.
    fn time_of(&self, query: &DataQuery) -> i64 {
        query.as_of.unwrap_or_else(|| self.now())
    }

    /// Of releases those that a query asks for and with which the asker may do this, in force for that asker; some were withdrawn since.
    fn read_by<'a>(&self, action: Action, held: &'a [HeldRelease], query: &DataQuery) -> Vec<&'a HeldRelease> {
        let may = |row: &ReleaseRow| is_of(row, query) && self.may(action, row);
        let mut found = in_force(held, |held| &held.row, self.time_of(query), may);
        found.retain(|held| asked(&held.row, query));
        found
    }

    /// [`Node::read_by`] but for those withdrawn.
    fn readable_by<'a>(&self, action: Action, held: &'a [HeldRelease], query: &DataQuery) -> Vec<&'a HeldRelease> {
        let mut found = self.read_by(action, held, query);
        found.retain(|held| held.row.withdrawn_at.is_none());
        found
    }

    /// The files a query reads.
    async fn sources_for(&self, action: Action, schema: &DatasetSchema, query: &DataQuery) -> Result<Vec<Source>> {
        if query.include_history {
            let (rows, _) = self.disseminations(action, schema, query).await?;
            return self.sources(&rows).await;
        }
        let held = self.held(&schema.dataflow.to_string(), self.time_of(query)).await?;
        Ok(sources_of(&self.readable_by(action, &held, query)))
    }

    /// The sums of figures by the texts of some components.
    pub async fn sums(&self, schema: &DatasetSchema, query: &DataQuery, by: &[&str]) -> Result<Sums> {
        let known = || schema.components().map(|c| c.id.as_str()).filter(|id| *id != schema.measure.id);
        if let Some(id) = by.iter().find(|id| !known().any(|known| known == **id)) {
            let (dataflow, known) = (&schema.dataflow, known().collect::<Vec<_>>().join(", "));
            return Err(Error::invalid(format!("sums are by components of `{dataflow}`: {known}; not by `{id}`")));
        }
        let sources = self.sources_for(Action::Query, schema, query).await?;
        let sums = self.engine().sum(schema, &sources, query, by).await.map_err(failed)?;
        let rest: Vec<[&str; 1]> =
            schema.dimensions.iter().map(|d| d.id.as_str()).filter(|id| !by.contains(id)).map(|id| [id]).collect();
        let groups: Vec<&[&str]> = rest.iter().map(|id| id.as_slice()).collect();
        let summary = self.engine().summarize(schema, &sources, query, &groups).await.map_err(failed)?;
        let mixed = |texts: &BTreeSet<Vec<String>>| texts.len() > 1 && texts.contains(&vec![TOTAL.to_owned()]);
        let mixed = rest.iter().zip(&summary.distinct).filter(|(_, texts)| mixed(texts));
        let totals_beside_parts = mixed.map(|([id], _)| (*id).to_owned()).collect();
        let row = |(texts, sum): (Vec<String>, chancery_query::Sum)| SumView {
            key: by.iter().map(|id| (*id).to_owned()).zip(texts).collect(),
            sum: sum.sum,
            observations: sum.observations,
            missing: sum.missing,
        };
        Ok(Sums { sums: sums.into_iter().map(row).collect(), totals_beside_parts })
    }

    /// Which codes of `dimensions` have figures. With `each_alone`, what a query selects of a dimension does not limit the codes of
    /// that dimension itself: what a reader could choose instead.
    pub async fn availability(
        &self,
        schema: &DatasetSchema,
        query: &DataQuery,
        dimensions: &[String],
        each_alone: bool,
    ) -> Result<Availability> {
        let held = self.held(&schema.dataflow.to_string(), self.time_of(query)).await?;
        let held = self.readable_by(Action::Query, &held, query);
        let updated_at = held.iter().map(|held| held.row.in_force_from()).max();
        let sources = sources_of(&held);
        let asked: Vec<_> = schema.dimensions.iter().enumerate().filter(|(_, d)| dimensions.contains(&d.id)).collect();
        let ids: Vec<[&str; 1]> = asked.iter().map(|(_, d)| [d.id.as_str()]).collect();
        let time = [schema.time.id.as_str()];
        let groups: Vec<&[&str]> = std::iter::once(&time).chain(&ids).map(|group| group.as_slice()).collect();
        let summary = self.engine().summarize(schema, &sources, query, &groups).await.map_err(failed)?;
        let mut distinct = summary.distinct.into_iter();
        let periods = distinct.next().unwrap_or_default();
        let mut codes = Vec::new();
        for ((index, dimension), found) in asked.iter().zip(distinct) {
            let mut found = found;
            if each_alone {
                let mut query = query.clone();
                query.keys.iter_mut().filter_map(|key| key.get_mut(*index)).for_each(|codes| *codes = None);
                query.filters.retain(|filter| filter.component != dimension.id);
                let alone = self.engine().summarize(schema, &sources, &query, &[&[&dimension.id]]).await;
                found = alone.map_err(failed)?.distinct.into_iter().next().unwrap_or_default();
            }
            codes.push((dimension.id.clone(), found.into_iter().flatten().collect()));
        }
        let parsed = |text: String| Some((Period::parse(&text)?, text));
        let periods: Vec<_> = periods.into_iter().flatten().filter_map(parsed).collect();
        let first = periods.iter().min_by_key(|(period, _)| period.start).map(|(_, text)| text.clone());
        let last = periods.iter().max_by_key(|(period, _)| period.end).map(|(_, text)| text.clone());
        let (observations, series) = (summary.observations, summary.series);
        Ok(Availability { codes, observations, series, periods: first.zip(last), updated_at })
    }

    /// How many observations a query asks for.
    pub async fn count(&self, schema: &DatasetSchema, query: &DataQuery) -> Result<u64> {
        let sources = self.sources_for(Action::Query, schema, query).await?;
        Ok(self.engine().summarize(schema, &sources, query, &[]).await.map_err(failed)?.observations)
    }

    /// Figures for a chart and its table.
    pub async fn figures_view(&self, wanted: FiguresQuery) -> Result<FiguresView> {
        let schema = self.dataset_schema(&wanted.dataflow)?;
        let mut query = DataQuery::all(&schema);
        let bad = |e: chancery_schema::query::QueryError| Error::invalid(e.to_string());
        for (component, values) in &wanted.filters {
            query.add_filter(&schema, component, values).map_err(bad)?;
        }
        if let Some(start) = &wanted.start {
            query.set_start(start).map_err(bad)?;
        }
        if let Some(end) = &wanted.end {
            query.set_end(end).map_err(bad)?;
        }
        if let Some(text) = &wanted.as_of {
            let day = || time::parse(&format!("{text}T23:59:59Z"));
            let at = time::parse(text).or_else(day);
            query.as_of = Some(at.ok_or_else(|| {
                Error::invalid(format!("`{text}` is no time such as 2026-11-23T19:05:00Z, or a day"))
            })?);
        }
        query.limit = Some(wanted.limit + 1);
        let mut data = self.data(&schema, &query).await?;
        let mut batches = Vec::new();
        let mut left = wanted.limit as usize;
        let mut truncated = false;
        while let Some(batch) = data.stream.next().await {
            let batch = batch.map_err(failed)?;
            truncated |= batch.num_rows() > left;
            batches.push(batch.slice(0, batch.num_rows().min(left)));
            left -= left.min(batch.num_rows());
        }
        let mut view = collect(&schema, &batches);
        view.truncated = truncated;
        let used: BTreeSet<&str> =
            view.series.iter().flat_map(|s| &s.observations).map(|o| o.release.as_str()).collect();
        let at = query.as_of.unwrap_or_else(|| self.now());
        let mut rows = self.readable(Action::Read, Some(schema.dataflow.to_string()), at).await?;
        rows.retain(|r| r.withdrawn_at.is_none());
        let rows = rows.into_iter().filter(|r| used.contains(r.id.as_str())).collect();
        view.releases = self.release_views(rows).await?.into_iter().map(|r| (r.id.clone(), r)).collect();
        Ok(view)
    }
}

/// Rows, sorted by series, into series.
fn collect(schema: &DatasetSchema, batches: &[RecordBatch]) -> FiguresView {
    let mut series: Vec<SeriesView> = Vec::new();
    let mut constants: BTreeMap<String, Option<String>> = BTreeMap::new();
    for batch in batches {
        let text = |id: &str, row: usize| {
            let column = batch.column_by_name(id).and_then(|c| Texts::of(c));
            column.filter(|c| !c.is_null(row)).map(|c| c.value(row).to_owned())
        };
        let values = batch.column_by_name(&schema.measure.id).and_then(|c| c.as_primitive_opt::<Float64Type>());
        for row in 0..batch.num_rows() {
            let key: BTreeMap<String, String> =
                schema.dimensions.iter().map(|d| (d.id.clone(), text(&d.id, row).unwrap_or_default())).collect();
            let mut attributes = BTreeMap::new();
            for attribute in schema.attributes.iter().filter(|a| !SHOWN.contains(&a.id.as_str())) {
                let value = text(&attribute.id, row);
                let constant = constants.entry(attribute.id.clone()).or_insert_with(|| value.clone());
                if *constant != value {
                    *constant = None;
                }
                if let Some(value) = value {
                    attributes.insert(attribute.id.clone(), value);
                }
            }
            let observation = ObservationView {
                period: text(&schema.time.id, row).unwrap_or_default(),
                value: values.filter(|v| !v.is_null(row)).map(|v| v.value(row)),
                obs_status: text("OBS_STATUS", row),
                conf_status: text("CONF_STATUS", row),
                release: text(RELEASE, row).unwrap_or_default(),
                attributes,
            };
            match series.last_mut().filter(|s| s.key == key) {
                Some(last) => last.observations.push(observation),
                None => series.push(SeriesView { labels: labels(schema, &key), key, observations: vec![observation] }),
            }
        }
    }
    let attributes: BTreeMap<String, String> =
        constants.into_iter().filter_map(|(id, value)| Some((id, value?))).collect();
    for observation in series.iter_mut().flat_map(|s| &mut s.observations) {
        observation.attributes.retain(|id, _| !attributes.contains_key(id));
    }
    FiguresView {
        dataflow: schema.dataflow.id.clone(),
        dimensions: schema.dimensions.iter().map(|d| d.id.clone()).collect(),
        series,
        attributes,
        releases: BTreeMap::new(),
        truncated: false,
    }
}

fn labels(schema: &DatasetSchema, key: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let label = |d: &chancery_schema::Component| {
        let code = key.get(&d.id)?;
        let name = d.codes.as_ref().and_then(|c| c.name(code)).unwrap_or(code);
        Some((d.id.clone(), name.to_owned()))
    };
    schema.dimensions.iter().filter_map(label).collect()
}
