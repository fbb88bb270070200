//! One table: what its profile asks for, and an audit in any case.

use crate::disclosure::audit::{self, Insiders};
use crate::disclosure::certified::{self, Certified};
use crate::disclosure::suppression;
use crate::disclosure::table::{State, TableError};
use crate::disclosure::tables::Built;
use crate::disclosure::{Profile, ProtectionError};

/// Work spent on cheaper patterns for each cell of a table, and at most.
const EFFORT: u64 = 5_000;
const MAX_EFFORT: u64 = 500_000_000;

/// Withholds what protects the sensitive cells, if the profile lets it, and audits the result in any case.
pub(super) fn protect(profile: &Profile, built: &mut Built) -> Result<Certified, ProtectionError> {
    let wrong = |e: TableError| ProtectionError::Table(e.to_string());
    let table = &mut built.table;
    let looking = audit::Options { insiders: profile.insiders, ..audit::Options::default() };
    if !profile.secondary || table.count(State::Primary) == 0 {
        let audit = audit::audit(table, &looking).map_err(wrong)?;
        return Ok(Certified { audit, given_back: 0 });
    }
    let options = suppression::Options {
        effort: (EFFORT * table.cells.len() as u64).min(MAX_EFFORT),
        respondents: profile.insiders != Insiders::Ignored,
        // Zeros that must be published are marked so.
        zeros: true,
        ..suppression::Options::default()
    };
    certified::protect(table, &options, &looking).map_err(wrong)
}
