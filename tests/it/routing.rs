//! Several versions of one model behind one server of this process: who answers, and that nobody but the counts hears of a
//! shadow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mlhost::access::{Access, AccessConfig};
use mlhost::app::App;
use mlhost::catalog::Catalog;
use mlhost::config::{LimitsAllowed, ServerConfig};
use mlhost::deployment::{Deployment, HeaderRule, Release, Routing, Served, Shadow, Version};
use mlhost::model_source::ModelSource;
use mlhost::observe::metrics::{Metrics, Occupancy, Sources};
use mlhost::observe::{Choice, Comparison, Snapshot};
use mlhost::readiness::Readiness;
use mlhost::serve::handler::Service;
use mlhost::serve::server::Server;
use mlhost_bundle::Bundle;
use mlhost_sandbox::{Engine, EngineOptions};
use tokio::sync::oneshot;

use crate::running::models;

/// What the model is called, whatever its versions were made from.
const NAME: &str = "model";

const BODY: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

/// What the sample `echo` answers to it, and `describe` does not.
const ECHOED: &str = r#"{"predictions": [{"x": 1.5}]}"#;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server in this process.
struct Local {
    address: String,
    deployment: Arc<Deployment>,
    releases: Vec<Arc<Release>>,
    service: Arc<Service>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Local ===

impl Local {
    /// Serves these samples as the versions 1, 2, …, the first of which is the default.
    fn serve(samples: &[&str], routing: &Routing, config: ServerConfig) -> Self {
        let engine = Engine::new(&EngineOptions { instances: 16, scan: false, ..EngineOptions::default() });
        let engine = engine.unwrap();
        let releases = samples.iter().zip(1..).map(|(sample, version)| release(&engine, sample, version));
        let releases: Vec<_> = releases.collect();
        let served = Served::new(releases.clone(), Some("1"), vec![]).routed(routing);
        let deployment = Arc::new(Deployment::of(NAME.to_owned(), served));
        let catalog = Arc::new(Catalog::of_one(Arc::clone(&deployment)));
        let access = Arc::new(Access::new(&AccessConfig::default()).unwrap());
        let service = Arc::new(Service::new(catalog, config, access, Readiness::default()).unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&service);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let drain = Duration::from_secs(10);
                let server =
                    Server { listener, grpc: None, max_connections: 64, tls: None, workers: 2, drain };
                let stopped = async move { drop(stopped.await) };
                assert!(server.run(serving, stopped).await.unwrap(), "not drained");
            });
        });
        Self { address, deployment, releases, service, stop: Some(stop), thread: Some(thread) }
    }

    /// Status and text of one answer.
    fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let agent: ureq::Agent = agent.build().into();
        let request = agent.post(format!("http://{}{path}", self.address));
        let request = request.header("Content-Type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut response = request.send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    fn invoke(&self, headers: &[(&str, &str)]) -> String {
        let (status, text) = self.post("/invocations", BODY, headers);
        assert_eq!(status, 200, "{text}");
        text
    }

    fn choices(&self, version: usize) -> [u64; Choice::ALL.len()] {
        self.releases[version - 1].statistics.totals().choices
    }

    fn comparisons(&self, version: usize) -> [u64; Comparison::ALL.len()] {
        self.releases[version - 1].statistics.totals().comparisons
    }

    /// The comparisons of a version once there are so many.
    fn compared(&self, version: usize, requests: u64) -> [u64; Comparison::ALL.len()] {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.comparisons(version);
            if found.iter().sum::<u64>() >= requests {
                return found;
            }
            assert!(Instant::now() < deadline, "{found:?} of {requests}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server's thread panicked");
        }
    }
}

