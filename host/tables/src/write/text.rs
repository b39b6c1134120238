//! A file of lines, packed or not: one part that grows. A mark is its length.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Mark;
use super::partial::{failed, part, settle};
use crate::error::TableError;
use crate::format::Packing;

/// A file of lines that is being written.
pub struct TextOutput {
    path: PathBuf,
    part: PathBuf,
    packing: Packing,
    /// `None` while one packer follows another, and after an error.
    packer: Option<Packer>,
}

/// What bytes go through. A packed file may be several one after another, which unpack to one text.
enum Packer {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstandard(zstd::Encoder<'static, BufWriter<File>>),
}

// === impl TextOutput ===

impl TextOutput {
    pub(super) fn create(path: &Path, packing: Packing, mark: Option<&Mark>) -> Result<Self, TableError> {
        let part = part(path, "");
        let failed = failed(&part);
        let mut options = File::options();
        options.write(true).create(true);
        let mut file = match mark {
            Some(_) => options.truncate(false).open(&part),
            None => options.truncate(true).open(&part),
        }
        .map_err(&failed)?;
        if let Some(mark) = mark {
            let length = file.metadata().map_err(&failed)?.len();
            if length < mark.bytes {
                let problem = format!("it has {length} bytes, and {} were written", mark.bytes);
                return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, problem)));
            }
            file.set_len(mark.bytes).map_err(&failed)?;
            file.seek(SeekFrom::Start(mark.bytes)).map_err(&failed)?;
        }
        let packer = Packer::new(BufWriter::with_capacity(1 << 18, file), packing).map_err(&failed)?;
        Ok(Self { path: path.to_owned(), part, packing, packer: Some(packer) })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), TableError> {
        let written = match self.packer.as_mut() {
            Some(Packer::Plain(file)) => file.write_all(bytes),
            Some(Packer::Gzip(packer)) => packer.write_all(bytes),
            Some(Packer::Zstandard(packer)) => packer.write_all(bytes),
            None => Err(io::Error::other("an earlier error")),
        };
        written.map_err(failed(&self.part))
    }

    pub(super) fn mark(&mut self) -> Result<Mark, TableError> {
        let failed = failed(&self.part);
        let file = self.lasting().map_err(&failed)?;
        let bytes = file.get_ref().metadata().map_err(&failed)?.len();
        self.packer = Some(Packer::new(file, self.packing).map_err(&failed)?);
        Ok(Mark { bytes, segments: 0 })
    }

    pub(super) fn finish(mut self) -> Result<(), TableError> {
        self.lasting().map_err(failed(&self.part))?;
        settle(&self.part, &self.path)
    }

    /// Ends the packer, and has all that came out of it on the disk.
    fn lasting(&mut self) -> io::Result<BufWriter<File>> {
        let mut file = match self.packer.take() {
            Some(Packer::Plain(file)) => file,
            Some(Packer::Gzip(packer)) => packer.finish()?,
            Some(Packer::Zstandard(packer)) => packer.finish()?,
            None => return Err(io::Error::other("an earlier error")),
        };
        file.flush()?;
        file.get_ref().sync_data()?;
        Ok(file)
    }
}

// === impl Packer ===

impl Packer {
    fn new(file: BufWriter<File>, packing: Packing) -> io::Result<Self> {
        Ok(match packing {
            Packing::Plain => Self::Plain(file),
            Packing::Gzip => Self::Gzip(GzEncoder::new(file, Compression::default())),
            Packing::Zstandard => Self::Zstandard(zstd::Encoder::new(file, 0)?),
        })
    }
}
