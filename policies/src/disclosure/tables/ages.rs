//! Ages overlap: `Y_LT18` may be told beside `Y0T4`, `Y5T11` and `Y12T17`, and by whether children are accompanied.
//!
//! Each code stands for a set of atoms, pieces of the range of ages; every way in which codes that are there make up another exactly is a sum. Ways that follow from
//! others are left out: a code that is there stands for its own parts.

use super::axes::{CodeSum, TOTAL};

/// Most atoms; more codes than our list has would need more.
const MAX_ATOMS: usize = 126;
/// Most steps in search of ways.
const MAX_STEPS: usize = 20_000;

struct Age {
    from: u16,
    to: u16,
    /// Accompanied, unaccompanied.
    kinds: [bool; 2],
}

impl Age {
    /// `Y0T4`, `Y_LT18`, `Y_GE60`, `Y12T17_UNA`.
    fn parse(code: &str) -> Option<Self> {
        let rest = code.strip_prefix('Y')?;
        let (bounds, kinds) = if let Some(bounds) = rest.strip_suffix("_UNA") {
            (bounds, [false, true])
        } else if let Some(bounds) = rest.strip_suffix("_ACC") {
            (bounds, [true, false])
        } else {
            (rest, [true, true])
        };
        let number = |text: &str| text.parse::<u16>().ok();
        let (from, to) = if let Some(to) = bounds.strip_prefix("_LT") {
            (0, number(to)?.checked_sub(1)?)
        } else if let Some(from) = bounds.strip_prefix("_GE") {
            (number(from)?, u16::MAX - 1)
        } else {
            let (from, to) = bounds.split_once('T')?;
            (number(from)?, number(to)?)
        };
        (from <= to).then_some(Self { from, to, kinds })
    }
}

/// The atoms of each code; none if they are too many.
fn atoms(codes: &[&str]) -> Option<Vec<u128>> {
    let ages: Vec<Option<Age>> = codes.iter().map(|code| Age::parse(code)).collect();
    let mut bounds: Vec<u16> = ages.iter().flatten().flat_map(|age| [age.from, age.to + 1]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let pieces: Vec<(u16, u16)> = bounds.windows(2).map(|w| (w[0], w[1])).collect();
    let mut free = 2 * pieces.len();
    if free + codes.len() > MAX_ATOMS {
        return None;
    }
    let atoms = codes.iter().zip(&ages).map(|(code, age)| match age {
        _ if *code == TOTAL => u128::MAX,
        _ if *code == "_Z" || *code == "_N" => 0,
        Some(age) => {
            let within = pieces.iter().enumerate().filter(|(_, (from, to))| age.from <= *from && *to <= age.to + 1);
            let bits = within.flat_map(|(i, _)| {
                let kinds = age.kinds.iter().enumerate().filter(|(_, there)| **there);
                kinds.map(move |(kind, _)| 1u128 << (2 * i + kind))
            });
            bits.fold(0, |all, bit| all | bit)
        }
        None => {
            free += 1;
            1 << (free - 1)
        }
    });
    Some(atoms.collect())
}

/// The sums among ages that are there; none if they are too many to look at.
pub(super) fn sums(codes: &[&str]) -> Option<Vec<CodeSum>> {
    let atoms = atoms(codes)?;
    let mut sums = Vec::new();
    for (total, whole) in atoms.iter().enumerate() {
        let parts: Vec<(u32, u128)> = atoms
            .iter()
            .zip(0u32..)
            .filter(|(part, _)| **part != 0 && *part != whole && **part & whole == **part)
            .map(|(part, i)| (i, *part))
            .collect();
        // A part that is not there is taken to be nothing; whether that is so, the figures themselves show.
        let there = parts.iter().fold(0, |all, (_, a)| all | a);
        if there == 0 {
            continue;
        }
        let mut search = Search { parts: &parts, chosen: Vec::new(), steps: 0, found: Vec::new() };
        search.go(there);
        sums.extend(search.found.into_iter().map(|found| (total as u32, found)));
    }
    Some(sums)
}

struct Search<'a> {
    parts: &'a [(u32, u128)],
    chosen: Vec<(u32, u128)>,
    steps: usize,
    found: Vec<Vec<u32>>,
}

impl Search<'_> {
    /// Every choice of parts that makes up `open`, each atom once.
    fn go(&mut self, open: u128) {
        self.steps += 1;
        if open == 0 {
            let mut parts: Vec<u32> = self.chosen.iter().map(|(i, _)| *i).collect();
            parts.sort_unstable();
            return self.found.push(parts);
        }
        let lowest = open & open.wrapping_neg();
        for part in self.parts {
            if part.1 & lowest == 0 || part.1 & open != part.1 || self.steps > MAX_STEPS {
                continue;
            }
            self.chosen.push(*part);
            if !self.follows() {
                self.go(open & !part.1);
            }
            self.chosen.pop();
        }
    }

    /// Whether some of the chosen make up another code that is there, and could be replaced by it.
    fn follows(&self) -> bool {
        self.parts.iter().any(|(_, whole)| {
            let within = self.chosen.iter().filter(|(_, part)| part & whole == *part);
            let (count, made) = within.fold((0, 0), |(count, made), (_, part)| (count + 1, made | part));
            count > 1 && made == *whole
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codes: &[&str], expected: &[(&str, &[&str])]) {
        let name = |i: u32| codes[i as usize];
        let found: Vec<(&str, Vec<&str>)> = sums(codes)
            .unwrap()
            .into_iter()
            .map(|(t, parts)| (name(t), parts.into_iter().map(name).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(t, p)| (*t, p.to_vec())).collect();
        assert_eq!(found, expected, "{codes:?}");
    }

    #[test]
    fn sums_follow_how_ages_overlap() {
        check(&["Y_LT18", "Y_GE18", "Y0T4", "_T"], &[("Y_LT18", &["Y0T4"]), ("_T", &["Y_LT18", "Y_GE18"])]);
        check(&["Y0T4", "Y5T11", "Y12T17", "Y_LT18"], &[("Y_LT18", &["Y0T4", "Y5T11", "Y12T17"])]);
        check(
            &["Y_LT12", "Y12T17", "Y_LT18_UNA", "Y_LT18_ACC", "Y_LT18"],
            &[("Y_LT18", &["Y_LT12", "Y12T17"]), ("Y_LT18", &["Y_LT18_UNA", "Y_LT18_ACC"])],
        );
        check(&["Y_LT18", "Z9", "_T", "_Z"], &[("_T", &["Y_LT18", "Z9"])]);
        check(
            &["Y0T4", "Y5T9", "Y10T14", "Y_LT15", "Y_GE15", "_T"],
            &[("Y_LT15", &["Y0T4", "Y5T9", "Y10T14"]), ("_T", &["Y_LT15", "Y_GE15"])],
        );
    }

    #[test]
    fn the_whole_list_has_few_sums() {
        let structures = chancery_schema::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let codes: Vec<&str> =
            schema.component("AGE").unwrap().codes.as_ref().unwrap().iter().map(|(c, _)| c).collect();
        let found = sums(&codes).unwrap();
        assert!((20..2_000).contains(&found.len()), "{}", found.len());
    }
}
