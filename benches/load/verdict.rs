//! Whether a scenario met its bars, each said in one line.
//!
//! Made by the scenarios, said by `main.rs`.

use std::process::ExitCode;

/// The bars of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    bars: Vec<(bool, String)>,
}

// === impl Verdict ===

impl Verdict {
    /// One bar: whether it was met, and the figures that say so.
    pub(crate) fn bar(&mut self, met: bool, figures: String) {
        self.bars.push((met, figures));
    }

    /// Prints every bar, and answers with what the process is to end with.
    pub(crate) fn say(self) -> ExitCode {
        for (met, figures) in &self.bars {
            println!("{} {figures}", if *met { "met:   " } else { "MISSED:" });
        }
        if self.bars.iter().all(|(met, _)| *met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
