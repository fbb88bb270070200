//! Nobody signs what he was not shown: what waits for a signature is shown, and named or confirmed before it is given.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Result;
use chancery_exchange::{Error, SignedCharters, Waiting};

use super::Context;
use crate::output;

/// Which of `waiting` are to be signed: those of `named` if any are, else those that a person at the terminal agrees to.
pub(crate) fn choose(
    waiting: &[Waiting],
    named: &[String],
    signed: &mut SignedCharters,
) -> chancery_exchange::Result<Vec<String>> {
    for record in waiting {
        output::note(shown(record));
    }
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::invalid(format!(
            "nothing was signed: {} records wait for this signature, shown above; name each that is to be signed by `--record ID`",
            waiting.len()
        )));
    }
    let (votes, own): (Vec<_>, Vec<_>) = waiting.iter().partition(|w| w.vote);
    let mut chosen = Vec::new();
    for vote in votes {
        for rival in &vote.instead_of {
            if agreed(&format!("have all given up the charter {rival}, which this key has signed?"))? {
                signed.give_up(rival);
            }
        }
        if agreed(&format!("sign the {} {}?", vote.kind, vote.id))? {
            chosen.push(vote.id.clone());
        }
    }
    if !own.is_empty()
        && agreed(&format!("sign the {} delegations and revocations of this member's own keys?", own.len()))?
    {
        chosen.extend(own.into_iter().map(|w| w.id.clone()));
    }
    Ok(chosen)
}

/// Shows what waits and signs nothing.
pub(crate) fn show(context: &Context, waiting: &[Waiting]) -> Result<()> {
    if context.json {
        return output::json(&waiting);
    }
    if waiting.is_empty() {
        output::line("nothing waits for this signature");
    }
    for record in waiting {
        output::line(shown(record));
    }
    Ok(())
}

/// What was signed goes to standard error: the result is the file.
pub(crate) fn say_signed(signed: &[Waiting]) {
    for record in signed {
        output::note(format!("signed {record}"));
    }
}

fn shown(record: &Waiting) -> String {
    format!("{record}\n  record {}", record.id)
}

fn agreed(question: &str) -> chancery_exchange::Result<bool> {
    let failed = || Error::invalid("cannot ask: name the records by `--record ID`");
    let mut terminal = std::io::stderr();
    write!(terminal, "{question} [yes/no] ").and_then(|()| terminal.flush()).map_err(|_| failed())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|_| failed())?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
