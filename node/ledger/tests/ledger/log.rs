//! The log against RFC 6962's definitions, word for word, and against whatever a peer may send.

use chancery_ledger::log::{
    Hash, HashStore, LogError, MAX_LEAVES, Tree, check_consistency, check_inclusion, empty_root, leaf, leaf_hash,
    stored_count, stored_leaf_index,
};
use chancery_ledger::{Audience, RecordKind};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const SIZES: usize = 200;

#[derive(Default)]
struct Memory(Vec<Hash>);

impl HashStore for Memory {
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        let missing = || LogError::Read("the disk is gone".to_owned());
        indexes.iter().map(|i| self.0.get(*i as usize).copied().ok_or_else(missing)).collect()
    }
}

fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// MTH (2.1).
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash(Sha256::digest(b"").into()),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            Hash(Sha256::digest([[1].as_slice(), &root(left).0, &root(right).0].concat()).into())
        }
    }
}

/// PATH (2.1.1).
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut found, sibling) = match index.checked_sub(left.len()) {
        None => (path(index, left), right),
        Some(index) => (path(index, right), left),
    };
    found.push(root(sibling));
    found
}

/// SUBPROOF (2.1.2).
fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut found, sibling) = if old <= left.len() {
        (subproof(old, left, whole), right)
    } else {
        (subproof(old - left.len(), right, false), left)
    };
    found.push(root(sibling));
    found
}

fn grown() -> (Memory, Vec<Hash>) {
    let leaves: Vec<Hash> = (0..SIZES).map(|i| leaf_hash(format!("leaf {i}").as_bytes())).collect();
    let mut store = Memory::default();
    for (size, hash) in leaves.iter().enumerate() {
        let appended = Tree(&store).append(size as u64, &[*hash]).unwrap();
        assert_eq!((appended.size, appended.first), (size as u64 + 1, store.0.len() as u64));
        store.0.extend(appended.hashes);
        assert_eq!(appended.root, root(&leaves[..=size]), "root of {}", size + 1);
        assert_eq!(store.0.len() as u64, stored_count(size as u64 + 1));
        assert!(store.0[stored_leaf_index(size as u64) as usize] == *hash);
    }
    (store, leaves)
}

#[test]
fn every_proof_is_the_rfcs() {
    let (store, leaves) = grown();
    let tree = Tree(&store);
    let roots: Vec<Hash> = (0..=SIZES).map(|size| root(&leaves[..size])).collect();
    let wrong = leaf_hash(b"another");
    for size in 1..=SIZES {
        let n = size as u64;
        for index in 0..size {
            let proof = tree.prove_inclusion(n, index as u64).unwrap();
            // The definition costs a whole tree a proof: compared where trees split differently, checked everywhere.
            if size <= 70 || size > SIZES - 3 {
                assert_eq!(proof, path(index, &leaves[..size]), "inclusion of {index} in {size}");
            }
            check_inclusion(&proof, n, roots[size], index as u64, leaves[index]).unwrap();
            assert!(check_inclusion(&proof, n, roots[size], index as u64, wrong).is_err());
            assert!(check_inclusion(&proof, n, roots[size - 1], index as u64, leaves[index]).is_err());
        }
        for old in 1..=size {
            let proof = tree.prove_consistency(n, old as u64).unwrap();
            if size <= 70 || size > SIZES - 3 {
                assert_eq!(proof, subproof(old, &leaves[..size], true), "consistency of {old} with {size}");
            }
            check_consistency(&proof, n, roots[size], old as u64, roots[old]).unwrap();
            assert!(check_consistency(&proof, n, roots[size], old as u64, wrong).is_err());
        }
    }
}

#[test]
fn the_empty_log_is_a_prefix_of_every_log() {
    let some = leaf_hash(b"x");
    check_consistency(&[], 7, some, 0, empty_root()).unwrap();
    assert!(check_consistency(&[], 7, some, 0, some).is_err());
    assert!(check_consistency(&[some], 7, some, 0, empty_root()).is_err());
    assert_eq!(Tree(&Memory::default()).root(0).unwrap(), empty_root());
}

#[test]
fn sizes_from_peers_cannot_overflow() {
    let store = Memory(vec![leaf_hash(b"x"); 4]);
    let tree = Tree(&store);
    for huge in [MAX_LEAVES + 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        assert!(tree.root(huge).is_err() && tree.append(huge, &[]).is_err());
        assert!(tree.prove_inclusion(huge, 0).is_err() && tree.prove_inclusion(4, huge).is_err());
        assert!(tree.prove_consistency(huge, 1).is_err() && tree.prove_consistency(4, huge).is_err());
        assert_eq!(stored_count(huge), stored_count(MAX_LEAVES));
        assert_eq!(stored_leaf_index(huge), stored_leaf_index(MAX_LEAVES));
    }
}

#[test]
fn a_store_that_fails_says_why() {
    let error = Tree(&Memory::default()).root(3).unwrap_err().to_string();
    assert!(error.contains("the disk is gone"), "{error}");
    struct Short;
    impl HashStore for Short {
        fn read(&self, _: &[u64]) -> Result<Vec<Hash>, LogError> {
            Ok(Vec::new())
        }
    }
    assert!(matches!(Tree(&Short).root(3), Err(LogError::Read(_))));
}

#[test]
fn a_leaf_hides_what_is_not_public() {
    let id = "ab".repeat(32);
    let public = leaf(RecordKind::Release, &Audience::Public, &id, None);
    assert_eq!(public, format!("chancery/leaf/v1\nrelease\npublic\n{id}\n").into_bytes());
    let members = Audience::Members(vec!["GTM".to_owned()]);
    let hidden = leaf(RecordKind::Release, &members, &id, Some(&[7; 32]));
    let commitment = hex::encode(Sha256::digest([[7u8; 32].as_slice(), id.as_bytes()].concat()));
    assert_eq!(hidden, format!("chancery/leaf/v1\nrelease\nmembers\n{commitment}\n").into_bytes());
}

proptest! {
    /// A peer's numbers and hashes are refused, never a panic.
    #[test]
    fn whatever_a_peer_sends_is_refused(
        size in any::<u64>(), shift in 0u32..64, index in any::<u64>(),
        proof in proptest::collection::vec(any::<[u8; 32]>(), 0..140),
    ) {
        let size = size >> shift;
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let (one, other) = (leaf_hash(b"a"), leaf_hash(b"b"));
        prop_assert!(check_inclusion(&proof, size, one, index >> shift, other).is_err());
        prop_assert!(check_consistency(&proof, size, one, index >> shift, other).is_err());
    }
}
