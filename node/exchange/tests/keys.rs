//! What a node tells of its keys as time goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end so")]

mod support;

use support::{World, now};

const DAY_S: i64 = 24 * 3600;

/// The keys of a member whose delegations were made so many days ago: whether they act, whether they want attention, what is said.
async fn keys_after(days: i64) -> Vec<(bool, bool, String)> {
    let world = World::found_at(&["GTM"], now() - days * DAY_S);
    let node = world.open("GTM").await;
    // With a log key that has ended the forum is joined, but nothing is logged.
    let _ = node.join(&world.bundle, &world.genesis).await;
    let keys = node.key_list().unwrap().into_iter().filter(|k| k.purpose != "authority");
    keys.map(|k| (k.ok, k.attention, k.state)).collect()
}

#[tokio::test]
async fn a_delegation_that_ends_soon_is_told_before_it_has_ended() {
    for (ok, attention, state) in keys_after(70).await {
        assert!(ok && !attention && !state.contains("renew"), "{state}");
    }
    for (ok, attention, state) in keys_after(80).await {
        assert!(ok && attention, "{state}");
        assert!(state.contains("ends in 9 days") && state.contains("chancery keys renew"), "{state}");
    }
    for (ok, attention, state) in keys_after(95).await {
        assert!(!ok && attention, "{state}");
        assert!(state.contains("ended 20") && state.contains("chancery keys renew"), "{state}");
    }
}
