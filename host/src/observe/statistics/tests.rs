//! What is recorded is there, once, whoever recorded it.

use super::*;

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn stages() -> Stages {
    Stages {
        read: milliseconds(1),
        decode: milliseconds(1),
        queue: milliseconds(2),
        compute: milliseconds(3),
        guest: milliseconds(4),
        encode: milliseconds(5),
        rows: 7,
        runs: 1,
        memory_bytes: 1 << 20,
        predicted: true,
        ..Stages::default()
    }
}

#[test]
fn every_threads_requests_are_counted_once() {
    let statistics = Statistics::default();
    std::thread::scope(|scope| {
        for protocol in [(0, "mlflow"), (3, "v2"), (3, "v2"), (PROTOCOLS, "one too many")] {
            let statistics = &statistics;
            scope.spawn(move || {
                for status in [200, 200, 503, 999] {
                    let stages = stages();
                    statistics.record(&Record { protocol, status, total: milliseconds(20), stages: &stages });
                }
            });
        }
    });
    let totals = statistics.totals();
    let expected = [
        ("mlflow", 0, 1),
        ("mlflow", 200, 2),
        ("mlflow", 503, 1),
        ("v2", 0, 2),
        ("v2", 200, 4),
        ("v2", 503, 2),
    ];
    assert_eq!(totals.requests, expected);
    // Those of a protocol that has no place are counted in all else.
    assert_eq!((totals.total.count(), totals.rows), (16, 8 * 7));
    assert!(totals.stages.iter().all(|stage| stage.count() == 16));
    let mut twice = totals.clone();
    twice.add(&totals);
    assert_eq!((twice.requests[1], twice.total.count()), (("mlflow", 200, 4), 32));
}

#[test]
fn every_faults_status_is_told_apart() {
    for kind in mlhost_wire::fault::FaultKind::ALL {
        assert!(STATUSES.contains(&kind.status()), "{kind:?}");
    }
}

#[test]
fn recording_a_request_takes_less_than_a_microsecond() {
    let statistics = Statistics::default();
    let stages = stages();
    let record = Record { protocol: (0, "mlflow"), status: 200, total: milliseconds(20), stages: &stages };
    // The fastest of many: others have the machine meanwhile, too.
    let fastest = (0..1000)
        .map(|_| {
            let began = std::time::Instant::now();
            (0..100).for_each(|_| statistics.record(std::hint::black_box(&record)));
            began.elapsed() / 100
        })
        .min()
        .unwrap();
    println!("{fastest:?} a request");
    assert!(fastest < Duration::from_micros(1), "{fastest:?}");
}

#[test]
fn a_snapshot_says_what_tritons_statistics_say() {
    let statistics = Statistics::default();
    assert_eq!(statistics.snapshot(&[]), Snapshot::default());
    let record = |status, stages: &Stages| {
        statistics.record(&Record { protocol: (0, "v2"), status, total: milliseconds(20), stages });
    };
    record(200, &stages());
    record(200, &stages());
    record(500, &Stages { trap: Some(TrapKind::Memory), ..stages() });
    // A request that asks no model says nothing about it.
    record(200, &Stages::default());
    let sizes = [SizeCount { rows: 14, runs: 1, time: milliseconds(3) }];
    let found = statistics.snapshot(&sizes);
    let tally = |count, time: u64| Tally { count, nanoseconds: time * 1_000_000 };
    assert!(found.last_inference > 1_700_000_000_000, "{found:?}");
    let expected = Snapshot {
        last_inference: found.last_inference,
        inference_count: 14,
        execution_count: 1,
        success: tally(2, 40),
        fail: tally(1, 20),
        queue: tally(2, 4),
        compute_input: tally(2, 2),
        compute_infer: tally(2, 14),
        compute_output: tally(2, 10),
        batches: vec![SizeTally { size: 14, compute_infer: tally(1, 3) }],
    };
    assert_eq!(found, expected);
    assert_eq!(statistics.totals().traps, [0, 1, 0, 0, 0]);
}

#[test]
fn a_stage_that_was_not_reached_is_not_counted() {
    let statistics = Statistics::default();
    let stages = Stages { memory_bytes: 0, guest: Duration::ZERO, ..stages() };
    statistics.record(&Record { protocol: (0, "v2"), status: 200, total: milliseconds(1), stages: &stages });
    let totals = statistics.totals();
    assert_eq!((totals.stages[Stage::Guest as usize].count(), totals.memory.count()), (0, 0));
    assert_eq!(totals.stages[Stage::Compute as usize].count(), 1);
}
