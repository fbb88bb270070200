//! The order of an answer: the parameter `sort` of SDMX REST 2.

use super::{AtObservation, DataQuery, QueryError, refuse};
use crate::dataset::DatasetSchema;

/// Most components of one order: more than any data structure has.
const MAX_WORDS: usize = 100;

impl DataQuery {
    /// Sets the order: components joined by `+`, each perhaps with `:asc` or `:desc`; `*` for every dimension, `series_key` for those of the
    /// series. An order that figures have anyway is none.
    pub fn set_sort(&mut self, schema: &DatasetSchema, text: &str) -> Result<(), QueryError> {
        let selected = self.selected(schema);
        let series = || selected.dimensions.iter().map(|d| d.id.clone());
        let mut order: Vec<(String, bool)> = Vec::new();
        for (index, word) in text.split('+').enumerate() {
            let (id, direction) = word.split_once(':').unwrap_or((word, "asc"));
            let descending = match direction {
                "asc" => false,
                "desc" => true,
                _ => return Err(refuse("sort", word, "a component with `:asc` or `:desc`".to_owned())),
            };
            let ids: Vec<String> = match id {
                "*" => schema.dimensions.iter().chain([&schema.time]).map(|d| d.id.clone()).collect(),
                "series_key" if self.at_observation == AtObservation::All => {
                    schema.dimensions.iter().chain([&schema.time]).map(|d| d.id.clone()).collect()
                }
                "series_key" => series().collect(),
                id if selected.component(id).is_some() => vec![id.to_owned()],
                _ => {
                    let known = selected.components().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
                    return Err(refuse("sort", id, format!("`*`, `series_key` or a component of the answer: {known}")));
                }
            };
            if index >= MAX_WORDS {
                return Err(QueryError::TooLarge("100 components in the parameter `sort`"));
            }
            // A component sorts by where it stands first.
            let new = ids.into_iter().filter(|id| !order.iter().any(|(known, _)| known == id)).collect::<Vec<_>>();
            order.extend(new.into_iter().map(|id| (id, descending)));
        }
        let natural = series().chain([selected.time.id.clone()]).map(|id| (id, false));
        self.sort = if order.iter().cloned().eq(natural.take(order.len())) { Vec::new() } else { order };
        Ok(())
    }

    /// The order in full: what is asked for, then the rest of the keys.
    pub fn order(&self, schema: &DatasetSchema) -> Vec<(String, bool)> {
        let selected = self.selected(schema);
        let keys = selected.dimensions.iter().chain([&selected.time]).map(|c| c.id.clone());
        let rest: Vec<_> = keys.filter(|id| !self.sort.iter().any(|(known, _)| known == id)).collect();
        self.sort.iter().cloned().chain(rest.into_iter().map(|id| (id, false))).collect()
    }

    /// Puts the order so that series stay whole: their dimensions first, as they are asked for, then what observations vary by. False
    /// if that cannot be, as it is by a figure or an attribute, or by a part of the series after what observations vary by.
    pub fn keep_series_whole(&mut self, schema: &DatasetSchema) -> bool {
        let selected = self.selected(schema);
        let is_series = |id: &String| selected.dimensions.iter().any(|d| d.id == *id);
        let at = self.sort.iter().position(|(id, _)| *id == selected.time.id);
        let whole = self
            .sort
            .iter()
            .enumerate()
            .all(|(index, (id, _))| is_series(id) && at.is_none_or(|at| index < at) || *id == selected.time.id);
        if whole && !self.sort.is_empty() {
            let last = at.map(|at| self.sort.remove(at));
            let rest: Vec<_> =
                selected.dimensions.iter().filter(|d| !self.sort.iter().any(|(id, _)| *id == d.id)).collect();
            self.sort.extend(rest.into_iter().map(|d| (d.id.clone(), false)));
            self.sort.extend(last);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns() -> DatasetSchema {
        let structures = crate::shared::structures().unwrap();
        structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap()
    }

    fn sorted(at: &str, text: &str) -> Result<DataQuery, QueryError> {
        let schema = returns();
        let mut query = DataQuery::all(&schema);
        query.set_at_observation(&schema, at)?;
        query.set_sort(&schema, text)?;
        Ok(query)
    }

    #[test]
    fn words_mean_components() {
        for natural in ["*", "*:asc", "series_key", "series_key:asc+TIME_PERIOD", "FREQ+REF_AREA"] {
            assert_eq!(sorted("TIME_PERIOD", natural).unwrap().sort, [], "{natural}");
        }
        let query = sorted("TIME_PERIOD", "series_key+TIME_PERIOD:desc").unwrap();
        assert_eq!(query.sort.len(), 8);
        assert_eq!(query.sort[7], ("TIME_PERIOD".to_owned(), true));
        let query = sorted("AllDimensions", "OBS_VALUE:desc+SEX").unwrap();
        assert_eq!(query.sort, [("OBS_VALUE".to_owned(), true), ("SEX".to_owned(), false)]);
        let order = query.order(&returns());
        assert_eq!((order.len(), order[2].0.as_str(), order[8].0.as_str()), (9, "FREQ", "TIME_PERIOD"));
        for wrong in ["WEATHER", "SEX:down", "SEX,AGE", ""] {
            assert!(sorted("TIME_PERIOD", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn series_stay_whole_or_it_is_said_that_they_cannot() {
        let whole = |text: &str| {
            let mut query = sorted("TIME_PERIOD", text).unwrap();
            query.keep_series_whole(&returns()).then_some(query.sort)
        };
        assert_eq!(whole("TIME_PERIOD:desc").unwrap()[7], ("TIME_PERIOD".to_owned(), true));
        assert_eq!(whole("SEX:desc").unwrap()[..2], [("SEX".to_owned(), true), ("FREQ".to_owned(), false)]);
        assert_eq!(whole("*").unwrap(), []);
        for broken in ["OBS_VALUE", "OBS_STATUS+SEX", "TIME_PERIOD+SEX"] {
            assert_eq!(whole(broken), None, "{broken}");
        }
    }
}