fn release(engine: &Engine, sample: &str, version: u32) -> Arc<Release> {
    let bundle = Bundle::open(&models().join(sample)).unwrap();
    let source = ModelSource::from_bundle(&bundle, &LimitsAllowed::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut app = runtime.block_on(App::load(source, engine, PATIENCE)).unwrap();
    NAME.clone_into(&mut app.name);
    // What never ends by itself: a second is enough for all others, and the clients of none of these wait for it.
    app.time = sample.ends_with("infinite_loop").then_some(Duration::from_secs(1));
    Arc::new(Release::new(app, Version { uri: sample.to_owned(), number: Some(version.to_string()) }))
}

fn rule(header: &str, value: Option<&str>, version: &str) -> HeaderRule {
    HeaderRule { header: header.to_owned(), value: value.map(str::to_owned), version: version.to_owned() }
}

fn split(weights: &[(&str, u32)]) -> BTreeMap<String, u32> {
    weights.iter().map(|(version, weight)| ((*version).to_owned(), *weight)).collect()
}

/// Every request is to be sent to version 2, too.
fn shadowed() -> Routing {
    let shadow = Shadow { version: "2".to_owned(), share: 1.0, tolerance: 1e-5 };
    Routing::new(vec![], BTreeMap::new(), Some(shadow)).unwrap()
}

#[test]
fn a_header_decides_before_the_split_and_the_requests_own_word_before_both() {
    let rules = vec![rule("X-Canary", Some("yes"), "2")];
    let routing = Routing::new(rules, split(&[("1", 90), ("2", 10)]), None).unwrap();
    let server = Local::serve(&["echo", "describe"], &routing, ServerConfig::default());
    let echoed = (0..100).filter(|_| server.invoke(&[("x-canary", "no")]) == ECHOED).count();
    assert!((89..=91).contains(&echoed), "{echoed} of 100");
    for _ in 0..10 {
        assert!(server.invoke(&[("X-CANARY", "yes")]).contains("DataFrame"));
    }
    let tensors = r#"{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.5]}]}"#;
    let (status, text) = server.post("/v2/models/model/versions/1/infer", tensors, &[("x-canary", "yes")]);
    assert!(status == 200 && text.contains("\"model_version\":\"1\""), "{status} {text}");
    let (status, text) = server.post("/v2/models/model/versions/3/infer", tensors, &[("x-canary", "yes")]);
    assert!(status == 404 && text.contains("no version `3`"), "{status} {text}");
    let echoed = echoed as u64;
    // By version, header, split, default.
    assert_eq!(server.choices(1), [1, 0, echoed, 0]);
    assert_eq!(server.choices(2), [0, 10, 100 - echoed, 0]);
}

#[test]
fn releases_and_routing_change_together_and_without_routing_the_default_answers() {
    let routing = Routing::new(vec![], split(&[("2", 1)]), None).unwrap();
    let server = Local::serve(&["echo", "describe"], &routing, ServerConfig::default());
    let made = server.deployment.last_used();
    assert!(server.invoke(&[]).contains("DataFrame"));
    server.deployment.put(Served::new(server.releases.clone(), Some("1"), vec![]));
    assert_eq!(server.invoke(&[]), ECHOED);
    // Version 2 is gone, and so are its weight and its turn as a shadow.
    let alone = Served::new(server.releases[..1].to_vec(), None, vec![]).routed(&routing);
    assert!(alone.routed(&shadowed()).shadow().is_none());
    server.deployment.put(Served::new(server.releases[..1].to_vec(), None, vec![]).routed(&routing));
    assert_eq!(server.invoke(&[]), ECHOED);
    assert_eq!((server.choices(1), server.choices(2)), ([0, 0, 0, 2], [0, 0, 1, 0]));
    assert!(server.deployment.last_used() >= made && server.deployment.last_used() <= Instant::now());
}

#[test]
fn a_shadow_is_compared_and_never_returned() {
    for (shadow, outcome) in [
        ("echo", Comparison::Same),
        ("describe", Comparison::Different),
        ("hostile/panic", Comparison::Failed),
        ("hostile/reject", Comparison::Failed),
        ("hostile/memory_bomb", Comparison::Failed),
        ("hostile/infinite_loop", Comparison::Failed),
    ] {
        let server = Local::serve(&["echo", shadow], &shadowed(), ServerConfig::default());
        let requests = if shadow.ends_with("infinite_loop") { 3 } else { 10 };
        for _ in 0..requests {
            assert_eq!(server.invoke(&[]), ECHOED, "{shadow}");
        }
        let mut expected = [0; Comparison::ALL.len()];
        expected[outcome as usize] = requests;
        assert_eq!(server.compared(2, requests), expected, "{shadow}");
        // It is in nobody's numbers.
        let totals = server.releases[1].statistics.totals();
        assert_eq!((totals.requests, totals.rows, totals.total.count()), (vec![], 0, 0), "{shadow}");
        assert!(totals.traps.iter().all(|count| *count == 0), "{shadow}: {:?}", totals.traps);
        assert_eq!(server.releases[1].snapshot(), Snapshot::default(), "{shadow}");
        assert!(server.service.telemetry().limits.all().all(|(_, count)| count == 0), "{shadow}");
        assert_eq!(server.choices(1), [0, 0, 0, requests], "{shadow}");
        assert_eq!(server.service.occupancy().requests.0, 0, "{shadow}: room is given back");
    }
}

#[test]
fn what_failed_and_what_named_its_version_is_not_sent_to_a_shadow() {
    let server = Local::serve(&["hostile/reject", "echo"], &shadowed(), ServerConfig::default());
    for _ in 0..5 {
        let (status, text) = server.post("/invocations", BODY, &[]);
        assert!(status >= 400, "{status} {text}");
    }
    let tensors = r#"{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.5]}]}"#;
    for _ in 0..5 {
        assert_eq!(server.post("/v2/models/model/versions/2/infer", tensors, &[]).0, 200);
    }
    // A shadow that was asked would have been counted by then: it is the same worker's, before the next request.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.comparisons(2), [0; Comparison::ALL.len()]);
    assert_eq!(server.choices(2), [5, 0, 0, 0]);
}

#[test]
fn a_shadow_that_never_ends_keeps_no_request_out() {
    let config = ServerConfig { max_requests: 2, ..ServerConfig::default() };
    let server = Local::serve(&["echo", "hostile/infinite_loop"], &shadowed(), config);
    // As many at one time as there is room for, of which the shadow wants a part.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(server.invoke(&[]), ECHOED)));
        }
    });
    let [same, different, failed, shed] = server.compared(2, 200);
    assert_eq!((same, different), (0, 0));
    assert_eq!(failed + shed, 200);
    assert!(shed >= 100, "{failed} failed, {shed} were shed");
    assert_eq!(server.service.occupancy().requests.0, 0);
}

