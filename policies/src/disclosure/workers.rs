//! Work divided among threads so that the result does not depend on how many there are: every job sees the same input, and results are in the jobs' order.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most threads: beyond it memory, not processors, is short.
const MOST: usize = 16;

/// What `work` makes of each job, in order.
pub(super) fn in_order<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST).min(jobs.len());
    if threads <= 1 {
        return jobs.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<R>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        let worker = || {
            while let Some((job, place)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                jobs.get(index).zip(done.get(index))
            } {
                let result = work(job);
                *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
            }
        };
        (1..threads).for_each(|_| {
            scope.spawn(worker);
        });
        worker();
    });
    // A job that panicked has ended the scope with its panic: every place is filled here.
    done.into_iter().filter_map(|place| place.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..1_000).collect();
        assert_eq!(in_order(&jobs, |job| job * job), jobs.iter().map(|job| job * job).collect::<Vec<_>>());
        assert_eq!(in_order(&[] as &[u64], |job| *job), [] as [u64; 0]);
    }
}
