//! Models within the memory that there is for them: those that nobody asks for make room, and come back when they are asked for.

use super::folder::{answers, index, infer, metric, wait_until};
use super::{Folder, status_of};

/// Three models, room for two.
fn crowded() -> (Folder, String) {
    let folder = Folder::new();
    for model in ["a/1", "b/1", "c/1"] {
        folder.add(model);
    }
    let memory = format!("{}B", folder.bytes("a") * 5 / 2);
    (folder, memory)
}

#[test]
fn the_least_recently_used_model_makes_room_and_a_request_brings_it_back() {
    let (folder, memory) = crowded();
    let server = folder.serve(&["--model-memory", &memory]);
    // The last one found no room; nobody had asked for any.
    assert_eq!(index(&server), ["a/1 READY", "b/1 READY", "c/1 UNAVAILABLE"]);
    assert_eq!((answers(&server, "b", &[]), answers(&server, "a", &[])), ("1".to_owned(), "1".to_owned()));
    let answer = infer(&server, "c", &[]);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.iter().any(|(name, value)| name == "retry-after" && value == "1"), "{answer:?}");
    wait_until(&server, "loaded", || status_of(&server, "c") == 200);
    assert_eq!(index(&server), ["a/1 READY", "b/1 UNAVAILABLE", "c/1 READY"]);
    wait_until(&server, "loaded again", || status_of(&server, "b") == 200);
    assert_eq!(index(&server), ["a/1 UNAVAILABLE", "b/1 READY", "c/1 READY"]);
    assert!(metric(&server, "mlhost_model_loads_total{outcome=\"evicted\"}") >= 2.0);
    assert!(metric(&server, "mlhost_model_loads_total{outcome=\"woken\"}") >= 2.0);
    let (used, limit) =
        (metric(&server, "mlhost_model_files_bytes"), metric(&server, "mlhost_model_files_limit_bytes"));
    assert!(used > 0.0 && used <= limit, "{used} of {limit}");
}

#[test]
fn requests_for_more_models_than_there_is_room_for_are_all_answered_in_the_end() {
    let (folder, memory) = crowded();
    let server = folder.serve(&["--model-memory", &memory]);
    std::thread::scope(|scope| {
        for model in ["a", "b", "c"] {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..3 {
                    wait_until(server, "answered", || {
                        let answer = infer(server, model, &[]);
                        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
                        answer.status == 200
                    });
                }
            });
        }
    });
}

#[test]
fn a_model_that_is_larger_than_all_the_room_is_refused() {
    let folder = Folder::new();
    folder.add("iris/1");
    let memory = format!("{}B", folder.bytes("iris") / 2);
    let said = folder.fails(&["--model-memory", &memory]);
    assert!(said.contains("there is no room for model `iris`") && said.contains("--model-memory"), "{said}");
}
