//! The log as C2SP tlog-tiles: which path is which tile, and the bytes of a tile.

use tlog_tiles::tile::Tile;

use crate::log::{HashStore, LogError, MAX_LEAVES, Reader};

/// Hashes in a full tile: height 8.
pub const FULL_WIDTH: u64 = 256;
const HEIGHT: u8 = 8;
/// Highest level that a log of [`MAX_LEAVES`] leaves has: 2^40 is 256^5.
const MAX_LEVEL: u8 = 5;
/// Longest path of a tile, `tile/` left out: `entries/x…` for 2^40 and `.p/255`.
const MAX_PATH: usize = 40;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes of this level.
    Hashes(u8),
    /// The log's entries themselves.
    Entries,
}

/// A tile's place, as in its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePlace {
    /// What it holds.
    pub kind: TileKind,
    /// Its index within the level.
    pub index: u64,
    /// Hashes or entries in it: 1 to 256.
    pub width: u64,
}

impl TilePlace {
    /// Reads what follows `tile/` in a C2SP path: `0/x001/234`, `entries/000.p/7`.
    pub fn parse(path: &str) -> Option<Self> {
        // `tlog_tiles` panics on a width of 0 and on levels beyond 63, and writes the height into paths.
        let nothing = |width: &str| width.parse::<u64>() == Ok(0);
        if path.len() > MAX_PATH || path.rsplit_once(".p/").is_some_and(|(_, width)| nothing(width)) {
            return None;
        }
        let (level, rest) = path.split_once('/')?;
        let kind = match level {
            "entries" => TileKind::Entries,
            text => TileKind::Hashes(text.parse().ok().filter(|l| *l <= MAX_LEVEL)?),
        };
        let level = if kind == TileKind::Entries { "data" } else { level };
        let tile = Tile::from_path(&format!("tile/{HEIGHT}/{level}/{rest}")).ok()?;
        let (index, width) = (tile.level_index(), u64::from(tile.width()));
        (index <= MAX_LEAVES).then_some(Self { kind, index, width })
    }

    /// The path that [`TilePlace::parse`] reads.
    pub fn path(self) -> String {
        let (level, data) = match self.kind {
            TileKind::Hashes(level) => (level.min(MAX_LEVEL), false),
            TileKind::Entries => (0, true),
        };
        let width = self.width.clamp(1, FULL_WIDTH) as u32;
        let path = Tile::new(HEIGHT, level, self.index, width, data).path();
        let path = path.strip_prefix("tile/8/").unwrap_or(&path);
        path.strip_prefix("data/").map_or_else(|| path.to_owned(), |rest| format!("entries/{rest}"))
    }

    /// Whether a log of `size` leaves fills the tile.
    pub fn is_in(self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Hashes(level) => level.min(MAX_LEVEL),
            TileKind::Entries => 0,
        };
        let there = size >> (u32::from(HEIGHT) * u32::from(level));
        self.index
            .checked_mul(FULL_WIDTH)
            .and_then(|first| first.checked_add(self.width))
            .is_some_and(|end| end <= there)
    }

    /// The hashes of a tile that [`TilePlace::is_in`] the log, one after the other.
    pub fn hashes(self, store: &dyn HashStore) -> Result<Vec<u8>, LogError> {
        let TileKind::Hashes(level) = self.kind else {
            return Err(LogError::Read("an entry bundle has no hashes".to_owned()));
        };
        if level > MAX_LEVEL || self.index > MAX_LEAVES || !(1..=FULL_WIDTH).contains(&self.width) {
            return Err(LogError::Range { index: self.index, size: MAX_LEAVES });
        }
        let tile = Tile::new(HEIGHT, level, self.index, self.width as u32, false);
        Reader::run(store, |reader| tile.read_data(reader))
    }
}

/// An entry bundle: each leaf after its length in two bytes, big end first.
pub fn entry_bundle<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, LogError> {
    let mut bundle = Vec::new();
    for leaf in leaves {
        let length = u16::try_from(leaf.len());
        let length = length.map_err(|_| LogError::Read(format!("a leaf of {} bytes, more than 65535", leaf.len())))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(leaf);
    }
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(kind: TileKind, index: u64, width: u64) -> TilePlace {
        TilePlace { kind, index, width }
    }

    #[test]
    fn paths_are_those_of_c2sp() {
        let cases = [
            ("0/000", place(TileKind::Hashes(0), 0, 256)),
            ("0/000.p/1", place(TileKind::Hashes(0), 0, 1)),
            ("1/x001/x234/067", place(TileKind::Hashes(1), 1_234_067, 256)),
            ("entries/x001/234.p/255", place(TileKind::Entries, 1_234, 255)),
        ];
        for (path, expected) in cases {
            assert_eq!(TilePlace::parse(path), Some(expected), "{path}");
            assert_eq!(expected.path(), path);
        }
        for bad in [
            "",
            "0",
            "0/",
            "0/0",
            "00/000",
            "+0/000",
            "0/000.p/0",
            "0/000.p/00",
            "0/000.p/+0",
            "0/000.p/256",
            "0/000.p/01",
            "64/000",
            "255/000",
            "6/000",
            "data/000",
            "0/x000/000",
            "entries/x999/x999/x999/x999/999",
            "0/../000",
            "0/000/",
            "0//000",
            "0/000.p/",
        ] {
            assert_eq!(TilePlace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tile_is_there_when_the_log_fills_it() {
        // The example of the specification: 70,000 leaves.
        for (path, there) in [
            ("0/272", true),
            ("0/273", false),
            ("0/273.p/112", true),
            ("0/273.p/113", false),
            ("1/000", true),
            ("1/001.p/17", true),
            ("1/001.p/18", false),
            ("2/000.p/1", true),
            ("2/000.p/2", false),
            ("3/000.p/1", false),
            ("entries/273.p/112", true),
            ("entries/273", false),
        ] {
            assert_eq!(TilePlace::parse(path).unwrap().is_in(70_000), there, "{path}");
        }
    }

    #[test]
    fn a_bundle_counts_each_leaf_in_two_bytes() {
        assert_eq!(entry_bundle([&b"ab"[..], b""]).unwrap(), b"\0\x02ab\0\0");
        assert!(entry_bundle([vec![0; 65_536].as_slice()]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(entries|[0-9]{0,3}|.{0,8})/[x0-9/.p]{0,40}") {
            if let Some(place) = TilePlace::parse(&text) {
                prop_assert_eq!(place.path(), text);
                place.is_in(u64::MAX);
            }
        }

        #[test]
        fn a_place_reads_what_it_writes(level in 0u8..=5, index in 0u64..=1 << 40, width in 1u64..=256, entries: bool) {
            let kind = if entries { TileKind::Entries } else { TileKind::Hashes(level) };
            let place = place(kind, index, width);
            prop_assert_eq!(TilePlace::parse(&place.path()), Some(place));
        }
    }
}
