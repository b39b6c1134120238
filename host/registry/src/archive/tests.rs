//! Archives as they should be, and as they must not be.

use std::fs;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    cache: Cache,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("models")).unwrap();
    Place { folder, cache }
}

impl Place {
    fn unpack(&self, format: Format, bytes: &[u8], bounds: Bounds) -> Result<Vec<String>, RegistryError> {
        let path = self.folder.path().join("archive");
        fs::write(&path, bytes).unwrap();
        let archive = Archive { name: "archive", format, bounds, cache: &self.cache };
        let files = archive.unpack(&path)?;
        for file in &files {
            assert!(self.cache.has(file), "{file:?}");
        }
        Ok(files.into_iter().map(|file| format!("{} {}", file.path, file.size)).collect())
    }
}

/// One entry of a tar archive, whatever its name: the library's own writer refuses bad ones.
fn entry(name: &str, kind: tar::EntryType, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
        header.set_link_name("MLmodel").unwrap();
    }
    header.set_cksum();
    let mut whole = header.as_bytes().to_vec();
    whole.extend_from_slice(bytes);
    whole.resize(whole.len().next_multiple_of(512), 0);
    whole
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = entries.concat();
    whole.extend_from_slice(&[0; 1024]);
    whole
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(entries: &[(&str, Option<u32>, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, mode, bytes) in entries {
        let mut options = ::zip::write::SimpleFileOptions::default();
        if let Some(mode) = mode {
            options = options.unix_permissions(*mode);
        }
        if mode.is_some_and(|mode| mode >> 12 == 0o12) {
            writer.add_symlink(*name, "MLmodel", options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_models_archive_is_unpacked_with_or_without_a_folder_around_it() {
    let place = place();
    let file = tar::EntryType::Regular;
    let flat = tar(&[
        entry("./", tar::EntryType::Directory, b""),
        entry("./MLmodel", file, b"flavors"),
        entry("./data/model.onnx", file, b"onnx"),
    ]);
    let nested =
        tar(&[entry("iris-1/MLmodel", file, b"flavors"), entry("iris-1/data/model.onnx", file, b"onnx")]);
    let expected = ["MLmodel 7", "data/model.onnx 4"];
    for bytes in [flat, nested] {
        assert_eq!(place.unpack(Format::Tar, &bytes, Bounds::default()).unwrap(), expected);
        assert_eq!(place.unpack(Format::TarGz, &gzip(&bytes), Bounds::default()).unwrap(), expected);
    }
    let zip = zip(&[("iris/MLmodel", None, b"flavors"), ("iris/data/model.onnx", Some(0o644), b"onnx")]);
    assert_eq!(place.unpack(Format::Zip, &zip, Bounds::default()).unwrap(), expected);
}

#[test]
fn links_devices_and_names_that_lead_elsewhere_are_refused() {
    let place = place();
    let regular = tar::EntryType::Regular;
    for (name, kind) in [
        ("../MLmodel", regular),
        ("a/../../MLmodel", regular),
        ("/etc/passwd", regular),
        ("a\nb", regular),
        ("a\\b", regular),
        ("link", tar::EntryType::Symlink),
        ("link", tar::EntryType::Link),
        ("device", tar::EntryType::Char),
        ("pipe", tar::EntryType::Fifo),
    ] {
        let bytes = tar(&[entry("MLmodel", regular, b"x"), entry(name, kind, b"")]);
        let outcome = place.unpack(Format::Tar, &bytes, Bounds::default());
        assert!(matches!(outcome, Err(RegistryError::Name { .. })), "tar {name}: {outcome:?}");
    }
    for (name, mode) in
        [("../MLmodel", None), ("/etc/passwd", None), ("a\\b", None), ("link", Some(0o120_777))]
    {
        let bytes = zip(&[(name, mode, b"x")]);
        let outcome = place.unpack(Format::Zip, &bytes, Bounds::default());
        assert!(matches!(outcome, Err(RegistryError::Name { .. })), "zip {name}: {outcome:?}");
    }
}

#[test]
fn what_unpacks_to_more_than_the_bounds_is_refused() {
    let place = place();
    let bomb = tar(&[entry("MLmodel", tar::EntryType::Regular, &vec![0; 1 << 20])]);
    let bounds = Bounds { bytes: 1 << 16, files: 10 };
    for outcome in [
        place.unpack(Format::TarGz, &gzip(&bomb), bounds),
        place.unpack(Format::Zip, &zip(&[("MLmodel", None, &vec![0; 1 << 20])]), bounds),
        place.unpack(Format::Tar, &tar(&vec![entry("x", tar::EntryType::Directory, b""); 11]), bounds),
    ] {
        assert!(matches!(outcome, Err(RegistryError::TooMuch { .. })), "{outcome:?}");
    }
    let name = tar(&[entry("././@LongLink", tar::EntryType::GNULongName, &vec![b'a'; 2 << 20])]);
    assert!(matches!(
        place.unpack(Format::Tar, &name, Bounds::default()),
        Err(RegistryError::Archive { .. })
    ));
}

#[test]
fn what_is_damaged_or_twice_is_refused() {
    let place = place();
    let regular = tar::EntryType::Regular;
    let whole = gzip(&tar(&[entry("MLmodel", regular, b"flavors")]));
    for (format, bytes) in [
        (Format::TarGz, &whole[..whole.len() / 2]),
        (Format::TarGz, &b"no archive"[..]),
        (Format::Zip, &b"no archive"[..]),
    ] {
        let outcome = place.unpack(format, bytes, Bounds::default());
        assert!(matches!(outcome, Err(RegistryError::Archive { .. })), "{outcome:?}");
    }
    let twice = tar(&[entry("MLmodel", regular, b"one"), entry("MLmodel", regular, b"two")]);
    assert!(matches!(place.unpack(Format::Tar, &twice, Bounds::default()), Err(RegistryError::Name { .. })));
}
