//! The files of one Parquet log: what they are called, how they come to be, and which of them go.
//!
//! Used by `parquet.rs` alone. A log `samples.parquet` is the files `samples-TIME-NUMBER.parquet` beside that name. Each
//! appears whole or not at all, and is its owner's alone. Together they never have more than they may: the oldest go first.
//! Whatever is not called exactly so is neither counted nor touched.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// How a file's time is written: in UTC, to the second.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// Where they are, and what they may have.
pub(super) struct Files {
    folder: PathBuf,
    stem: OsString,
    max_bytes: u64,
    next: u64,
}

/// A file of the log. By number first: a clock that was set back makes no file the oldest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    number: u64,
    name: OsString,
    bytes: u64,
}

// === impl Files ===

impl Files {
    /// Looks whether files can be written beside `path`, and goes on where an earlier process ended.
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "it is no file's name");
        let stem = path.file_stem().ok_or_else(no_name)?.to_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let mut files = Self { folder, stem, max_bytes, next: 1 };
        files.make_room(0)?;
        let probe = files.unfinished(&files.name(Timestamp::now()));
        create(&probe, b"")?;
        remove(&probe);
        Ok(files)
    }

    /// Writes one more and removes what has no room beside it; answers whether there can be room for it at all.
    pub(super) fn write(&mut self, content: &[u8]) -> io::Result<bool> {
        let bytes = content.len() as u64;
        if bytes > self.max_bytes {
            return Ok(false);
        }
        self.make_room(bytes)?;
        let name = self.name(Timestamp::now());
        self.next = self.next.saturating_add(1);
        self.place(&name, content)?;
        Ok(true)
    }

    /// Until it is whole it has another name, which readers of folders pass over.
    fn place(&self, name: &OsString, content: &[u8]) -> io::Result<()> {
        let unfinished = self.unfinished(name);
        create(&unfinished, content)?;
        fs::rename(&unfinished, self.folder.join(name)).inspect_err(|_| remove(&unfinished))
    }

    /// Removes the oldest until there is room for so many bytes. Files are looked up each time: jobs that read them may
    /// remove them, too.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let found = self.find()?;
        if let Some(newest) = found.last() {
            self.next = self.next.max(newest.number.saturating_add(1));
        }
        let mut total = found.iter().map(|file| file.bytes).fold(bytes, u64::saturating_add);
        for file in found {
            if total <= self.max_bytes {
                break;
            }
            match fs::remove_file(self.folder.join(&file.name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => total = total.saturating_sub(file.bytes),
            }
        }
        Ok(())
    }

    /// The log's files, the oldest first, and what killed processes left unfinished.
    fn find(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(number) = self.number(&name) else { continue };
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    found.push(Found { number, name, bytes: metadata.len() });
                }
                Ok(_) => {}
                // It went in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What the next is called.
    fn name(&self, time: Timestamp) -> OsString {
        let mut name = self.stem.clone();
        name.push(format!("-{}-{:06}.parquet", time.strftime(TIME), self.next));
        name
    }

    /// Where it is until it is whole.
    fn unfinished(&self, name: &OsString) -> PathBuf {
        let mut unfinished = OsString::from(".");
        unfinished.push(name);
        self.folder.join(unfinished)
    }

    /// The number of a file that is called as this log's are, finished or not.
    fn number(&self, name: &OsString) -> Option<u64> {
        let name = name.as_bytes();
        let name =
            name.strip_prefix(b".").filter(|name| name.starts_with(self.stem.as_bytes())).unwrap_or(name);
        let rest = name.strip_prefix(self.stem.as_bytes())?.strip_prefix(b"-")?.strip_suffix(b".parquet")?;
        let (time, number) = std::str::from_utf8(rest).ok()?.split_once('-')?;
        let form = |(position, byte): (usize, u8)| match position {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        };
        if time.len() != 16 || !time.bytes().enumerate().all(form) {
            return None;
        }
        let parsed = number.parse().ok()?;
        (format!("{parsed:06}") == number).then_some(parsed)
    }
}

/// Writes a file that is not there yet, down to the disk, or leaves none.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| remove(path))
}

