//! Which kind of archive a file's name says it is. Pure: `uri` asks it of an address, `archive` unpacks by it.

/// How an archive is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Tar,
    TarGz,
    Zip,
}

// === impl Format ===

impl Format {
    /// By the file name's end.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let ends = |ending: &str| path.ends_with(ending);
        if ends(".tar.gz") || ends(".tgz") {
            Some(Self::TarGz)
        } else if ends(".tar") {
            Some(Self::Tar)
        } else {
            ends(".zip").then_some(Self::Zip)
        }
    }
}
