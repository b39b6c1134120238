//! The queue against a model of it, with a clock made of numbers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Call {
    number: usize,
    deadline: Instant,
    cancelled: Rc<Cell<bool>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call with this much time left.
    Push(u64),
    /// The caller of one of the calls so far gives up.
    Cancel(usize),
    /// Time passes.
    Wait(u64),
    Take,
    Drain,
}

impl Queued for Call {
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..20u64).prop_map(Step::Push),
        2 => (0..100usize).prop_map(Step::Cancel),
        2 => (0..10u64).prop_map(Step::Wait),
        4 => Just(Step::Take),
        1 => Just(Step::Drain),
    ];
    vec(step, 0..100)
}

proptest! {
    #[test]
    fn every_call_leaves_once_in_order_and_only_live_ones_are_run(steps in steps(), bound in 0..6usize) {
        let mut queue = Queue::new(bound);
        let mut now = Instant::now();
        let mut calls: Vec<Call> = Vec::new();
        // Numbers of the calls accepted, and of those that left, in order.
        let (mut accepted, mut left) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Push(time_left) => {
                    let deadline = now + Duration::from_millis(time_left);
                    let call = Call { number: calls.len(), deadline, cancelled: Rc::default() };
                    calls.push(call.clone());
                    let waiting = accepted.len() - left.len();
                    match queue.push(call) {
                        Ok(()) => {
                            prop_assert!(waiting < bound);
                            accepted.push(calls.len() - 1);
                        }
                        Err(refused) => {
                            prop_assert_eq!(waiting, bound);
                            prop_assert_eq!(refused.number, calls.len() - 1);
                        }
                    }
                }
                Step::Cancel(number) => {
                    if let Some(call) = calls.get(number) {
                        call.cancelled.set(true);
                    }
                }
                Step::Wait(time) => now += Duration::from_millis(time),
                Step::Take => {
                    let Taken { ready, late } = queue.take(now);
                    for call in &late {
                        prop_assert!(call.deadline <= now || call.cancelled.get());
                    }
                    if let Some(call) = &ready {
                        prop_assert!(call.deadline > now && !call.cancelled.get());
                    } else {
                        prop_assert!(queue.is_empty());
                    }
                    left.extend(late.iter().chain(&ready).map(|call| call.number));
                }
                Step::Drain => {
                    left.extend(queue.drain().iter().map(|call| call.number));
                    prop_assert!(queue.is_empty());
                }
            }
            prop_assert_eq!(&left[..], &accepted[..left.len()]);
        }
        left.extend(queue.drain().iter().map(|call| call.number));
        prop_assert_eq!(left, accepted);
    }
}