#[test]
fn what_was_routed_and_compared_is_in_the_metrics_and_outlives_its_version() {
    let server = Local::serve(&["echo", "describe"], &shadowed(), ServerConfig::default());
    let metrics = Metrics::new(Sources {
        catalog: Arc::clone(server.service.catalog()),
        telemetry: Arc::clone(server.service.telemetry()),
        readiness: Readiness::default(),
        occupancy: Box::new(Occupancy::default),
    });
    let scrape = || metrics.encode(None).unwrap().1;
    let before = r#"mlhost_shadow_comparisons_total{model="model",version="2",outcome="different"} 0"#;
    assert!(scrape().contains(before), "{}", scrape());
    (0..3).for_each(|_| drop(server.invoke(&[])));
    server.compared(2, 3);
    let lines = [
        r#"mlhost_model_routed_total{model="model",version="1",by="default"} 3"#,
        r#"mlhost_model_routed_total{model="model",version="2",by="default"} 0"#,
        r#"mlhost_shadow_comparisons_total{model="model",version="2",outcome="different"} 3"#,
        r#"mlhost_shadow_comparisons_total{model="model",version="2",outcome="same"} 0"#,
    ];
    let check = |text: String| {
        for line in lines {
            assert!(text.contains(line), "no {line} in {text}");
        }
        let of_1 = r#"mlhost_shadow_comparisons_total{model="model",version="1""#;
        assert!(!text.contains(of_1), "version 1 is no shadow");
    };
    check(scrape());
    server.deployment.put(Served::default());
    check(scrape());
}
