//! More requests than there is room for: the ones over it are told so at once, and the others are not disturbed.

use crate::running::{Running, models};

const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

#[test]
fn a_request_without_room_is_503_with_retry_after_at_once() {
    let spin = models().join("hostile/infinite_loop/component.wasm");
    let server =
        Running::start(&["--component", spin.to_str().unwrap(), "--max-requests", "1", "--timeout", "3s"]);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..4).map(|_| scope.spawn(|| server.invoke(ROW))).collect();
        sent.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let with = |status| answers.iter().filter(move |answer| answer.status == status);
    assert!(with(504).count() >= 1, "the one that found room spun until its deadline: {answers:?}");
    assert_eq!(with(503).count() + with(504).count(), 4, "{answers:?}");
    let refused = with(503).next().expect("four at once do not fit into one place");
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[test]
fn other_requests_are_answered_while_guests_spin() {
    let directory = models().join("hostile/infinite_loop/component.wasm");
    let server = Running::start(&["--component", directory.to_str().unwrap(), "--timeout", "2s"]);
    std::thread::scope(|scope| {
        // More spinning guests than there are workers to run them.
        let spinning: Vec<_> = (0..8).map(|_| scope.spawn(|| server.invoke(ROW).status)).collect();
        for _ in 0..50 {
            assert_eq!(server.get("/ping").status, 200);
        }
        for status in spinning {
            assert_eq!(status.join().unwrap(), 504);
        }
    });
}
