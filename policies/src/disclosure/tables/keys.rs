//! Figures with their keys, packed: codes as numbers, rows without texts.

use std::collections::HashMap;

use arrow::array::{Array as _, StringArray};

use crate::disclosure::ProtectionError;

/// Most different codes of one dimension.
const MAX_CODES: usize = u16::MAX as usize;

/// Codes of one dimension, numbered in the order in which they are met.
#[derive(Debug, Default, Clone)]
pub(in crate::disclosure) struct Coder {
    numbers: HashMap<Box<str>, u16>,
    pub(in crate::disclosure) codes: Vec<Box<str>>,
    last: u16,
}

impl Coder {
    /// A code's number; none if there are too many.
    fn number(&mut self, code: &str) -> Option<u16> {
        if self.codes.get(usize::from(self.last)).is_some_and(|last| **last == *code) {
            return Some(self.last);
        }
        let number = match self.numbers.get(code) {
            Some(number) => *number,
            None => {
                let number = u16::try_from(self.codes.len()).ok().filter(|n| usize::from(*n) < MAX_CODES)?;
                self.numbers.insert(code.into(), number);
                self.codes.push(code.into());
                number
            }
        };
        self.last = number;
        Some(number)
    }

    /// A number's code.
    pub(in crate::disclosure) fn code(&self, number: u16) -> &str {
        self.codes.get(usize::from(number)).map_or("", |code| code)
    }
}

/// Codes of all dimensions, time last.
#[derive(Debug, Default, Clone)]
pub(in crate::disclosure) struct Coders(pub(in crate::disclosure) Vec<Coder>);

impl Coders {
    pub(in crate::disclosure) fn new(dimensions: usize) -> Self {
        Self(vec![Coder::default(); dimensions])
    }

    /// Numbers the codes of a row; false if a dimension has too many.
    pub(in crate::disclosure) fn push(&mut self, columns: &[&StringArray], row: usize, keys: &mut Vec<u16>) -> bool {
        self.0.iter_mut().zip(columns).all(|(coder, column)| {
            let code = if column.is_null(row) { "" } else { column.value(row) };
            coder.number(code).map(|number| keys.push(number)).is_some()
        })
    }

    /// A key's codes.
    pub(in crate::disclosure) fn texts<'a>(&'a self, key: &'a [u16]) -> impl Iterator<Item = &'a str> {
        self.0.iter().zip(key).map(|(coder, number)| coder.code(*number))
    }

    /// A key as people write it.
    pub(in crate::disclosure) fn text(&self, key: &[u16]) -> String {
        self.texts(key).collect::<Vec<_>>().join(".")
    }
}

/// Rows: a key and a figure each.
#[derive(Debug, Default, Clone)]
pub(in crate::disclosure) struct Rows {
    width: usize,
    keys: Vec<u16>,
    pub(in crate::disclosure) values: Vec<Option<f64>>,
}

impl Rows {
    pub(in crate::disclosure) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(in crate::disclosure) fn len(&self) -> usize {
        self.values.len()
    }

    pub(in crate::disclosure) fn key(&self, row: usize) -> &[u16] {
        self.keys.get(row * self.width..(row + 1) * self.width).unwrap_or(&[])
    }

    /// Enters a row. Refused if a dimension has too many codes.
    pub(in crate::disclosure) fn push(
        &mut self,
        coders: &mut Coders,
        columns: &[&StringArray],
        row: usize,
        value: Option<f64>,
    ) -> Result<(), ProtectionError> {
        if !coders.push(columns, row, &mut self.keys) {
            return Err(ProtectionError::Great { what: "codes of one dimension", most: MAX_CODES });
        }
        self.values.push(value);
        Ok(())
    }
}
