//! Joined runs with a stand-in for the session: what each caller gets, and what makes a graph unfit for joining.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mlhost_wire::values::{Elements, Tensor};

use super::*;
use crate::queue::BatchLimits;
use crate::runner::{RunCounts, Runner, RunnerOptions, Switch};
use crate::spent::Spent;

/// How the graph answers rows that are joined.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Each row by itself.
    ByRow,
    /// Every row is divided by the number of rows.
    Mixing,
    /// The first row alone.
    OneRow,
    /// Fails with more than two rows.
    FailsTogether,
    /// Fails where a row is negative.
    FailsOnNegative,
}

/// Answers with its input, row by row. A run of the occupier alone says that it started and waits for a word, so that
/// others gather behind it.
struct StandIn {
    manner: Manner,
    started: Sender<()>,
    release: Receiver<()>,
}

/// What the occupier sends.
const OCCUPIER: f32 = 0.5;

struct NoSwitch;

impl Switch for NoSwitch {
    fn stop(&self) {}
    fn reset(&self) {}
}

impl Execute for StandIn {
    fn execute(&mut self, job: &Job) -> Outcome {
        let Elements::F32(values) = &job.inputs[0].elements else { panic!("floats were sent") };
        if values == &[OCCUPIER] {
            self.started.send(()).unwrap();
            self.release.recv().unwrap();
        }
        let rows = values.len();
        let failed = || NnError::Runtime { graph: "test".into(), message: "it fails".into() };
        let values: Vec<f32> = match self.manner {
            Manner::FailsTogether if rows > 1 => return Err(failed()),
            Manner::FailsOnNegative if values.iter().any(|value| *value < 0.0) => return Err(failed()),
            Manner::Mixing => values.iter().map(|value| value / rows as f32).collect(),
            Manner::OneRow => values[..1].to_vec(),
            _ => values.clone(),
        };
        let tensor = Tensor { shape: vec![values.len() as u32], elements: Elements::F32(values) };
        Ok(vec![NamedTensor { name: "y".into(), tensor }])
    }

    fn switch(&self) -> Arc<dyn Switch> {
        Arc::new(NoSwitch)
    }

    fn shared_outputs(&self) -> Vec<bool> {
        vec![false]
    }
}

fn job(value: f32) -> Job {
    let tensor = Tensor { shape: vec![1], elements: Elements::F32(vec![value]) };
    Job { inputs: vec![tensor], outputs: vec![0] }
}

/// Rounds of calls, each round gathered behind a call that occupies the graph; answers the counts after each round.
async fn rounds(manner: Manner, rounds: &[&[f32]]) -> Vec<RunCounts> {
    let mut counts = Vec::new();
    let (started, occupied) = channel();
    let (go, release) = channel();
    let stand_in = StandIn { manner, started, release };
    let limits = BatchLimits { rows: 8, elements: 100, delay: Duration::ZERO };
    let runner = Arc::new(
        Runner::start("test", RunnerOptions { max_queue: 64, limits, inline: false }, stand_in).unwrap(),
    );
    let deadline = || Instant::now() + Duration::from_secs(60);
    for values in rounds {
        let submit = |value: f32| {
            let runner = Arc::clone(&runner);
            tokio::spawn(async move { runner.submit(job(value), deadline(), &mut Spent::default()).await })
        };
        let occupier = submit(OCCUPIER);
        while occupied.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        let calls: Vec<_> = values.iter().map(|value| (*value, submit(*value))).collect();
        while runner.waiting() < values.len() {
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
        assert!(occupier.await.unwrap().is_ok());
        for (value, call) in calls {
            match call.await.unwrap() {
                Ok(answer) => assert_eq!(answer[0].tensor, job(value).inputs[0], "another's row"),
                Err(_) => assert!(value < 0.0, "{value} failed"),
            }
        }
        counts.push(runner.counts());
    }
    counts
}

const FOUR: &[f32] = &[1.0, 2.0, 3.0, 4.0];

/// Runs in each round.
fn runs(counts: &[RunCounts]) -> Vec<u64> {
    let before = std::iter::once(0).chain(counts.iter().map(|count| count.runs));
    counts.iter().zip(before).map(|(count, before)| count.runs - before).collect()
}

#[tokio::test]
async fn what_waits_is_one_run_once_the_trials_are_over() {
    let counts = rounds(Manner::ByRow, &[FOUR; 5]).await;
    // The occupier, the joined run, and in the trials each call alone.
    assert_eq!(runs(&counts), [6, 6, 6, 2, 2]);
    assert_eq!(counts[4].rows - counts[3].rows, 5);
}

#[tokio::test]
async fn a_graph_that_mixes_rows_is_found_out_and_never_joined_again() {
    assert_eq!(runs(&rounds(Manner::Mixing, &[FOUR; 3]).await), [6, 5, 5]);
}

#[tokio::test]
async fn a_graph_without_a_row_for_each_row_is_run_call_by_call() {
    assert_eq!(runs(&rounds(Manner::OneRow, &[FOUR; 3]).await), [6, 5, 5]);
}

#[tokio::test]
async fn a_graph_that_fails_only_on_joined_calls_is_run_call_by_call() {
    assert_eq!(runs(&rounds(Manner::FailsTogether, &[FOUR; 3]).await), [6, 5, 5]);
}

#[tokio::test]
async fn a_call_that_fails_takes_none_of_the_others_with_it() {
    let bad: &[f32] = &[1.0, -2.0, 3.0, 4.0];
    let counts = rounds(Manner::FailsOnNegative, &[FOUR, FOUR, FOUR, bad, FOUR]).await;
    // After the bad call the others are still joined.
    assert_eq!(runs(&counts), [6, 6, 6, 6, 2]);
}
