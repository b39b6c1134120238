//! Requests that name no version, dealt out between versions; and a shadow, whose answers nobody sees.

use super::Folder;
use super::folder::{answers, infer, metric_if_any, wait_until};

#[test]
fn a_canary_gets_its_share_and_whoever_asks_for_it_by_a_header() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.add("iris/2");
    folder.write(
        "iris/mlhost.toml",
        "[[routes]]\nheader = \"X-Canary\"\nvalue = \"yes\"\nversion = 2\n[split]\n1 = 90\n2 = 10\n",
    );
    let server = folder.serve(&[]);
    let second = (0..100).filter(|_| answers(&server, "iris", &[]) == "2").count();
    assert!((9..=11).contains(&second), "{second} of 100");
    assert_eq!(answers(&server, "iris", &[("x-canary", "yes")]), "2");
    for version in ["1", "2"] {
        assert_eq!(answers(&server, &format!("iris/versions/{version}"), &[("x-canary", "yes")]), version);
    }
}

#[test]
fn a_canary_that_cannot_be_loaded_leaves_all_requests_to_the_others() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.write("iris/mlhost.toml", "versions = [1]\n[split]\n1 = 50\n2 = 50\n");
    let server = folder.serve(&["--repository-mode", "poll", "--repository-poll", "50ms", "--skip-broken"]);
    assert!((0..20).all(|_| answers(&server, "iris", &[]) == "1"));
    folder.add("iris/2");
    wait_until(&server, "shared", || answers(&server, "iris", &[]) == "2");
}

#[test]
fn a_shadow_is_asked_and_compared_and_never_answers() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.add_with("iris/2", "one\ntwo\nthree\n");
    folder.add("iris/3");
    folder.write("iris/mlhost.toml", "default = 1\n[shadow]\nversion = 2\n");
    let server = folder.serve(&["--repository-mode", "poll", "--repository-poll", "50ms"]);
    for _ in 0..20 {
        let answer = infer(&server, "iris", &[]);
        assert!(answer.status == 200 && answer.body.contains("setosa"), "{answer:?}");
    }
    let compared = |version: &str, outcome: &str| {
        let name = format!(
            "mlhost_shadow_comparisons_total{{model=\"iris\",version=\"{version}\",outcome=\"{outcome}\"}}"
        );
        metric_if_any(&server, &name).unwrap_or_default()
    };
    wait_until(&server, "compared", || compared("2", "different") + compared("2", "shed") >= 20.0);
    assert!(compared("2", "different") >= 1.0 && compared("2", "same") == 0.0);
    // What the shadow answered is no request of anybody's.
    assert!(
        !server
            .admin("GET", "/metrics", &[], b"")
            .body
            .lines()
            .any(|line| { line.starts_with("mlhost_requests_total{model=\"iris\",version=\"2\"") })
    );
    folder.write("iris/mlhost.toml", "default = 1\n[shadow]\nversion = 3\n");
    wait_until(&server, "the same", || {
        infer(&server, "iris", &[]);
        compared("3", "same") >= 1.0
    });
    // Whoever names a version gets it, and nothing is mirrored.
    assert_eq!(answers(&server, "iris/versions/3", &[]), "3");
}
