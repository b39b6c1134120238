//! Runs what was taken from a graph's queue, alone or joined, and answers.
//!
//! `shared.rs` holds it, and lets one thread or task at a time at it. Every entry that is taken is answered exactly once,
//! whatever a run does: a panic in it is an error like others. Joining calls must never change an answer: the first
//! joined runs are checked against runs of each call alone, and a graph that does not stand the test is served unjoined
//! from then on. Nor does one call's failure reach the others: what fails together is run again one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use mlhost_wire::values::NamedTensor;

use crate::NnError;
use crate::batch;
use crate::entry::Entry;
use crate::queue::{Queued as _, Taken};
use crate::runner::{Execute, Job, Outcome, panic_text};
use crate::shared::Shared;
use crate::spent::Run;
use crate::trial;

/// How many joined runs are checked.
const TRIALS: u32 = 3;

/// The session, and what is known of it.
pub(crate) struct Worker {
    executor: Box<dyn Execute>,
    /// Which outputs belong to all rows alike.
    shared_outputs: Vec<bool>,
    trials: u32,
}

/// What a run came to.
pub(crate) enum Ran {
    /// Its outcome, and the run itself where it was not too late for one.
    Ended(Outcome, Option<Run>),
    /// It was stopped because it took too long for where it was run.
    Overran,
}

// === impl Worker ===

impl Worker {
    pub(crate) fn new(executor: impl Execute) -> Self {
        let shared_outputs = executor.shared_outputs();
        Self { executor: Box::new(executor), shared_outputs, trials: TRIALS }
    }

    /// Answers all that was taken.
    pub(crate) fn run(&mut self, shared: &Shared, taken: Taken<Entry>) {
        for entry in taken.late {
            entry.answer(Err(NnError::Deadline), None);
        }
        if taken.batch.len() > 1 {
            self.run_joined(shared, taken.batch);
        } else {
            self.run_each(shared, taken.batch);
        }
    }

    /// Each entry by itself; answers whether all of them went well.
    fn run_each(&mut self, shared: &Shared, entries: Vec<Entry>) -> bool {
        let mut well = true;
        for entry in entries {
            match self.run_alone(shared, &entry) {
                Ran::Ended(outcome, run) => {
                    well &= outcome.is_ok();
                    entry.answer(outcome, run);
                }
                Ran::Overran => {
                    well = false;
                    entry.send_back();
                }
            }
        }
        well
    }

    fn run_alone(&mut self, shared: &Shared, entry: &Entry) -> Ran {
        // Begun first: whoever gives up after that stops the run, whoever did so before is seen here.
        shared.begin(entry.number);
        if entry.is_cancelled() || entry.deadline() <= Instant::now() {
            return Ran::Ended(Err(NnError::Deadline), None);
        }
        self.execute(shared, &entry.job)
    }

    /// All entries as one.
    fn run_joined(&mut self, shared: &Shared, entries: Vec<Entry>) {
        let jobs: Vec<&Job> = entries.iter().map(|entry| &entry.job).collect();
        let Some(joined) = batch::join(&jobs) else {
            self.run_each(shared, entries);
            return;
        };
        let (outcome, run) = match self.execute(shared, &joined) {
            Ran::Ended(outcome, run) => (outcome, run),
            Ran::Overran => return entries.into_iter().for_each(Entry::send_back),
        };
        let failed = outcome.is_err();
        let answers =
            outcome.ok().and_then(|results| batch::split(&jobs, &joined, &results, &self.shared_outputs));
        match answers {
            Some(answers) if self.trials > 0 => self.try_out(shared, entries, answers),
            Some(answers) => {
                for (entry, answer) in entries.into_iter().zip(answers) {
                    entry.answer(Ok(answer), run);
                }
            }
            None => {
                let well = self.run_each(shared, entries);
                if !failed {
                    shared.stop_batching("its outputs have not a row for each row of its inputs");
                } else if well {
                    shared.stop_batching("calls fail together that succeed alone");
                }
            }
        }
    }

    /// Holds the joined answers against those of each call alone.
    fn try_out(&mut self, shared: &Shared, entries: Vec<Entry>, answers: Vec<Vec<NamedTensor>>) {
        let mut alike = true;
        for (entry, joined) in entries.into_iter().zip(answers) {
            let (alone, run) = match self.run_alone(shared, &entry) {
                Ran::Ended(outcome, run) => (outcome, run),
                Ran::Overran => {
                    entry.send_back();
                    continue;
                }
            };
            alike &= match &alone {
                Ok(alone) => trial::alike(alone, &joined),
                Err(NnError::Deadline) => true,
                Err(_) => false,
            };
            entry.answer(alone, run);
        }
        self.trials -= 1;
        if !alike {
            shared.stop_batching("calls answer otherwise together than alone");
        }
    }

    /// Runs one job and answers nobody.
    pub(crate) fn execute(&mut self, shared: &Shared, job: &Job) -> Ran {
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.executor.execute(job)));
        let (run, overran) = shared.end(job, began);
        match outcome {
            // What ended well all the same is an answer.
            Ok(Ok(answer)) => Ran::Ended(Ok(answer), Some(run)),
            _ if overran => Ran::Overran,
            Ok(failed) => Ran::Ended(failed, Some(run)),
            Err(payload) => Ran::Ended(Err(shared.failed(panic_text(&*payload))), Some(run)),
        }
    }
}

#[cfg(test)]
mod tests;
