//! `bench log`: appends to a log as every record is appended, signed and in one synced transaction, beside plain synced writes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chancery_exchange::{Error, Keyring, Node};
use chancery_ledger::release::Withdrawal;
use chancery_ledger::{Envelope, Payload, Purpose, RecordKind, time};
use serde_json::{Value, json};

use super::founding::found;
use super::{Context, ms};
use crate::cli::BenchLog;
use crate::commands::forum;
use crate::output;

/// Leaves appended under one signed head.
const BATCHES: [usize; 5] = [1, 16, 64, 256, 1_024];
/// Fewest batches of a size.
const FEWEST: u32 = 3;

/// Appends for a time in each size of batch, and removes the node.
pub(super) async fn run(context: &Context, args: BenchLog) -> Result<()> {
    if args.node.exists() {
        bail!(Error::conflict(format!("`{}` is there already: give a folder that is not", args.node.display())));
    }
    let measured = measure(&args.node, Duration::from_secs(u64::from(args.seconds))).await;
    std::fs::remove_dir_all(&args.node).map_err(|e| Error::file("remove", &args.node, e))?;
    let rows = measured?;
    if context.json {
        return output::json(&rows);
    }
    let shown = ["batch", "leaves", "leaves_per_s", "batch_ms", "plain_write_and_sync_ms", "times_plain"];
    let mut table = output::table(&shown);
    for row in &rows {
        table.add_row(shown.map(|name| row[name].to_string()));
    }
    output::line(table.to_string());
    Ok(())
}

async fn measure(dir: &Path, lasting: Duration) -> Result<Vec<Value>> {
    let node = found(dir).await?;
    let mut records = Records { node: &node, keyring: Keyring::new(dir.join("keys")), next: 0 };
    let mut rows = Vec::new();
    for batch in BATCHES {
        let (mut batches, mut took) = (0, Duration::ZERO);
        let mut bytes = 0;
        while took < lasting || batches < FEWEST {
            let began = Instant::now();
            let records = records.signed(batch)?;
            bytes = records.iter().map(|(_, envelope)| envelope.to_bytes().map_or(0, |b| b.len())).sum::<usize>();
            node.append_public(records).await?;
            took += began.elapsed();
            batches += 1;
        }
        let plain = plain(dir, bytes, batches)?;
        let (each, plain) = (took / batches, plain / batches);
        let leaves = batch * batches as usize;
        rows.push(json!({
            "batch": batch,
            "leaves": leaves,
            "leaves_per_s": (leaves as f64 / took.as_secs_f64()).round(),
            "batch_ms": ms(each),
            "plain_write_and_sync_ms": ms(plain),
            "times_plain": (each.as_secs_f64() / plain.as_secs_f64() * 10.0).round() / 10.0,
        }));
    }
    let size = node.log_listing(node.member(), true).await?;
    if size.checked != Some(true) {
        bail!("the log that was appended to does not hold");
    }
    Ok(rows)
}

/// Makes records, each another one.
struct Records<'a> {
    node: &'a Node,
    keyring: Keyring,
    next: u64,
}

impl Records<'_> {
    /// Withdrawals of releases that are not there: they change nothing but the log.
    fn signed(&mut self, count: usize) -> Result<Vec<(RecordKind, Envelope)>> {
        let (publisher, forum) = (self.keyring.key(Purpose::Publisher)?, self.node.trust()?.forum().to_owned());
        let issued_at = time::format(forum::now());
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            self.next += 1;
            let payload = Payload {
                forum: forum.clone(),
                issuer: self.node.member().to_owned(),
                issued_at: issued_at.clone(),
                kind: RecordKind::Withdrawal,
                body: Withdrawal {
                    release: format!("{:064x}", self.next),
                    reason: "made up".to_owned(),
                    audience: None,
                },
            };
            records.push((RecordKind::Withdrawal, Envelope::seal(&payload, &[&publisher])?));
        }
        Ok(records)
    }
}

/// How long the machine takes to write and sync as many bytes as often.
fn plain(dir: &Path, bytes: usize, times: u32) -> Result<Duration> {
    let path = dir.join("plain");
    let mut file = File::create(&path).map_err(|e| Error::file("create", &path, e))?;
    let content = vec![b'.'; bytes];
    let began = Instant::now();
    for _ in 0..times {
        file.write_all(&content).and_then(|()| file.sync_data()).map_err(|e| Error::file("write", &path, e))?;
    }
    Ok(began.elapsed())
}
