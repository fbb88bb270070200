//! A load of HTTP requests: connections that are kept open, each asking for one address after the other.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ureq::Agent;
use ureq::config::AutoHeaderValue;

/// Longest answer read whole, in bytes.
const MAX_ANSWER: u64 = 16 << 20;
/// Bytes of a long answer read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// What came of a load.
pub(super) struct Answers {
    /// How long each answer took, sorted.
    pub(super) times: Vec<Duration>,
    /// Answers that were none: another status than 200, or a broken connection.
    pub(super) failures: usize,
    /// How long all of it took.
    pub(super) took: Duration,
}

/// An agent with one connection. Answers come as they are: compression would measure the compressor.
fn agent() -> Agent {
    Agent::config_builder()
        .accept_encoding(AutoHeaderValue::None)
        .timeout_global(Some(Duration::from_secs(600)))
        .build()
        .into()
}

/// Asks for the addresses in turn over so many connections, for a time; with `rate`, so many a second over all of them.
pub(super) fn load(urls: &[String], connections: usize, rate: Option<f64>, lasting: Duration) -> Result<Answers> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let connection = || {
        let (agent, mut times, mut failures) = (agent(), Vec::new(), 0);
        while began.elapsed() < lasting {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let url = &urls[number % urls.len()];
            let due = rate.map(|rate| began + Duration::from_secs_f64(number as f64 / rate));
            if let Some(wait) = due.and_then(|due| due.checked_duration_since(Instant::now())) {
                std::thread::sleep(wait);
            }
            // An answer that could not even be asked for in time is late.
            let asked = due.unwrap_or_else(Instant::now);
            let answer = agent.get(url).call();
            let read = answer.and_then(|mut answer| {
                let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
                body.map(|body| answer.status() == 200 && !body.is_empty())
            });
            match read {
                Ok(true) => times.push(asked.elapsed()),
                Ok(false) | Err(_) => failures += 1,
            }
        }
        (times, failures)
    };
    let (mut times, mut failures) = (Vec::new(), 0);
    std::thread::scope(|scope| -> Result<()> {
        let threads =
            (0..connections).map(|_| std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, connection));
        let threads = threads.collect::<Result<Vec<_>, _>>().context("cannot start as many connections")?;
        for thread in threads {
            let (more, failed) = thread.join().map_err(|_| anyhow::anyhow!("a connection broke down"))?;
            times.extend(more);
            failures += failed;
        }
        Ok(())
    })?;
    let took = began.elapsed();
    times.sort_unstable();
    Ok(Answers { times, failures, took })
}

/// Reads a long answer as it streams; its lines, its bytes and how long it took.
pub(super) fn lines(url: &str) -> Result<(u64, u64, Duration)> {
    let began = Instant::now();
    let mut answer = agent().get(url).call().with_context(|| format!("no answer from `{url}`"))?;
    let mut reader = answer.body_mut().with_config().limit(u64::MAX).reader();
    let (mut piece, mut lines, mut bytes) = (vec![0; PIECE_BYTES], 0, 0);
    loop {
        let read = reader.read(&mut piece).context("the answer was cut off")?;
        if read == 0 {
            return Ok((lines, bytes, began.elapsed()));
        }
        lines += piece[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes += read as u64;
    }
}
