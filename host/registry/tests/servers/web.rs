//! Archives over HTTP.

use std::io::Write as _;

use super::*;
use fake::Answer;

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in [("iris/MLmodel", &b"flavors"[..]), ("iris/data/model.onnx", b"onnx")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_archive_is_downloaded_unpacked_and_asked_for_again_only_when_it_changed() {
    let cache = tempfile::tempdir().unwrap();
    let bytes = archive();
    let fake = Fake::start(move |asked| match asked.header("if-none-match") {
        Some("\"one\"") => Answer::status(304),
        _ => Answer::range(asked, "\"one\"", &bytes).breaking_after(if asked.header("range").is_some() {
            usize::MAX
        } else {
            30
        }),
    });
    // A presigned URL's signature is another each time.
    let first = fetch(settings(&fake, cache.path()), &fake.url("/m.tar.gz?sig=hunter2")).await.unwrap();
    assert_eq!(fs::read(first.path.join("data/model.onnx")).unwrap(), b"onnx");
    assert_eq!(first.path.file_name().unwrap(), "m");
    assert_eq!(fake.asked().len(), 2, "broken off once, and gone on with");
    let again = fetch(settings(&fake, cache.path()), &fake.url("/m.tar.gz?sig=other")).await.unwrap();
    assert_eq!((again.cached, &again.path), (true, &first.path));
    assert_eq!(fake.asked().last().unwrap().header("if-none-match"), Some("\"one\""));
    let kept = fs::read_dir(cache.path().join("models/locations")).unwrap();
    for entry in kept {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains("hunter2"));
    }
}

#[tokio::test]
async fn an_archive_that_is_not_there_is_said_without_its_signature() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| Answer::status(404));
    let error = said(fetch(settings(&fake, cache.path()), &fake.url("/m.zip?sig=hunter2")).await);
    assert!(error.contains("/m.zip") && !error.contains("hunter2"), "{error}");
}
