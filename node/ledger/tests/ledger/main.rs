//! The ledger's rules as a whole: who may sign what, and what a changed byte does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "helpers of tests, and tables of cases"
)]

mod charter;
mod damage;
mod decode;
mod decoders;
mod delegation;
mod endorsement;
mod governance;
mod log;
mod metadata;
mod proof;
mod release;
mod samples;
mod standing;
mod witness;
mod world;
