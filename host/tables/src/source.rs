//! Where a file's bytes are: on this machine, or wherever the caller can read parts of a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

/// A file of known length that does not change while it is read.
pub trait Source: Send + Sync {
    /// What messages call it.
    fn name(&self) -> &str;

    /// In bytes.
    fn length(&self) -> u64;

    /// What tells this version of the file from others.
    fn version(&self) -> String;

    /// Reads some bytes from `offset` on; none at the end.
    ///
    /// # Errors
    ///
    /// What keeps it from being read, after whatever patience the source has.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A file of this machine.
#[derive(Debug)]
pub struct LocalFile {
    name: String,
    file: File,
    length: u64,
    version: String,
}

/// A source from some byte on, as a stream.
pub struct Cursor {
    source: Arc<dyn Source>,
    position: u64,
}

// === impl LocalFile ===

impl LocalFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let version = format!("{}.{:09} {}", metadata.mtime(), metadata.mtime_nsec(), metadata.ino());
        Ok(Self { name: path.display().to_string(), file, length: metadata.len(), version })
    }
}

impl Source for LocalFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> u64 {
        self.length
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

// === impl Cursor ===

impl Cursor {
    /// From byte `position` on.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, position: u64) -> Self {
        Self { source, position }
    }
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(self.position, buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.source.length().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

/// A source as Parquet's library reads it.
#[derive(Clone)]
pub(crate) struct Ranges(pub(crate) Arc<dyn Source>);

// === impl Ranges ===

impl parquet::file::reader::Length for Ranges {
    fn len(&self) -> u64 {
        self.0.length()
    }
}

impl parquet::file::reader::ChunkReader for Ranges {
    type T = io::BufReader<Cursor>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(io::BufReader::new(Cursor::new(Arc::clone(&self.0), start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<bytes::Bytes> {
        // What a damaged file says of itself: no more is asked for than there can be.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.length()) {
            return Err(parquet::errors::ParquetError::EOF("a part lies behind the file's end".to_owned()));
        }
        let mut bytes = vec![0; length];
        Cursor::new(Arc::clone(&self.0), start)
            .read_exact(&mut bytes)
            .map_err(|error| parquet::errors::ParquetError::External(Box::new(error)))?;
        Ok(bytes.into())
    }
}
