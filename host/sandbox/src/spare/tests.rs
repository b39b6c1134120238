//! When a spare is made and what becomes of it, with the samples `echo` and `hostile/infinite_loop`; no graph, so no ONNX
//! Runtime.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlhost_nn::Graphs;
use mlhost_wire::values::{Blob, Call, Input, Output};

use super::*;
use crate::engine::{Engine, EngineOptions};
use crate::error::SandboxError;
use crate::guest::{Guest, GuestSource};
use crate::limits::Limits;
use crate::wasi::WasiGrants;

async fn guest(sample: &str, instances: u32) -> Arc<Guest> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(sample);
    let component = fs::read(folder.join("component.wasm")).unwrap();
    let engine = Engine::new(&EngineOptions { instances, ..Default::default() }).unwrap();
    let source = GuestSource {
        name: sample,
        component: &component,
        graphs: Graphs::new(Vec::new()),
        artifacts: BTreeMap::new(),
        model_config: "{}".to_owned(),
        grants: WasiGrants::default(),
        limits: Limits::default(),
    };
    Guest::load(&engine, source, Duration::from_secs(60)).await.unwrap()
}

fn call(text: &str) -> Call {
    let blob = Blob { content_type: "text/plain".to_owned(), data: text.as_bytes().to_vec() };
    Call { input: Input::Blob(blob), params: Vec::new() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn echo(guest: &Arc<Guest>, text: &str) {
    let answer = guest.predict(&call(text), soon()).await.unwrap();
    let Output::Blob(blob) = answer.output else { panic!("a blob was sent") };
    assert_eq!(blob.data, text.as_bytes());
}

/// Until what was spawned is done.
async fn idle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_alone_leaves_a_spare_and_the_next_one_takes_it() {
    // The call before and its spare: there is room for no third one.
    let guest = guest("echo", 2).await;
    assert!(guest.shelf().is_empty());
    for text in ["a", "b", "c"] {
        echo(&guest, text).await;
        // Not before the answer is out.
        assert!(guest.shelf().is_empty());
        idle().await;
        assert!(!guest.shelf().is_empty());
    }
}

#[tokio::test]
async fn calls_without_a_pause_between_them_leave_one_instance_to_be_dropped() {
    // That one, the call's and a spare.
    let guest = guest("echo", 3).await;
    for _ in 0..100 {
        echo(&guest, "a").await;
    }
    idle().await;
    assert!(!guest.shelf().is_empty());
}

#[tokio::test]
async fn where_another_call_is_under_way_there_is_none() {
    let guest = guest("echo", 4).await;
    let other = guest.engine().ticker.running();
    echo(&guest, "a").await;
    idle().await;
    assert!(guest.shelf().is_empty());
    drop(other);
    echo(&guest, "b").await;
    idle().await;
    assert!(!guest.shelf().is_empty());
}

#[tokio::test]
async fn a_call_in_a_spare_ends_at_its_own_deadline() {
    let guest = guest("hostile/infinite_loop", 4).await;
    guest.make_spare().await.unwrap();
    // The spare's own deadline is over by now, and many ticks are.
    tokio::time::sleep(PATIENCE + Duration::from_millis(50)).await;
    let began = Instant::now();
    let time = Duration::from_millis(200);
    let outcome = guest.predict(&call("a"), began + time).await;
    assert!(matches!(outcome, Err(SandboxError::Deadline)), "{outcome:?}");
    assert!(began.elapsed() >= time, "after {:?}", began.elapsed());
}
