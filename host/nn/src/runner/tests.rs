//! The runner with a stand-in for the session, which runs when it is told to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use super::*;

/// A run says its number (the only output asked for) and waits to be told what to do.
struct StandIn {
    started: Sender<usize>,
    orders: Receiver<Order>,
    switch: Arc<CountingSwitch>,
}

enum Order {
    Answer,
    Panic,
}

#[derive(Default)]
struct CountingSwitch {
    stops: AtomicUsize,
    resets: AtomicUsize,
}

/// The test's ends of a stand-in. `started` ends when the runner's thread does.
struct Controls {
    started: Receiver<usize>,
    orders: Sender<Order>,
    switch: Arc<CountingSwitch>,
}

impl Execute for StandIn {
    fn execute(&mut self, job: &Job) -> Outcome {
        self.started.send(job.outputs[0]).unwrap();
        match self.orders.recv().unwrap() {
            Order::Answer => Ok(vec![]),
            Order::Panic => panic!("the run's own words"),
        }
    }

    fn switch(&self) -> Arc<dyn Switch> {
        Arc::clone(&self.switch) as Arc<dyn Switch>
    }

    fn shared_outputs(&self) -> Vec<bool> {
        vec![]
    }
}

impl Switch for CountingSwitch {
    fn stop(&self) {
        self.stops.fetch_add(1, Ordering::SeqCst);
    }

    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::SeqCst);
    }
}

fn start(max_queue: usize) -> (Arc<Runner>, Controls) {
    let (started, started_receiver) = channel();
    let (orders_sender, orders) = channel();
    let switch = Arc::<CountingSwitch>::default();
    let stand_in = StandIn { started, orders, switch: Arc::clone(&switch) };
    let limits = BatchLimits { rows: 1, elements: 1, delay: Duration::ZERO };
    let runner = Arc::new(
        Runner::start("test", RunnerOptions { max_queue, limits, inline: false }, stand_in).unwrap(),
    );
    (runner, Controls { started: started_receiver, orders: orders_sender, switch })
}

fn job(number: usize) -> Job {
    Job { inputs: vec![], outputs: vec![number] }
}

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Submits in a task; the order of pushes is that of the calls, since each is polled once before this returns.
fn submit(runner: &Arc<Runner>, number: usize, deadline: Instant) -> tokio::task::JoinHandle<Outcome> {
    let runner = Arc::clone(runner);
    let mut call: Pin<Box<dyn Future<Output = Outcome> + Send>> =
        Box::pin(async move { runner.submit(job(number), deadline, &mut Spent::default()).await });
    if let std::task::Poll::Ready(outcome) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return tokio::spawn(async { outcome });
    }
    tokio::spawn(call)
}

#[tokio::test]
async fn a_panicking_run_is_an_error_and_the_next_one_runs() {
    let (runner, controls) = start(8);
    let (first, second) = (submit(&runner, 1, in_an_hour()), submit(&runner, 2, in_an_hour()));
    controls.orders.send(Order::Panic).unwrap();
    controls.orders.send(Order::Answer).unwrap();
    let message = "panicked: the run's own words".to_owned();
    assert_eq!(first.await.unwrap(), Err(NnError::Runtime { graph: "test".into(), message }));
    assert_eq!(second.await.unwrap(), Ok(vec![]));
}

#[tokio::test]
async fn one_call_more_than_the_queue_holds_is_refused() {
    let (runner, controls) = start(2);
    let running = submit(&runner, 0, in_an_hour());
    // Only now is the first call out of the queue.
    assert_eq!(controls.started.recv(), Ok(0));
    let waiting = [submit(&runner, 1, in_an_hour()), submit(&runner, 2, in_an_hour())];
    assert_eq!(submit(&runner, 3, in_an_hour()).await.unwrap(), Err(NnError::QueueFull));
    for _ in 0..3 {
        controls.orders.send(Order::Answer).unwrap();
    }
    assert_eq!(running.await.unwrap(), Ok(vec![]));
    for call in waiting {
        assert_eq!(call.await.unwrap(), Ok(vec![]));
    }
}

