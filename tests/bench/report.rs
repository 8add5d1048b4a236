//! How figures are put together and reported: a table for people, one JSON object a line in the file that `BENCH_RESULTS` names.

use crate::Result;
use serde::Serialize;
use std::{
    env,
    fs::OpenOptions,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Every row with a limit, for the summary: its goal, and what it says if the limit is not met.
static JUDGED: Mutex<Vec<(&'static str, Option<String>)>> = Mutex::new(Vec::new());

/// One figure. `floor` is what the best hand-written equivalent takes in the same run.
#[derive(Serialize)]
pub(crate) struct Row {
    goal: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    floor: Option<f64>,
    ratio: Option<f64>,
    limit: Option<String>,
    met: Option<&'static str>,
}

impl Row {
    pub(crate) fn new(goal: &'static str, what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { goal, what: what.into(), value, unit, floor: None, ratio: None, limit: None, met: None }
    }

    /// Sets the floor, and the ratio of the figure to it.
    pub(crate) fn over(mut self, floor: f64) -> Self {
        (self.floor, self.ratio) = (Some(floor), Some(self.value / floor));
        self
    }

    pub(crate) fn value_at_most(mut self, limit: f64) -> Self {
        (self.limit, self.met) = (Some(format!("<= {limit} {}", self.unit)), Some(yes(self.value <= limit)));
        self
    }

    pub(crate) fn ratio_at_most(mut self, limit: f64) -> Self {
        (self.limit, self.met) = (Some(format!("<= {limit} x")), self.ratio.map(|ratio| yes(ratio <= limit)));
        self
    }

    pub(crate) fn ratio_at_least(mut self, limit: f64) -> Self {
        (self.limit, self.met) = (Some(format!(">= {limit} x")), self.ratio.map(|ratio| yes(ratio >= limit)));
        self
    }

    /// Prints the row, and appends it to the results where they are wanted.
    pub(crate) fn report(self) -> Result<()> {
        let number = |number: Option<f64>| number.map_or_else(String::new, |number| format!("{number:.3}"));
        println!(
            "{:<4} {:<92} {:>10} {:<3} floor {:>9}  ratio {:>7}  limit {:<12} met: {}",
            self.goal,
            self.what,
            number(Some(self.value)),
            self.unit,
            number(self.floor),
            number(self.ratio),
            self.limit.as_deref().unwrap_or("-"),
            self.met.unwrap_or("-"),
        );
        if let (Some(met), Some(limit)) = (self.met, &self.limit) {
            let ratio = self.ratio.map_or_else(String::new, |ratio| format!(", {ratio:.2} x its floor"));
            let missed =
                (met == yes(false)).then(|| format!("{}: {:.3} {}{ratio}; limit {limit}", self.what, self.value, self.unit));
            JUDGED.lock().unwrap_or_else(PoisonError::into_inner).push((self.goal, missed));
        }
        if let Some(path) = env::var_os("BENCH_RESULTS") {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{}", serde_json::to_string(&self)?)?;
        }
        Ok(())
    }
}

/// Prints how many limits of each goal this run kept, and those that it did not.
pub(crate) fn summary() {
    let judged = JUDGED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut goals: Vec<&str> = judged.iter().map(|(goal, _)| *goal).collect();
    goals.sort_by_key(|goal| goal.trim_start_matches('G').parse::<u32>().unwrap_or_default());
    goals.dedup();
    println!("\nLimits met in this run:");
    for goal in goals {
        let (kept, missed): (Vec<_>, Vec<_>) =
            judged.iter().filter(|(of, _)| *of == goal).partition(|(_, missed)| missed.is_none());
        println!("{goal:<4} {} of {}", kept.len(), kept.len() + missed.len());
        for what in missed.iter().filter_map(|(_, missed)| missed.as_ref()) {
            println!("     not met: {what}");
        }
    }
}

fn yes(is_met: bool) -> &'static str {
    if is_met { "yes" } else { "no" }
}

/// The median in the unit that `per_second` counts (1e3 for milliseconds).
pub(crate) fn median(times: &[Duration], per_second: f64) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * per_second).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The shortest time, in the same unit.
pub(crate) fn fastest(times: &[Duration], per_second: f64) -> f64 {
    times.iter().min().map_or(f64::NAN, |time| time.as_secs_f64() * per_second)
}

/// The smallest and the largest ratio of medians among `parts` equal parts of the run: how far the ratio can be trusted.
pub(crate) fn spread(ours: &[Duration], floor: &[Duration], parts: usize) -> String {
    let part = (ours.len() / parts).max(1);
    let ratios = ours.chunks_exact(part).zip(floor.chunks_exact(part)).map(|(ours, floor)| median(ours, 1.0) / median(floor, 1.0));
    let (low, high) = ratios.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
    format!("{low:.2}..{high:.2}")
}
