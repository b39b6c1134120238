//! A graph's own thread: takes what waits, runs it, alone or joined, and answers.
//!
//! `runner.rs` starts it and shares its queue with it. Every entry that is taken is answered exactly once, whatever a
//! run does: a panic in it is an error like others. Joining calls must never change an answer: the first joined runs
//! are checked against runs of each call alone, and a graph that does not stand the test is served unjoined from then
//! on. Nor does one call's failure reach the others: what fails together is run again one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use mlhost_wire::values::NamedTensor;

use crate::NnError;
use crate::batch;
use crate::queue::Queued as _;
use crate::runner::{Entry, Execute, Job, Outcome, Shared, panic_text};
use crate::trial;

/// How many joined runs are checked.
const TRIALS: u32 = 3;

/// What the thread owns.
pub(crate) struct Worker<X> {
    executor: X,
    shared: Arc<Shared>,
    /// Which outputs belong to all rows alike.
    shared_outputs: Vec<bool>,
    trials: u32,
}

// === impl Worker ===

impl<X: Execute> Worker<X> {
    pub(crate) fn new(executor: X, shared: Arc<Shared>) -> Self {
        let shared_outputs = executor.shared_outputs();
        Self { executor, shared, shared_outputs, trials: TRIALS }
    }

    /// The thread's whole life.
    pub(crate) fn work(mut self) {
        while let Some(taken) = self.shared.next() {
            for entry in taken.late {
                entry.answer(Err(NnError::Deadline));
            }
            if taken.batch.len() > 1 {
                self.run_joined(taken.batch);
            } else {
                self.run_each(taken.batch);
            }
        }
    }

    /// Each entry by itself; answers whether all of them went well.
    fn run_each(&mut self, entries: Vec<Entry>) -> bool {
        let mut well = true;
        for entry in entries {
            let outcome = self.run_alone(&entry);
            well &= outcome.is_ok();
            entry.answer(outcome);
        }
        well
    }

    fn run_alone(&mut self, entry: &Entry) -> Outcome {
        // Begun first: whoever gives up after that stops the run, whoever did so before is seen here.
        self.shared.begin(entry.number);
        if entry.is_cancelled() || entry.deadline() <= Instant::now() {
            return Err(NnError::Deadline);
        }
        self.execute(&entry.job)
    }

    /// All entries as one.
    fn run_joined(&mut self, entries: Vec<Entry>) {
        let jobs: Vec<&Job> = entries.iter().map(|entry| &entry.job).collect();
        let Some(joined) = batch::join(&jobs) else {
            self.run_each(entries);
            return;
        };
        let outcome = self.execute(&joined);
        let failed = outcome.is_err();
        let answers =
            outcome.ok().and_then(|results| batch::split(&jobs, &joined, &results, &self.shared_outputs));
        match answers {
            Some(answers) if self.trials > 0 => self.try_out(entries, answers),
            Some(answers) => {
                for (entry, answer) in entries.into_iter().zip(answers) {
                    entry.answer(Ok(answer));
                }
            }
            None => {
                let well = self.run_each(entries);
                if !failed {
                    self.shared.stop_batching("its outputs have not a row for each row of its inputs");
                } else if well {
                    self.shared.stop_batching("calls fail together that succeed alone");
                }
            }
        }
    }

    /// Holds the joined answers against those of each call alone.
    fn try_out(&mut self, entries: Vec<Entry>, answers: Vec<Vec<NamedTensor>>) {
        let mut alike = true;
        for (entry, joined) in entries.into_iter().zip(answers) {
            let alone = self.run_alone(&entry);
            alike &= match &alone {
                Ok(alone) => trial::alike(alone, &joined),
                Err(NnError::Deadline) => true,
                Err(_) => false,
            };
            entry.answer(alone);
        }
        self.trials -= 1;
        if !alike {
            self.shared.stop_batching("calls answer otherwise together than alone");
        }
    }

    fn execute(&mut self, job: &Job) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.executor.execute(job)));
        self.shared.end(job);
        outcome.unwrap_or_else(|payload| Err(self.shared.failed(panic_text(&*payload))))
    }
}

#[cfg(test)]
mod tests;