#[tokio::test]
async fn a_call_whose_deadline_passed_in_the_queue_is_answered_and_never_run() {
    let (runner, controls) = start(8);
    let first = submit(&runner, 1, in_an_hour());
    assert_eq!(controls.started.recv(), Ok(1));
    let late = submit(&runner, 2, Instant::now() + Duration::from_millis(5));
    assert_eq!(late.await.unwrap(), Err(NnError::Deadline));
    let third = submit(&runner, 3, in_an_hour());
    controls.orders.send(Order::Answer).unwrap();
    controls.orders.send(Order::Answer).unwrap();
    assert_eq!(first.await.unwrap(), Ok(vec![]));
    assert_eq!(third.await.unwrap(), Ok(vec![]));
    assert_eq!(controls.started.recv(), Ok(3));
    assert_eq!(controls.switch.stops.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_call_that_is_late_already_is_refused() {
    let (runner, _controls) = start(8);
    assert_eq!(runner.submit(job(1), Instant::now(), &mut Spent::default()).await, Err(NnError::Deadline));
}

#[tokio::test]
async fn giving_up_on_a_run_stops_it_and_the_switch_is_reset_for_the_next() {
    let (runner, controls) = start(8);
    let first = submit(&runner, 1, in_an_hour());
    assert_eq!(controls.started.recv(), Ok(1));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(controls.switch.stops.load(Ordering::SeqCst), 1);
    assert_eq!(controls.switch.resets.load(Ordering::SeqCst), 0);
    controls.orders.send(Order::Answer).unwrap();
    controls.orders.send(Order::Answer).unwrap();
    assert_eq!(submit(&runner, 2, in_an_hour()).await.unwrap(), Ok(vec![]));
    assert_eq!(controls.switch.resets.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn giving_up_on_a_waiting_call_does_not_stop_the_run_before_it() {
    let (runner, controls) = start(8);
    let first = submit(&runner, 1, in_an_hour());
    assert_eq!(controls.started.recv(), Ok(1));
    let second = submit(&runner, 2, in_an_hour());
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    assert_eq!(controls.switch.stops.load(Ordering::SeqCst), 0);
    controls.orders.send(Order::Answer).unwrap();
    assert_eq!(first.await.unwrap(), Ok(vec![]));
    drop(runner);
    // The thread ended without a second run.
    assert!(controls.started.recv().is_err());
}

#[tokio::test]
async fn the_last_handle_waits_for_the_thread() {
    let (runner, controls) = start(8);
    controls.orders.send(Order::Answer).unwrap();
    assert_eq!(runner.submit(job(1), in_an_hour(), &mut Spent::default()).await, Ok(vec![]));
    drop(runner);
    assert_eq!(controls.started.try_recv(), Ok(1));
    let ended = controls.started.try_recv().unwrap_err();
    assert_eq!(ended, std::sync::mpsc::TryRecvError::Disconnected);
}

/// Drops a call, and with it the last handle, where it is woken: on the runner's thread.
struct DropWhenWoken(Mutex<Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>>);

impl Wake for DropWhenWoken {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[tokio::test]
async fn the_last_handle_may_be_dropped_on_the_runners_own_thread() {
    let (runner, controls) = start(8);
    let mut call: Pin<Box<dyn Future<Output = Outcome> + Send>> =
        Box::pin(async move { runner.submit(job(1), in_an_hour(), &mut Spent::default()).await });
    let dropper = Arc::new(DropWhenWoken(Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&dropper));
    assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    *dropper.0.lock().unwrap() = Some(call);
    controls.orders.send(Order::Answer).unwrap();
    assert_eq!(controls.started.recv(), Ok(1));
    // Ends when the thread has dropped its executor, so this hangs if it waited for itself.
    assert!(controls.started.recv().is_err());
}
