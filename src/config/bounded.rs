//! Reads files that the user names, up to a size limit, because `/dev/zero` would otherwise exhaust memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(super) const MEBIBYTE: u64 = 1024 * 1024;

/// The largest Procfile, in bytes.
pub const PROCFILE: u64 = MEBIBYTE;

/// The largest env file, in bytes.
pub const ENV_FILE: u64 = 16 * MEBIBYTE;

/// The largest secret, in bytes.
pub const SECRET: u64 = MEBIBYTE;

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// Fails if open(2) or read(2) fails, and with `FileTooLarge` if the file exceeds the limit; its text names the limit.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_from(File::open(path)?, limit)
}

/// Reads to the end of the file, and at most `limit` bytes.
///
/// # Errors
/// See [`read`].
pub fn read_from(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("the file is larger than {} MiB", limit / MEBIBYTE);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_exactly_the_limit_is_read_and_a_larger_file_is_refused() {
        assert_eq!(read_from(&[b'x'; 8][..], 8).unwrap().len(), 8);
        let error = read_from(io::repeat(b'x'), 2 * MEBIBYTE).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::FileTooLarge, "the file is larger than 2 MiB")
        );
    }
}
