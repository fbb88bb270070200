//! Keys that tie a cell's noise to who is in it, or to which cell it is: the same cell has the same noise in every table and every release.
//!
//! With microdata, each person has a record key, an HMAC of the person's identifier, and a cell's key is the sum of the record keys of those
//! counted in it, modulo 2⁶⁴ (Fraser and Wooton 2005). Equal groups have equal noise, wherever they are tabulated; groups that differ by
//! one person have independent noise. Where only counts are at hand the key is an HMAC of the cell's place and count: asking for the same
//! cell again then gives nothing new either, and a revised count has independent noise, so that the revision does not show exactly; but the
//! same group under two names has two kinds of noise, which can be averaged.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a secret: as many as the hash has, more would not help (RFC 2104).
pub const SECRET_BYTES: usize = 32;

/// What the keys are made with. Whoever has it can take the noise off; it must stay the same for as long as figures are published.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl Secret {
    /// A secret of random bytes.
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The record key of the person with this identifier, which must be the same in every table, for all time.
    pub fn record_key(&self, identifier: &[u8]) -> u64 {
        self.keyed("record", [identifier])
    }

    /// The key of a cell known by its place alone: the codes of its dimensions and its period, in a fixed order; and its count.
    pub fn place_key<'a>(&self, dataflow: &'a str, place: impl IntoIterator<Item = &'a str>, count: u64) -> CellKey {
        let count = count.to_be_bytes();
        let parts = std::iter::once(dataflow).chain(place).map(str::as_bytes);
        // Shortens the lifetime of the parts to that of the count.
        let parts = parts.map(|part: &[u8]| part).chain([&count[..]]);
        CellKey(self.keyed("place", parts))
    }

    fn keyed<'a>(&self, purpose: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
        // A key of 32 bytes is never refused: HMAC takes any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) else { return 0 };
        for part in std::iter::once(purpose.as_bytes()).chain(parts) {
            // Lengths first, so that no two lists of parts are the same bytes.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let code = mac.finalize().into_bytes();
        code.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A cell's key, uniform over all of `u64` for whoever does not know the secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellKey(u64);

impl CellKey {
    /// Counts the person with this record key in.
    pub fn add(&mut self, record_key: u64) {
        self.0 = self.0.wrapping_add(record_key);
    }

    /// The number that draws the noise.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl FromIterator<u64> for CellKey {
    fn from_iter<I: IntoIterator<Item = u64>>(record_keys: I) -> Self {
        let mut key = Self::default();
        record_keys.into_iter().for_each(|record| key.add(record));
        key
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disclosure::ptable::{Ptable, PtableRules};

    fn secret() -> Secret {
        Secret::new([7; SECRET_BYTES])
    }

    /// Fixed for all time: another value would give every published cell new noise.
    #[test]
    fn keys_never_change() {
        // By Python's hmac: HMAC-SHA-256 of 0000000000000006 "record" 0000000000000005 "MEX-1" under 32 bytes of 7, first eight bytes.
        assert_eq!(secret().record_key(b"MEX-1"), 0x8b2688c3a623b339);
        assert_eq!(secret().place_key("RETURNS", ["A", "MEX", "2024"], 12).value(), 0x51cf0554701dde64);
        assert_eq!(format!("{:?}", secret()), "Secret(…)");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = |place: &[&str]| secret().place_key("X", place.iter().copied(), 1);
        assert_ne!(key(&["A", "BC"]), key(&["AB", "C"]));
        assert_ne!(key(&["A", ""]), key(&["A"]));
        assert_ne!(key(&["A"]), secret().place_key("X", ["A"], 2));
    }

    #[test]
    fn noise_over_many_cells_has_the_mean_and_variance_of_the_table() {
        let rules = PtableRules { max_perturbation: 4, variance: 2.0, threshold: 1, monotone: false };
        let table = Ptable::solve(&rules).unwrap();
        let noise: Vec<f64> = (0..40_000u32)
            .map(|i| {
                let key = secret().place_key("RETURNS", [format!("{i}").as_str()], 10);
                table.perturb(10, key.value()) as f64 - 10.0
            })
            .collect();
        let mean = noise.iter().sum::<f64>() / noise.len() as f64;
        let variance = noise.iter().map(|v| v * v).sum::<f64>() / noise.len() as f64;
        // Six standard errors; the keys are fixed, so this does not flicker.
        assert!(mean.abs() < 0.045 && (variance - 2.0).abs() < 0.1, "{mean} {variance}");
    }

    proptest! {
        #[test]
        fn a_group_has_one_key_in_any_order_and_however_it_is_put_together(mut people: Vec<u64>, cut: usize) {
            let whole: CellKey = people.iter().copied().collect();
            people.reverse();
            prop_assert_eq!(people.iter().copied().collect::<CellKey>(), whole);
            let (a, b) = people.split_at(cut % (people.len() + 1));
            let parts = [a, b].map(|part| part.iter().copied().collect::<CellKey>().value());
            prop_assert_eq!(parts.into_iter().collect::<CellKey>(), whole);
        }
    }
}
