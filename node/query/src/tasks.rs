//! Work that is the same for each of many row groups, in as many threads as a query may have; results come in the groups' order, so
//! that sums do not depend on the threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::QueryFailure;
use crate::scan::Scan;

/// Threads that queries may have beside their own, shared by all queries.
#[derive(Debug)]
pub(crate) struct Helpers(AtomicUsize);

impl Helpers {
    pub(crate) fn new(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }

    /// One of them, if one is free.
    fn take(&self) -> Option<Helper<'_>> {
        let less = |free: usize| free.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok().map(|_| Helper(self))
    }
}

/// Gives a thread back when dropped.
struct Helper<'a>(&'a Helpers);

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Results as they come, and what they were taken into in order.
struct Taken<T, F> {
    next: usize,
    waiting: BTreeMap<usize, T>,
    take: F,
    failure: Option<QueryFailure>,
}

impl<T, F: FnMut(T) -> Result<(), QueryFailure>> Taken<T, F> {
    fn put(&mut self, number: usize, result: Result<T, QueryFailure>) {
        match result {
            Ok(result) => drop(self.waiting.insert(number, result)),
            Err(failure) => drop(self.failure.get_or_insert(failure)),
        }
        while let Some(result) = self.waiting.remove(&self.next) {
            self.next += 1;
            if let Err(failure) = (self.take)(result) {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

/// Does `work` with each scan and passes its results to `take` in the scans' order, until one fails.
pub(crate) fn each<T: Send>(
    scans: Vec<Scan>,
    helpers: &Helpers,
    work: impl Fn(Scan) -> Result<T, QueryFailure> + Sync,
    take: impl FnMut(T) -> Result<(), QueryFailure> + Send,
) -> Result<(), QueryFailure> {
    let count = scans.len();
    let scans = Mutex::new(scans.into_iter().enumerate());
    let taken = Mutex::new(Taken { next: 0, waiting: BTreeMap::new(), take, failure: None });
    let run = &|| loop {
        let next = scans.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, scan)) = next else { return };
        let result = work(scan);
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.put(number, result);
        if taken.failure.is_some() {
            return;
        }
    };
    std::thread::scope(|scope| {
        for helper in (1..count).map_while(|_| helpers.take()) {
            let help = move || {
                let _helper = helper;
                run();
            };
            // Without a thread the work takes longer.
            let _ = std::thread::Builder::new().name("query".to_owned()).spawn_scoped(scope, help);
        }
        run();
    });
    match taken.into_inner().unwrap_or_else(PoisonError::into_inner).failure {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}
