//! Figures beside their budgets, for people and for machines.

use crate::RUNS;
use crate::failure::Failure;
use serde::Serialize;

/// How figures are printed.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    /// A table.
    Text,
    /// A JSON object a line.
    Json,
}

/// On which side of the budget a figure must lie.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// None is set.
    None,
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// One measured figure.
#[derive(Serialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    budget: Option<f64>,
    within: Option<bool>,
    peer: Option<f64>,
    ratio: Option<f64>,
}

impl Figure {
    /// A figure beside its budget.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str, budget: Budget) -> Self {
        let (budget, within) = match budget {
            Budget::None => (None, None),
            Budget::AtLeast(least) => (Some(least), Some(value >= least)),
            Budget::AtMost(most) => (Some(most), Some(value <= most)),
        };
        Self { name: name.into(), value, unit, budget, within, peer: None, ratio: None }
    }

    /// The same figure beside a peer's of the same run.
    pub(crate) fn beside(self, peer: Option<f64>) -> Self {
        let ratio = peer.filter(|peer| *peer > 0.0).map(|peer| self.value / peer);
        Self { peer, ratio, ..self }
    }
}

/// The middle one of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The medians of what [`RUNS`] runs give.
pub(crate) async fn medians<const COUNT: usize>(
    mut run: impl AsyncFnMut() -> Result<[f64; COUNT], Failure>,
) -> Result<[f64; COUNT], Failure> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(run().await?);
    }
    Ok(std::array::from_fn(|figure| median(runs.iter().map(|run| run[figure]).collect())))
}

/// The value under which `share` (0 to 1) of the ascending values lie.
pub(crate) fn percentile(ascending: &[u32], share: f64) -> f64 {
    let last = ascending.len().saturating_sub(1);
    ascending.get((last as f64 * share) as usize).map_or(f64::NAN, |value| f64::from(*value))
}

/// Prints figures.
pub(crate) fn print(figures: &[Figure], format: Format) {
    for figure in figures {
        match format {
            Format::Json => {
                println!("{}", serde_json::to_string(figure).expect("a figure is numbers and texts"));
            }
            Format::Text => {
                let budget = figure.budget.map_or(String::new(), |budget| format!("budget {budget}"));
                let verdict = figure.within.map_or("", |within| if within { "within" } else { "OVER" });
                let peer = figure
                    .peer
                    .zip(figure.ratio)
                    .map_or(String::new(), |(peer, ratio)| format!("peer {peer:.1}, ratio {ratio:.2}"));
                println!(
                    "{:<44} {:>12.1} {:<16} {budget:<16} {verdict:<7} {peer}",
                    figure.name, figure.value, figure.unit
                );
            }
        }
    }
}
