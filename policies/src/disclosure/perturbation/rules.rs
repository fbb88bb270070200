//! The section `[perturbation]` of a profile, and what each method promises and costs, in words for reports.

use serde::Deserialize;

use crate::disclosure::privacy::{self, PrivacyError, PrivateCounts};
use crate::disclosure::ptable::{Ptable, PtableRules};
use crate::disclosure::rounding::MAX_BASE;
use crate::disclosure::rounding::controlled::Which;
use crate::disclosure::{Profile, Report, Zeros};

/// How a profile changes counts instead of withholding them; `policies/disclosure/README.md` describes the keys.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Perturbation {
    /// Noise from a p-table, drawn by the cell's key.
    CellKey(PtableRules),
    /// To the nearest multiple.
    ConventionalRounding {
        /// Of what.
        base: u64,
    },
    /// To the multiple below or above, unbiased, drawn by the cell's key.
    RandomRounding {
        /// Of what.
        base: u64,
    },
    /// To multiples so that all sums still hold.
    ControlledRounding {
        /// Of what.
        base: u64,
        /// Which of the finest figures.
        #[serde(default)]
        which: Which,
    },
    /// Discrete Laplace noise, paid from a budget.
    Privacy(PrivacyRules),
}

/// How much a release with differential privacy spends, and may.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacyRules {
    /// ε of one release.
    pub epsilon: f64,
    /// ε of all releases of the dataflow in a forum together.
    pub budget: f64,
    /// In how many cells of a release one person is counted at most.
    pub contributions: u32,
}

impl PrivacyRules {
    /// What one release spends and all together may, in millionths of ε.
    pub fn micro(&self) -> Result<(u64, u64), PrivacyError> {
        let expected = "a number from 0.000001 to 20";
        let read = |name, value: f64| {
            let wrong = || PrivacyError::Parameter { name, value: value.to_string(), expected };
            privacy::micro(value).ok_or_else(wrong)
        };
        Ok((read("epsilon", self.epsilon)?, read("budget", self.budget)?))
    }

    pub(super) fn mechanism(&self) -> Result<PrivateCounts, PrivacyError> {
        PrivateCounts::new(self.micro()?.0, self.contributions)
    }
}

impl Perturbation {
    /// What is wrong with the section as part of `profile`.
    pub(super) fn check(&self, profile: &Profile) -> Result<(), String> {
        if profile.minimum_frequency > 0 || profile.zeros == Zeros::Suppress || profile.rounding_base > 0 {
            return Err(
                "`minimum_frequency`, `zeros` and `rounding_base` withhold or round what `[perturbation]` changes: leave them out"
                    .to_owned(),
            );
        }
        match self {
            Self::ConventionalRounding { base }
            | Self::RandomRounding { base }
            | Self::ControlledRounding { base, .. }
                if !(2..=MAX_BASE).contains(base) => {
                Err(format!("`base` is {base}: give a number from 2 to {MAX_BASE}"))
            }
            Self::Privacy(_) if !profile.protected_dimensions.is_empty() => {
                Err("`protected_dimensions` leaves some counts exact, which differential privacy cannot: leave it out"
                    .to_owned())
            }
            Self::ControlledRounding { .. } if !profile.protected_dimensions.is_empty() => {
                Err("`protected_dimensions` leaves some counts as they are, which then are no sums of rounded ones: leave it out"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// A report of it, in which no figure is counted yet.
    pub(super) fn report(&self, profile: &Profile) -> Report {
        Report {
            profile: profile.name.clone(),
            rules: vec![self.in_words()],
            guarantee: self.guarantee(),
            ..Report::default()
        }
    }

    /// The rule.
    fn in_words(&self) -> String {
        match self {
            Self::CellKey(rules) => format!(
                "counts get noise of at most {} and variance {}{}, drawn by the cell's key{}",
                rules.max_perturbation,
                rules.variance,
                if rules.monotone { " or less" } else { "" },
                match rules.threshold {
                    0 => String::new(),
                    most => format!("; none from 1 to {most} is published"),
                }
            ),
            Self::ConventionalRounding { base } => format!("counts are rounded to the nearest multiple of {base}"),
            Self::RandomRounding { base } => format!("counts are rounded at random to a multiple of {base}"),
            Self::ControlledRounding { base, which: Which::Small } => {
                format!("counts below {base} are rounded to 0 or {base}, and all others with them, so that sums hold")
            }
            Self::ControlledRounding { base, which: Which::All } => {
                format!("counts are rounded to multiples of {base} so that sums hold")
            }
            Self::Privacy(rules) => format!(
                "counts get discrete Laplace noise: ε = {} for persons counted in at most {} cells, of a budget of {}",
                rules.epsilon, rules.contributions, rules.budget
            ),
        }
    }

    /// What the method promises.
    fn guarantee(&self) -> String {
        const SAME: &str = "the same count in the same cell has the same noise in every release, so asking again tells nothing; a revised count, and \
                            the same persons under another name, have noise of their own";
        match self {
            Self::CellKey(rules) => {
                format!("a count is within {} of the figure, and no figure is certain; {SAME}", rules.max_perturbation)
            }
            Self::ConventionalRounding { base } => format!(
                "a count is within {} of the figure; figures that should add up can narrow it further, so this is no protection by itself",
                base / 2
            ),
            Self::RandomRounding { base } => format!("a count is less than {base} from the figure; {SAME}"),
            Self::ControlledRounding { base, which } => {
                let finest = match which {
                    Which::Small => format!(
                        "no count from 1 to {} is published; one of the finest figures that is published as 0 or {base} can have been any count \
                         from 0 to {base}, and greater ones may be exact",
                        base - 1
                    ),
                    Which::All => format!("each of the finest figures is less than {base} from what is published"),
                };
                format!("{finest}; the same figures are rounded alike each time, but where some are revised others may go the other way")
            }
            Self::Privacy(_) => "with or without one person, any result is at most exp(ε) times more or less likely, whatever else is known; \
                                 all releases together spend no more than the budget; which cells there are is not protected"
                .to_owned(),
        }
    }
}

/// What noise from a p-table costs.
pub(super) fn loss_of_noise(table: &Ptable) -> String {
    let last = table.row(u64::MAX);
    let deviation = last.map_or(0.0, |row| row.expected(|v| v * v).sqrt());
    let size = last.map_or(0.0, |row| row.expected(f64::abs));
    format!(
        "counts change by {size:.2} on average, with standard deviation {deviation:.2} and no bias; sums do not hold exactly; 0 stays 0"
    )
}

/// What rounding each count for itself costs.
pub(super) fn loss_of_rounding(base: u64, random: bool) -> String {
    let most = if random { base.saturating_sub(1) } else { base / 2 };
    let bias = if random { "without bias" } else { "with a bias where counts are small" };
    format!("counts change by at most {most}, {bias}; sums do not hold exactly")
}

/// What rounding all counts together costs, if of the sums so many do not hold.
pub(super) fn loss_of_controlled_rounding(base: u64, broken: usize) -> String {
    let sums = match broken {
        0 => "all sums hold".to_owned(),
        1 => "one sum does not hold, as its total adds up from other figures too".to_owned(),
        more => format!("{more} sums do not hold, as their totals add up from other figures too"),
    };
    format!(
        "the finest figures change by less than {base}, totals by what that adds up to, as little as was found; {sums}"
    )
}

/// What differential privacy costs.
pub(super) fn loss_of_privacy(counts: &PrivateCounts) -> String {
    format!(
        "95 of 100 figures are within {} of their count; small counts drift up, as none is below 0; sums do not hold exactly",
        counts.within()
    )
}