/// Removes what is of no use. Where that fails, it is counted and goes with the oldest.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn files_together_never_have_more_than_they_may_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.parquet");
        let mut files = Files::open(&path, 100).unwrap();
        for number in 1..=20 {
            assert!(files.write(&vec![b'x'; 10 + number]).unwrap());
            let found = files.find().unwrap();
            assert!(found.iter().map(|file| file.bytes).sum::<u64>() <= 100, "{found:?}");
            assert_eq!(found.last().unwrap().number, number as u64);
        }
        let numbers =
            |files: &Files| files.find().unwrap().iter().map(|file| file.number).collect::<Vec<_>>();
        assert_eq!(numbers(&files), [18, 19, 20]);
        assert!(!files.write(&[b'x'; 101]).unwrap());
        assert_eq!(numbers(&files), [18, 19, 20]);
        for file in files.find().unwrap() {
            let mode = fs::metadata(folder.path().join(file.name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // Another start goes on behind the last, and a lower cap holds from then on.
        let files = Files::open(&path, 50).unwrap();
        assert_eq!((numbers(&files), files.next), (vec![20], 21));
    }

    #[test]
    fn only_what_is_called_exactly_so_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let others = [
            "samples.parquet",
            "samples-20260101T000000Z-1.parquet",
            "samples-20260101T000000Z-0000001.parquet",
            "samples-20260101T000000Z-+00001.parquet",
            "samples-20260101T000000Z-000001.parquet.1",
            "samples-20260101T000000-000001.parquet",
            "samples-20260101 000000Z-000001.parquet",
            "samples-x-20260101T000000Z-000001.parquet",
            "..samples-20260101T000000Z-000001.parquet",
            "samples-20260101T000000Z-99999999999999999999.parquet",
            "samples-.parquet",
            "samples-\u{e9}.parquet",
        ];
        for name in others {
            fs::write(folder.path().join(name), [b'x'; 50]).unwrap();
        }
        fs::create_dir(folder.path().join("samples-20260101T000000Z-000002.parquet")).unwrap();
        let linked = folder.path().join("samples-20260101T000000Z-000003.parquet");
        std::os::unix::fs::symlink(folder.path().join(others[0]), linked).unwrap();
        let before = names(folder.path());
        let own = ["samples-20260101T000000Z-000001.parquet", ".samples-20260101T000000Z-000007.parquet"];
        for name in own {
            fs::write(folder.path().join(name), [b'x'; 50]).unwrap();
        }
        let mut files = Files::open(&folder.path().join("samples.parquet"), 100).unwrap();
        // What a killed process left unfinished is counted as well.
        assert_eq!((files.find().unwrap().len(), files.next), (2, 8));
        assert!(files.write(&[b'x'; 100]).unwrap());
        let [written] = &files.find().unwrap()[..] else { panic!("{:?}", files.find()) };
        fs::remove_file(folder.path().join(&written.name)).unwrap();
        assert_eq!(names(folder.path()), before);
    }

    #[test]
    fn no_half_file_is_ever_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::open(&folder.path().join("samples.parquet"), 1 << 30).unwrap();
        // So large that writing one takes a while.
        let content = vec![b'x'; 32 << 20];
        let over = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0;
                while !over.load(Ordering::Relaxed) {
                    for name in names(folder.path()).into_iter().filter(|name| !name.starts_with('.')) {
                        assert_eq!(fs::metadata(folder.path().join(name)).unwrap().len(), 32 << 20);
                        seen += 1;
                    }
                }
                seen
            });
            for _ in 0..6 {
                assert!(files.write(&content).unwrap());
            }
            over.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        assert!(seen > 0);
        assert_eq!(names(folder.path()).len(), 6);
    }

    #[test]
    fn a_file_that_cannot_be_placed_leaves_nothing_and_the_next_can() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::open(&folder.path().join("samples.parquet"), 1000).unwrap();
        let name = OsString::from("samples-20260101T000000Z-000001.parquet");
        fs::create_dir(folder.path().join(&name)).unwrap();
        assert!(files.place(&name, b"content").is_err());
        assert_eq!(names(folder.path()), [name.to_str().unwrap()]);
        assert!(files.write(b"content").unwrap());
        assert_eq!(files.find().unwrap().len(), 1);
    }
}
