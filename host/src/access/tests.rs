//! What is admitted and what is not, without HTTP around it.

use std::net::Ipv4Addr;

use super::*;
use crate::access::pattern::Pattern;
use crate::access::rate::Limit;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn key(name: &str) -> Key {
    Key {
        name: name.to_owned(),
        digest: keys::digest(format!("token of {name}").as_bytes()),
        models: None,
        admin: false,
        limit: Limit::default(),
        expires: None,
    }
}

fn access(keys: Vec<Key>) -> Access {
    let source = KeySource { file: PathBuf::new(), keys: ArcSwap::from_pointee(Keys::new(keys)) };
    Access { keys: Some(source), ..Access::default() }
}

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(
        hyper::header::HeaderName::from_static(name),
        HeaderValue::from_str(value).unwrap(),
    )])
}

fn admit(access: &Access, name: &'static str, value: &str) -> Result<String, Refusal> {
    access.admit(Need::Key, PEER, &headers(name, value)).map(|key| key.unwrap().name.clone())
}

#[test]
fn each_token_is_its_own_key_whichever_header_brings_it() {
    let access = access(vec![key("a"), key("b"), key("c")]);
    for name in ["a", "b", "c"] {
        let token = format!("token of {name}");
        assert_eq!(admit(&access, "authorization", &format!("Bearer {token}")).unwrap(), name);
        assert_eq!(admit(&access, "authorization", &format!("bEARER  {token} ")).unwrap(), name);
        assert_eq!(admit(&access, "x-api-key", &token).unwrap(), name);
    }
}

#[test]
fn nothing_and_something_unknown_are_challenged_differently() {
    let access = access(vec![key("a")]);
    let nothing = access.admit(Need::Key, PEER, &HeaderMap::new()).unwrap_err();
    assert_eq!((nothing.fault.kind, nothing.challenge), (FaultKind::Unauthenticated, Some(CHALLENGE)));
    for value in ["Bearer token of b", "Bearer ", "Bearer token of a and more"] {
        let unknown = admit(&access, "authorization", value).unwrap_err();
        assert_eq!(
            (unknown.fault.kind, unknown.challenge),
            (FaultKind::Unauthenticated, Some(INVALID)),
            "{value}"
        );
    }
    for value in ["Basic dG9rZW4=", "token of a", ""] {
        assert_eq!(admit(&access, "authorization", value).unwrap_err().challenge, Some(CHALLENGE), "{value}");
    }
}

#[test]
fn a_key_that_has_expired_is_none() {
    let expired = |name: &str, expires: Timestamp| Key { expires: Some(expires), ..key(name) };
    let access = access(vec![expired("past", Timestamp::UNIX_EPOCH), expired("future", Timestamp::MAX)]);
    assert_eq!(admit(&access, "x-api-key", "token of past").unwrap_err().fault.public, "the key has expired");
    assert_eq!(admit(&access, "x-api-key", "token of future").unwrap(), "future");
}

#[test]
fn only_an_administrator_administers() {
    let access = access(vec![key("a"), Key { admin: true, ..key("root") }]);
    let ask =
        |name: &str| access.admit(Need::Admin, PEER, &headers("x-api-key", &format!("token of {name}")));
    assert_eq!(ask("a").unwrap_err().fault.kind, FaultKind::Forbidden);
    assert!(ask("root").is_ok());
    assert!(access.has_administrator());
}

#[test]
fn the_admin_port_wants_a_key_once_there_is_one_for_it_and_always_where_others_reach_it() {
    let nothing = HeaderMap::new();
    let admitted = |access: &Access, need, exposed, headers: &HeaderMap| {
        access.admit_to_admin_port(need, exposed, (PEER, headers)).is_ok()
    };
    let without = access(vec![key("a")]);
    assert!(admitted(&without, Need::Admin, false, &nothing));
    assert!(!admitted(&without, Need::Admin, true, &nothing));
    let with = access(vec![key("a"), Key { admin: true, ..key("root") }]);
    let root = headers("x-api-key", "token of root");
    for exposed in [false, true] {
        assert!(!admitted(&with, Need::Admin, exposed, &nothing));
        assert!(!admitted(&with, Need::Admin, exposed, &headers("x-api-key", "token of a")));
        assert!(admitted(&with, Need::Admin, exposed, &root));
        assert!(admitted(&with, Need::Health, exposed, &nothing), "probes bring no keys");
    }
}

#[test]
fn a_model_out_of_scope_is_forbidden_and_so_is_every_model_to_nobody() {
    let scoped = Key { models: Some(vec![Pattern::new("iris*")]), ..key("a") };
    let access = access(vec![]);
    assert!(access.may_use(Some(&scoped), "iris-2").is_ok());
    assert_eq!(access.may_use(Some(&scoped), "fraud").unwrap_err().kind, FaultKind::Forbidden);
    assert_eq!(access.may_use(None, "iris").unwrap_err().kind, FaultKind::Unauthenticated);
    assert!(Access::default().may_use(None, "iris").is_ok());
}

#[test]
fn health_is_open_until_the_operator_closes_it() {
    let mut access = access(vec![key("a")]);
    assert!(access.admit(Need::Health, PEER, &HeaderMap::new()).is_ok());
    access.closed_health = true;
    assert!(access.admit(Need::Health, PEER, &HeaderMap::new()).is_err());
}

#[test]
fn guessing_is_limited_by_address_before_any_key_is_looked_at() {
    let access =
        Access { addresses: Some(AddressLimits::new("2/h".parse().unwrap())), ..access(vec![key("a")]) };
    for _ in 0..2 {
        assert_eq!(admit(&access, "x-api-key", "guess").unwrap_err().fault.kind, FaultKind::Unauthenticated);
    }
    let refusal = admit(&access, "x-api-key", "token of a").unwrap_err();
    assert_eq!(refusal.fault.kind, FaultKind::RateLimited);
    assert!(refusal.retry_after.is_some_and(|seconds| seconds > 0));
}
