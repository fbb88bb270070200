//! Artefacts and queries over them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod artefact;
mod select;
mod sort;
mod support;
