//! The ledger's rules as a whole: who may sign what, and what a changed byte does.

mod charter;
mod delegation;
mod log;
mod proof;
mod release;
mod world;
