//! One part looked at: first near each sensitive cell, by several threads; then, for what is not shown to be safe that way, as a whole.
//!
//! Cells are divided into the same shares however many threads there are, and what was shown is put together in their order: the result is always the same.

use super::attackers::{Known, Open};
use super::directions::Directions;
use super::parts::Part;
use super::space::{Shown, Space};
use super::{Attacker, Audit, Finding, Need, Options};
use crate::disclosure::workers::in_order;

/// Cells of one share, unless there would be more shares than that.
const SHARE: usize = 512;
const SHARES: usize = 24;
/// Parts beyond this size are first looked at in all directions at once: in great ones what moves a cell can be far away.
const GREAT: usize = 3_000;
/// Likewise where there are insiders, in so many bases at most: each direction moves the cells of a few of them.
const INSIDERS: usize = 300;
const BASES: u32 = 32;

/// A part and what its cells need.
pub(super) struct Look<'a> {
    part: &'a Part,
    columns: Vec<Vec<u32>>,
    needs: &'a [Option<Need>],
    known: Known,
    options: &'a Options,
}

/// What was seen in one share.
struct Seen {
    shown: Shown,
    open: Open,
    programs: u64,
}

impl Seen {
    /// What was seen here and there.
    fn and(mut self, other: Self) -> Self {
        self.shown.merge(&other.shown);
        self.open.merge(other.open);
        self.programs += other.programs;
        self
    }
}

impl<'a> Look<'a> {
    pub(super) fn new(part: &'a Part, needs: &'a [Option<Need>], known: Known, options: &'a Options) -> Self {
        Self { part, columns: part.columns(), needs, known, options }
    }

    fn space(&self, shown: Shown) -> Space<'_> {
        Space::new(self.part, &self.columns, shown, self.options)
    }

    /// Cells that need something and are not among `but`, which are in order, in shares.
    fn shares(&self, but: &[u32]) -> Vec<Vec<u32>> {
        let needy = self.needs.iter().zip(0u32..).filter(|(need, _)| need.is_some()).map(|(_, cell)| cell);
        let needy: Vec<u32> = needy.filter(|cell| but.binary_search(cell).is_err()).collect();
        shares(&needy)
    }

    /// Looks, and adds what is found.
    pub(super) fn at(&self, audit: &mut Audit) {
        audit.insiders += self.known.len();
        let mut seen = self.nearby();
        let mut space = self.space(seen.shown);
        let mut exposed = Vec::new();
        for (cell, need) in self.needs.iter().enumerate() {
            let Some(need) = need else { continue };
            let whole = space.reach(cell as u32, need, |moved| self.known.moved(&mut seen.open, self.needs, moved));
            if !need.met(self.part.values[cell], space.interval(cell)) {
                let interval = space.interval(cell);
                audit.findings.push(Finding::new(self.part, cell, need, Attacker::Reader, interval, !whole));
                exposed.push(cell as u32);
            }
        }
        if let Some(narrowest) = space.narrowest(self.needs) {
            audit.narrowest = Some(audit.narrowest.unwrap_or(f64::INFINITY).min(narrowest));
        }
        audit.programs += seen.programs + self.insiders(&exposed, &seen.open, &mut space, &mut audit.findings);
        audit.programs += space.programs();
    }

    /// What all directions show, in a great part or of insiders.
    fn directions(&self) -> Seen {
        let nothing = || Seen { shown: Shown::new(self.part), open: Open::default(), programs: 0 };
        let mut all = nothing();
        let mut unsettled = usize::MAX;
        let bases = if self.known.len() > 0 && self.part.len() > INSIDERS { BASES } else { 0 };
        for basis in u32::from(self.part.len() <= GREAT)..=bases {
            if basis > 1 {
                let before = std::mem::replace(&mut unsettled, self.known.unsettled(&all.open, self.needs));
                if unsettled == 0 || unsettled == before {
                    break;
                }
            }
            let Some(directions) = Directions::of(self.part, &self.columns, |cell| self.rank(basis, cell)) else {
                break;
            };
            let seen = in_order(&shares(&directions.free), |free| {
                let mut seen = nothing();
                directions.show(free, &mut seen.shown, |moved| self.known.moved(&mut seen.open, self.needs, moved));
                seen
            });
            all = seen.into_iter().fold(all, Seen::and);
        }
        all
    }

    /// How readily a cell is left free in a basis: of insiders' cells that are free a direction moves one at most, so they come before others, and beyond that
    /// each basis has another order.
    fn rank(&self, basis: u32, cell: u32) -> u32 {
        let order = cell.wrapping_mul(0x9e37_79b1).rotate_left(basis) >> 30;
        match basis {
            0 => 0,
            _ if self.known.knows(cell) => 4 + order,
            _ => order,
        }
    }

    /// What is shown near each sensitive cell.
    fn nearby(&self) -> Seen {
        let all = self.directions();
        let seen = in_order(&self.shares(&[]), |cells| {
            let mut space = self.space(all.shown.clone());
            let mut open = Open::default();
            for cell in cells {
                if let Some(need) = &self.needs[*cell as usize] {
                    space.reach_nearby(*cell, need, |moved| self.known.moved(&mut open, self.needs, moved));
                }
            }
            let programs = space.programs();
            Seen { shown: space.shown, open, programs }
        });
        seen.into_iter().fold(all, Seen::and)
    }

    /// Lets each insider that is left try each sensitive cell but the `exposed`, which anybody finds. The programs solved.
    fn insiders(&self, exposed: &[u32], open: &Open, space: &mut Space<'_>, findings: &mut Vec<Finding>) -> u64 {
        if self.known.len() == 0 {
            return 0;
        }
        let tried = in_order(&self.shares(exposed), |cells| {
            let mut open = open.of(cells);
            let mut space = self.space(Shown::new(self.part));
            let mut attack = |cell: &&u32| self.attack(**cell, &mut open, &mut space, false).is_some();
            let left: Vec<u32> = cells.iter().filter(&mut attack).copied().collect();
            (left, open, space.programs())
        });
        let mut programs = 0;
        let mut left = Vec::new();
        let mut open = Open::default();
        for (cells, still_open, solved) in tried {
            left.extend(cells);
            open.merge(still_open);
            programs += solved;
        }
        findings.extend(left.into_iter().filter_map(|cell| self.attack(cell, &mut open, space, true)));
        programs
    }

    /// Lets each insider that may find a cell try: the first that does.
    fn attack(&self, cell: u32, open: &mut Open, space: &mut Space<'_>, whole: bool) -> Option<Finding> {
        let need = self.known.need(self.needs[cell as usize].as_ref()?);
        let mut tried = Vec::new();
        while let Some(group) = self.known.left(open, cell).into_iter().find(|group| !tried.contains(group)) {
            tried.push(group);
            let cells = self.known.cells(group);
            let mut tell = |moved: &[(u32, f64)]| self.known.moved(open, self.needs, moved);
            let shown = if whole {
                space.knowing(cells, cell, &need, &mut tell)
            } else {
                space.knowing_nearby(cells, cell, &need, &mut tell)
            };
            if let Err((interval, cut_off)) = shown {
                let whose = cells.iter().map(|c| self.part.cells[*c as usize]).collect();
                return Some(Finding::new(
                    self.part,
                    cell as usize,
                    &need,
                    Attacker::Insider(whose),
                    interval,
                    cut_off,
                ));
            }
        }
        None
    }
}

/// Cells in shares.
fn shares(cells: &[u32]) -> Vec<Vec<u32>> {
    cells.chunks(SHARE.max(cells.len().div_ceil(SHARES))).map(<[u32]>::to_vec).collect()
}
