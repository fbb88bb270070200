//! One table: what its profile asks for, and an audit in any case.

use crate::disclosure::audit::{self, Insiders};
use crate::disclosure::certified::{self, Certified};
use crate::disclosure::profile::Search;
use crate::disclosure::suppression;
use crate::disclosure::table::{State, TableError};
use crate::disclosure::tables::Built;
use crate::disclosure::{Profile, ProtectionError};

/// Withholds what protects the sensitive cells, if the profile lets it, and audits the result in any case.
pub(super) fn protect(profile: &Profile, built: &mut Built) -> Result<Certified, ProtectionError> {
    let wrong = |e: TableError| ProtectionError::Table(e.to_string());
    let table = &mut built.table;
    let looking = audit::Options { insiders: profile.insiders, ..audit::Options::default() };
    if !profile.secondary || table.count(State::Primary) == 0 {
        let audit = audit::audit(table, &looking).map_err(wrong)?;
        return Ok(Certified { audit, ..Certified::default() });
    }
    let options = suppression::Options {
        respondents: profile.insiders != Insiders::Ignored,
        // Zeros that must be published are marked so.
        zeros: true,
        ..suppression::Options::sized(table.cells.len(), profile.search == Search::Thorough)
    };
    certified::protect(table, &options, &looking).map_err(wrong)
}
