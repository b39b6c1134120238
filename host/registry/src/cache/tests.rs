//! What the cache promises: whole or not there, and never what was changed.

use super::*;

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("models")).unwrap();
    (folder, cache)
}

fn file(cache: &Cache, path: &str, bytes: &[u8]) -> ManifestFile {
    let mut partial = cache.partial("key", path).unwrap();
    partial.restart(Some("\"tag\"".to_owned()), Some(bytes.len() as u64)).unwrap();
    partial.append(bytes).unwrap();
    let sha256 = digest(bytes);
    cache.adopt(&mut partial, &sha256).unwrap();
    ManifestFile { path: path.to_owned(), sha256, size: bytes.len() as u64, tag: None }
}

#[test]
fn a_model_is_made_of_blobs_and_found_again() {
    let (_folder, cache) = cache();
    let files = vec![
        file(&cache, "MLmodel", b"flavors"),
        file(&cache, "data/a", b"same"),
        file(&cache, "data/b", b"same"),
    ];
    let manifest = Manifest { files, ..Manifest::default() };
    assert_eq!(cache.folder(&manifest, "iris"), None);
    let folder = cache.assemble(&manifest, "iris").unwrap();
    assert_eq!(fs::read(folder.join("data/b")).unwrap(), b"same");
    assert_eq!(cache.folder(&manifest, "iris"), Some(folder.clone()));
    assert_eq!(cache.assemble(&manifest, "iris").unwrap(), folder);
    assert_eq!(fs::read_dir(cache.root.join("staging")).unwrap().count(), 0);
}

#[test]
fn what_was_changed_in_the_cache_is_found_out_and_made_anew() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, cache) = cache();
    let one = file(&cache, "MLmodel", b"flavors");
    let manifest = Manifest { files: vec![one.clone()], ..Manifest::default() };
    let folder = cache.assemble(&manifest, "iris").unwrap();
    let path = folder.join("MLmodel");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    // The same length, through the link: the blob is changed with it.
    fs::write(&path, b"flavorz").unwrap();
    assert_eq!(cache.folder(&manifest, "iris"), None);
    assert!(!folder.exists());
    assert!(!cache.has(&one));
    file(&cache, "MLmodel", b"flavors");
    assert!(cache.has(&one));
    assert_eq!(fs::read(cache.assemble(&manifest, "iris").unwrap().join("MLmodel")).unwrap(), b"flavors");
}

#[test]
fn a_partial_download_is_kept_with_its_version_or_not_at_all() {
    let (_folder, cache) = cache();
    let mut partial = cache.partial("key", "file").unwrap();
    partial.restart(Some("\"one\"".to_owned()), Some(10)).unwrap();
    partial.append(b"12345").unwrap();
    drop(partial);
    let partial = cache.partial("key", "file").unwrap();
    assert_eq!((partial.length(), partial.tag(), partial.resumes_at()), (5, Some("\"one\""), 5));
    drop(partial);
    // Bytes whose version nobody knows are not gone on with.
    for entry in fs::read_dir(cache.root.join("partial")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(cache.partial("key", "file").unwrap().length(), 0);
}

#[tokio::test]
async fn one_location_is_downloaded_by_one_process_at_a_time() {
    let (_folder, cache) = cache();
    let lock = cache.lock("key").await.unwrap();
    let other = cache.clone();
    let waits = tokio::spawn(async move { other.lock("key").await.unwrap() });
    tokio::time::sleep(3 * LOOK).await;
    assert!(!waits.is_finished());
    cache.lock("another").await.unwrap();
    drop(lock);
    waits.await.unwrap();
}
