//! Where runs are done: a stand-in for the session says on which thread it ran, and takes as long as it is told.

use std::sync::atomic::AtomicBool;
use std::thread::ThreadId;

use mlhost_wire::values::{Elements, NamedTensor, Tensor};

use super::*;
use crate::queue::BatchLimits;
use crate::runner::{Outcome, Reply, Runner};
use crate::spent::Spent;

/// More calls than a graph needs to prove anything, on a busy machine too.
const MANY: usize = 100_000;

/// A job's one input is the microseconds that it takes, row by row; a negative one goes on until it is stopped, unless it
/// is on the graph's own thread.
struct StandIn {
    ran: Arc<Mutex<Vec<ThreadId>>>,
    stopped: Arc<AtomicBool>,
}

struct Flag(Arc<AtomicBool>);

impl Switch for Flag {
    fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn reset(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Execute for StandIn {
    fn execute(&mut self, job: &Job) -> Outcome {
        let own_thread = thread::current().name() == Some("nn-test");
        self.ran.lock().unwrap().push(thread::current().id());
        let tensor = job.inputs[0].clone();
        let Elements::F32(times) = &tensor.elements else { panic!("floats were sent") };
        let began = Instant::now();
        if times[0] < 0.0 && !own_thread {
            while !self.stopped.load(Ordering::SeqCst) {
                assert!(began.elapsed() < Duration::from_secs(60), "nobody stopped it");
                std::hint::spin_loop();
            }
            return Err(NnError::Runtime { graph: "test".into(), message: "stopped".into() });
        }
        while began.elapsed() < Duration::from_micros(times[0].max(0.0) as u64) {
            std::hint::spin_loop();
        }
        Ok(vec![NamedTensor { name: "y".into(), tensor }])
    }

    fn switch(&self) -> Arc<dyn Switch> {
        Arc::new(Flag(Arc::clone(&self.stopped)))
    }

    fn shared_outputs(&self) -> Vec<bool> {
        vec![false]
    }
}

fn options() -> RunnerOptions {
    let limits = BatchLimits { rows: 64, elements: 1000, delay: Duration::ZERO };
    RunnerOptions { max_queue: 64, limits, inline: true }
}

fn stand_in() -> (StandIn, Arc<Mutex<Vec<ThreadId>>>) {
    let ran = Arc::<Mutex<Vec<ThreadId>>>::default();
    (StandIn { ran: Arc::clone(&ran), stopped: Arc::default() }, ran)
}

fn job(microseconds: f32) -> Job {
    Job {
        inputs: vec![Tensor { shape: vec![1], elements: Elements::F32(vec![microseconds]) }],
        outputs: vec![0],
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Without a thread, and sure that runs are short ones.
fn short(stand_in: StandIn) -> Arc<Shared> {
    let shared = Arc::new(Shared::new("test", options(), stand_in));
    for _ in 0..100 {
        shared.lock().pace.ran(Duration::from_micros(40));
    }
    shared
}

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Calls one after another until the last one ran on this thread.
async fn until_here(runner: &Runner, ran: &Mutex<Vec<ThreadId>>, microseconds: f32) {
    for _ in 0..MANY {
        assert!(runner.submit(job(microseconds), in_an_hour(), &mut Spent::default()).await.is_ok());
        if ran.lock().unwrap().last() == Some(&thread::current().id()) {
            return;
        }
    }
    panic!("it never ran on the caller's thread");
}

#[tokio::test]
async fn runs_begin_on_the_thread_and_short_ones_move_to_the_callers() {
    let (stand_in, ran) = stand_in();
    let runner = Runner::start("test", options(), stand_in).unwrap();
    until_here(&runner, &ran, 0.0).await;
    assert_ne!(ran.lock().unwrap()[0], thread::current().id());
}

#[tokio::test]
async fn a_runner_that_may_not_runs_everything_on_its_thread() {
    let (stand_in, ran) = stand_in();
    let runner = Runner::start("test", RunnerOptions { inline: false, ..options() }, stand_in).unwrap();
    for _ in 0..200 {
        assert!(runner.submit(job(0.0), in_an_hour(), &mut Spent::default()).await.is_ok());
    }
    assert!(ran.lock().unwrap().iter().all(|id| *id != thread::current().id()));
}

#[tokio::test]
async fn calls_of_one_moment_are_one_run_in_a_task() {
    let (stand_in, ran) = stand_in();
    let runner = Arc::new(Runner::start("test", options(), stand_in).unwrap());
    until_here(&runner, &ran, 40.0).await;
    for _ in 0..MANY {
        let before = runner.counts();
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let runner = Arc::clone(&runner);
                tokio::spawn(
                    async move { runner.submit(job(40.0), in_an_hour(), &mut Spent::default()).await },
                )
            })
            .collect();
        for call in calls {
            assert!(call.await.unwrap().is_ok());
        }
        let after = runner.counts();
        // The first joined runs are checked against runs of each call alone.
        if (after.runs - before.runs, after.rows - before.rows) == (1, 8) {
            assert_eq!(ran.lock().unwrap().last(), Some(&thread::current().id()));
            return;
        }
    }
    panic!("eight calls of one moment were never one run");
}

#[tokio::test]
async fn a_run_that_is_not_short_after_all_is_stopped_and_done_again_on_the_thread() {
    let (stand_in, ran) = stand_in();
    let runner = Runner::start("test", options(), stand_in).unwrap();
    until_here(&runner, &ran, 0.0).await;
    let before = ran.lock().unwrap().len();
    assert!(runner.submit(job(-1.0), in_an_hour(), &mut Spent::default()).await.is_ok());
    let here = thread::current().id();
    let ran: Vec<bool> = ran.lock().unwrap()[before..].iter().map(|id| *id == here).collect();
    assert_eq!(ran, [true, false]);
}

#[tokio::test]
async fn after_it_the_graph_stays_on_its_thread() {
    let (stand_in, ran) = stand_in();
    let runner = Runner::start("test", options(), stand_in).unwrap();
    until_here(&runner, &ran, 0.0).await;
    assert!(runner.submit(job(-1.0), in_an_hour(), &mut Spent::default()).await.is_ok());
    let before = ran.lock().unwrap().len();
    for _ in 0..200 {
        assert!(runner.submit(job(0.0), in_an_hour(), &mut Spent::default()).await.is_ok());
    }
    assert!(ran.lock().unwrap()[before..].iter().all(|id| *id != thread::current().id()));
}

#[test]
fn a_runtimes_task_runs_its_own_calls_and_no_others() {
    let (stand_in, ran) = stand_in();
    let shared = short(stand_in);
    let (first, second) = (runtime(), runtime());
    let push = |runtime: &tokio::runtime::Runtime| {
        let _entered = runtime.enter();
        shared.push(job(40.0), in_an_hour()).unwrap()
    };
    let mut calls = [push(&first), push(&second), push(&first), push(&second)];
    let [first_0, second_0, first_2, second_2] = &mut calls;
    for waiting in [first_0, first_2] {
        assert!(matches!(first.block_on(&mut waiting.reply), Ok(Reply::Done(Ok(_), Some(_)))));
    }
    // Together, and then each alone for comparison.
    assert_eq!(ran.lock().unwrap().len(), 3);
    assert_eq!(shared.lock().gathering, [second.handle().id()]);
    assert!(second_0.reply.try_recv().is_err() && second_2.reply.try_recv().is_err());
    for waiting in [second_0, second_2] {
        assert!(matches!(second.block_on(&mut waiting.reply), Ok(Reply::Done(Ok(_), Some(_)))));
    }
    assert!(shared.lock().gathering.is_empty());
}

#[test]
fn a_task_comes_again_while_another_runtimes_run_is_under_way() {
    let (stand_in, ran) = stand_in();
    let shared = short(stand_in);
    let runtime = runtime();
    let entered = runtime.enter();
    let waiting = shared.push(job(40.0), in_an_hour()).unwrap();
    let home = runtime.handle().id();
    {
        let _seat = shared.worker.lock().unwrap();
        assert_eq!(shared.gather(home), Turn::Busy);
        assert_eq!(shared.lock().gathering, [home]);
    }
    assert_eq!(shared.gather(home), Turn::Over);
    assert_eq!(ran.lock().unwrap().len(), 1);
    drop((waiting, entered));
}

#[test]
fn what_a_task_was_to_run_is_the_threads_once_its_runtime_is_gone() {
    let (stand_in, ran) = stand_in();
    let shared = short(stand_in);
    let first = runtime();
    let entered = first.enter();
    let mut waiting = shared.push(job(40.0), in_an_hour()).unwrap();
    assert_eq!(shared.lock().gathering, [first.handle().id()]);
    drop(entered);
    drop(first);
    assert!(shared.lock().gathering.is_empty());
    let working = Arc::clone(&shared);
    let thread = thread::spawn(move || working.work());
    let answer = runtime().block_on(&mut waiting.reply).unwrap();
    assert!(matches!(answer, Reply::Done(Ok(_), Some(_))));
    assert_ne!(ran.lock().unwrap()[0], thread::current().id());
    shared.close();
    thread.join().unwrap();
}
