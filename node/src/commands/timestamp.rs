//! `timestamp`: request, accept.

use std::path::Path;

use anyhow::Result;
use chancery_exchange::Error;
use chancery_ledger::time;

use super::Context;
use crate::cli::timestamp::Timestamp;
use crate::output;

pub(crate) async fn run(context: &Context, command: Timestamp) -> Result<()> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::file("read", path, e));
    let node = context.node().await?;
    match command {
        Timestamp::Request { release, output } => {
            let request = node.timestamp_request(&release).await?;
            std::fs::write(&output, request).map_err(|e| Error::file("write", &output, e))?;
            output::note("next: send it to the authority, then `chancery timestamp accept`");
        }
        Timestamp::Accept { release, answer, ca } => {
            let at = time::format(node.timestamp_accept(&release, &read(&answer)?, &read(&ca)?).await?);
            if context.json {
                return output::json(&serde_json::json!({ "release": release, "at": at }));
            }
            output::line(format!("the record of {release} existed at {at}; the stamp is part of its proof now"));
        }
    }
    Ok(())
}
