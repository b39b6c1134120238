//! The queue against what it promises, with a clock made of numbers.

use std::cell::Cell;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Call {
    number: usize,
    deadline: Instant,
    cancelled: Rc<Cell<bool>>,
    load: Option<Load>,
    /// Calls of the same kind join.
    kind: u8,
    /// Where it was made.
    home: u8,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call with this much time left.
    Push {
        time_left: u64,
        load: Option<Load>,
        kind: u8,
        home: u8,
    },
    /// The caller of one of the calls so far gives up.
    Cancel(usize),
    /// Time passes.
    Wait(u64),
    /// Of all calls, or of those made in one place.
    Take(Option<u8>),
    JoinAtMost(u64),
    StopBatching,
    Drain,
}

impl Queued for Call {
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    fn load(&self) -> Option<Load> {
        self.load
    }

    fn joins(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

fn load() -> impl Strategy<Value = Option<Load>> {
    prop_oneof![
        1 => Just(None),
        6 => (1..6u64, 0..20u64).prop_map(|(rows, elements)| Some(Load { rows, elements })),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0..20u64, load(), 0..2u8, 0..2u8).prop_map(|(time_left, load, kind, home)| Step::Push {
        time_left,
        load,
        kind,
        home,
    });
    let step = prop_oneof![
        80 => push,
        20 => (0..100usize).prop_map(Step::Cancel),
        20 => (0..10u64).prop_map(Step::Wait),
        50 => prop::option::of(0..2u8).prop_map(Step::Take),
        2 => (0..60u64).prop_map(Step::JoinAtMost),
        1 => Just(Step::StopBatching),
        5 => Just(Step::Drain),
    ];
    vec(step, 0..100)
}

fn limits() -> impl Strategy<Value = BatchLimits> {
    (0..12u64, 0..60u64, 0..8u64).prop_map(|(rows, elements, delay)| BatchLimits {
        rows,
        elements,
        delay: Duration::from_millis(delay),
    })
}

/// What every batch must be: alive, one kind, within the limits unless it is one call.
fn check_batch(batch: &[Call], limits: BatchLimits, now: Instant) -> Result<(), TestCaseError> {
    for call in batch {
        prop_assert!(call.deadline > now && !call.cancelled.get());
    }
    if batch.len() > 1 {
        let loads = batch.iter().map(|call| call.load).collect::<Option<Vec<_>>>();
        prop_assert!(loads.is_some(), "a call without a load is run alone: {batch:?}");
        let loads = loads.unwrap_or_default();
        prop_assert!(loads.iter().map(|load| load.rows).sum::<u64>() <= limits.rows);
        prop_assert!(loads.iter().map(|load| load.elements).sum::<u64>() <= limits.elements);
        prop_assert!(batch.iter().all(|call| call.kind == batch[0].kind));
        prop_assert!(batch.is_sorted_by_key(|call| call.number));
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_call_leaves_once_and_only_live_ones_are_run(steps in steps(), bound in 0..6usize, limits in limits()) {
        let asked = limits;
        let mut limits = limits;
        let mut queue = Queue::new(bound, limits);
        let mut now = Instant::now();
        let mut calls: Vec<Call> = Vec::new();
        // The calls that wait, in order of arrival.
        let mut waiting: Vec<Call> = Vec::new();
        for step in steps {
            match step {
                Step::Push { time_left, load, kind, home } => {
                    let deadline = now + Duration::from_millis(time_left);
                    let call = Call { number: calls.len(), deadline, cancelled: Rc::default(), load, kind, home };
                    calls.push(call.clone());
                    let refused = queue.push(call.clone(), now).err();
                    prop_assert_eq!(refused.is_some(), waiting.len() >= bound);
                    if refused.is_none() {
                        waiting.push(call);
                    }
                }
                Step::Cancel(number) => {
                    if let Some(call) = calls.get(number) {
                        call.cancelled.set(true);
                    }
                }
                Step::Wait(time) => now += Duration::from_millis(time),
                Step::Take(home) => {
                    let such = |call: &Call| home.is_none_or(|home| home == call.home);
                    let Taken { batch, late } = queue.take(now, such);
                    prop_assert!(batch.iter().chain(&late).all(such));
                    check_batch(&batch, limits, now)?;
                    for call in &late {
                        prop_assert!(call.deadline <= now || call.cancelled.get());
                    }
                    // Nobody such overtakes the first that is alive, and it is always run.
                    let first = waiting.iter().find(|call| such(call) && call.deadline > now && !call.cancelled.get());
                    prop_assert_eq!(first.map(|call| call.number), batch.first().map(|call| call.number));
                    for call in batch.iter().chain(&late) {
                        let place = waiting.iter().position(|waiting| waiting.number == call.number);
                        prop_assert!(place.is_some(), "{call:?} left twice");
                        waiting.remove(place.unwrap_or_default());
                    }
                }
                Step::JoinAtMost(elements) => {
                    queue.join_at_most(elements);
                    limits.elements = if limits.rows == 1 && limits.elements == 0 { 0 } else { asked.elements.min(elements) };
                }
                Step::StopBatching => {
                    queue.stop_batching();
                    limits = BatchLimits { rows: 1, elements: 0, delay: Duration::ZERO };
                }
                Step::Drain => {
                    let left: Vec<_> = queue.drain().iter().map(|call| call.number).collect();
                    prop_assert_eq!(left, waiting.drain(..).map(|call| call.number).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(queue.next(now) == Next::Idle, waiting.is_empty());
            if let Next::Wait(until) = queue.next(now) {
                prop_assert!(until > now && until <= now + limits.delay);
            }
        }
        let left: Vec<_> = queue.drain().iter().map(|call| call.number).collect();
        prop_assert_eq!(left, waiting.iter().map(|call| call.number).collect::<Vec<_>>());
    }
}

const LIMITS: BatchLimits = BatchLimits { rows: 4, elements: 100, delay: Duration::from_millis(10) };

fn call(number: usize, now: Instant, rows: u64, kind: u8) -> Call {
    let deadline = now + Duration::from_secs(1);
    Call {
        number,
        deadline,
        cancelled: Rc::default(),
        load: Some(Load { rows, elements: rows }),
        kind,
        home: 0,
    }
}

#[test]
fn without_a_delay_nobody_waits_for_company() {
    let now = Instant::now();
    let mut queue = Queue::new(8, BatchLimits { delay: Duration::ZERO, ..LIMITS });
    assert_eq!(queue.next(now), Next::Idle);
    queue.push(call(0, now, 1, 0), now).unwrap();
    assert_eq!(queue.next(now), Next::Take);
}

#[test]
fn with_a_delay_the_first_waits_until_it_is_over_or_the_batch_is_full() {
    let now = Instant::now();
    let mut queue = Queue::new(8, LIMITS);
    queue.push(call(0, now, 1, 0), now).unwrap();
    queue.push(call(1, now, 1, 1), now).unwrap();
    assert_eq!(queue.next(now), Next::Wait(now + LIMITS.delay));
    assert_eq!(queue.next(now + LIMITS.delay), Next::Take);
    // One that joins and does not fit ends the waiting, too.
    for rows in [3, 4] {
        let mut queue = Queue::new(8, LIMITS);
        queue.push(call(0, now, 1, 0), now).unwrap();
        queue.push(call(1, now, rows, 0), now).unwrap();
        assert_eq!(queue.next(now), Next::Take, "{rows} rows");
    }
}

#[test]
fn what_does_not_join_keeps_its_place_and_is_next() {
    let now = Instant::now();
    let mut queue = Queue::new(8, LIMITS);
    for (number, kind) in [0, 1, 0, 1, 0].into_iter().enumerate() {
        queue.push(call(number, now, 1, kind), now).unwrap();
    }
    let mut numbers = || queue.take(now, |_| true).batch.iter().map(|call| call.number).collect::<Vec<_>>();
    assert_eq!(numbers(), [0, 2, 4]);
    assert_eq!(numbers(), [1, 3]);
}
