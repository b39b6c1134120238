//! What the cache gives back, and what it refuses, on real folders.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::thread;

use super::*;

fn name(of: &str) -> EntryName {
    let mut digest = Digest::new();
    digest.field(of.as_bytes());
    EntryName::new(Kind::Component, digest)
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache/code");
    (parent, folder)
}

fn loaded(cache: &CodeCache, name: &EntryName) -> Option<Vec<u8>> {
    cache.load(name).map(|code| code.0)
}

fn refusal(folder: &Path) -> String {
    match CodeCache::open(folder) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error.to_string(),
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn code_comes_back_as_it_was_kept_in_a_folder_that_is_ours_alone() {
    let (_parent, folder) = folder();
    let cache = CodeCache::open(&folder).unwrap();
    assert_eq!(loaded(&cache, &name("a")), None);
    cache.store(&name("a"), b"code of a").unwrap();
    cache.store(&name("empty"), b"").unwrap();
    // Another process.
    let cache = CodeCache::open(&folder).unwrap();
    assert_eq!(loaded(&cache, &name("a")).unwrap(), b"code of a");
    assert_eq!(loaded(&cache, &name("empty")).unwrap(), b"");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o7777, 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[test]
fn an_entry_that_is_changed_anywhere_or_cut_short_is_refused_and_removed() {
    let (_parent, folder) = folder();
    let cache = CodeCache::open(&folder).unwrap();
    let path = cache.store(&name("a"), b"code").unwrap();
    let whole = fs::read(&path).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    for position in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[position] ^= 1;
        damaged.push(flipped);
    }
    damaged.push([&whole[..], b"x"].concat());
    for bytes in damaged {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(loaded(&cache, &name("a")), None, "{bytes:?}");
        assert!(!path.exists());
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(loaded(&cache, &name("a")).unwrap(), b"code");
}

#[test]
fn an_entry_from_another_folder_or_under_anothers_name_is_refused() {
    let ((_a, ours), (_b, theirs)) = (folder(), folder());
    let (ours, theirs) = (CodeCache::open(&ours).unwrap(), CodeCache::open(&theirs).unwrap());
    let path = theirs.store(&name("a"), b"code").unwrap();
    fs::copy(&path, ours.path(&name("a"))).unwrap();
    assert_eq!(loaded(&ours, &name("a")), None);
    fs::copy(&path, theirs.path(&name("b"))).unwrap();
    assert_eq!(loaded(&theirs, &name("b")), None);
    assert_eq!(loaded(&theirs, &name("a")).unwrap(), b"code");
}

#[test]
fn what_is_no_file_is_refused() {
    let (_parent, folder) = folder();
    let cache = CodeCache::open(&folder).unwrap();
    let path = cache.store(&name("a"), b"code").unwrap();
    let elsewhere = folder.join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert_eq!(loaded(&cache, &name("a")), None);
    fs::create_dir(&path).unwrap();
    assert_eq!(loaded(&cache, &name("a")), None);
}

#[test]
fn a_folder_or_a_key_that_others_can_use_is_refused() {
    let (parent, folder) = folder();
    drop(CodeCache::open(&folder).unwrap());
    for wrong in [0o720, 0o702, 0o750, 0o777] {
        mode(&folder, wrong);
        let error = refusal(&folder);
        assert!(error.contains("others may use it") && error.contains(folder.to_str().unwrap()), "{error}");
    }
    mode(&folder, 0o700);
    mode(&folder.join("key"), 0o640);
    assert!(refusal(&folder).contains("its key: its mode is 640"));
    mode(&folder.join("key"), 0o600);
    drop(CodeCache::open(&folder).unwrap());
    let link = parent.path().join("link");
    symlink(&folder, &link).unwrap();
    assert!(refusal(&link).contains("it is a link"));
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let (_parent, folder) = folder();
    drop(CodeCache::open(&folder).unwrap());
    // Only root can give a folder away; for others the root folder is somebody else's.
    let refused = match std::os::unix::fs::chown(&folder, Some(12345), None) {
        Ok(()) => refusal(&folder),
        Err(_) => refusal(Path::new("/")),
    };
    assert!(refused.contains("it belongs to user"), "{refused}");
}

#[test]
fn a_folder_that_cannot_be_made_and_a_key_that_is_none_are_refused() {
    let (parent, folder) = folder();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refusal(&file.join("code")).contains("it cannot be made"));
    assert!(refusal(&file).contains("it cannot be made"));
    drop(CodeCache::open(&folder).unwrap());
    for bytes in [&b""[..], b"short", &[0; 33]] {
        fs::write(folder.join("key"), bytes).unwrap();
        assert!(refusal(&folder).contains("its key is no file of 32 bytes"));
    }
}

#[test]
fn all_who_start_at_once_have_one_key_and_read_what_each_wrote() {
    let (_parent, folder) = folder();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let cache = CodeCache::open(&folder).unwrap();
                for round in 0..20 {
                    let name = name(["a", "b"][round % 2]);
                    cache.store(&name, &[7; 10_000]).unwrap();
                    assert_eq!(loaded(&cache, &name).unwrap(), [7; 10_000]);
                }
            });
        }
    });
    // The key and two entries: nothing unfinished is left.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
}

#[test]
fn what_was_used_longest_ago_makes_room() {
    let (_parent, folder) = folder();
    let cache = CodeCache::open(&folder).unwrap();
    let now = SystemTime::now();
    for (age, entry) in [(30, "a"), (20, "b"), (10, "c")] {
        let path = cache.store(&name(entry), &[0; 1000]).unwrap();
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_modified(now - std::time::Duration::from_secs(age)).unwrap();
    }
    assert!(loaded(&cache, &name("a")).is_some(), "used now, so the youngest");
    let (abandoned, recent) = (folder.join(".new-old"), folder.join(".new-recent"));
    fs::write(&recent, "").unwrap();
    let file = fs::File::create(&abandoned).unwrap();
    file.set_modified(now - std::time::Duration::from_secs(2 * 60 * 60)).unwrap();
    space::make_within(&folder, 2500).unwrap();
    let left = ["a", "b", "c"].map(|entry| cache.path(&name(entry)).exists());
    assert_eq!(left, [true, false, true]);
    assert!(!abandoned.exists() && recent.exists() && folder.join("key").exists());
    space::make_within(&folder, 0).unwrap();
    let left = ["a", "b", "c"].map(|entry| cache.path(&name(entry)).exists());
    assert_eq!(left, [true, false, false], "the newest stays");
}

#[test]
fn a_digest_tells_fields_apart() {
    let digest = |fields: &[&str]| {
        let mut digest = Digest::new();
        for field in fields {
            digest.field(field.as_bytes());
        }
        digest.finish_bytes()
    };
    assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
}
