//! What the kernel says of processes; see proc(5).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

/// When a process started, in clock ticks since boot, if it lives: fields 22 and 3 of its `stat`.
pub(super) fn start(pid: u64) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        // Ended, and not yet waited for by its parent.
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// The inode of this process's PID namespace.
pub(super) fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino())
}

/// A file as the tables of mappings name it: its device, which may be another one than that of its metadata, and its inode.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MappedFile(String);

impl MappedFile {
    /// The file that this process has mapped at an address.
    pub(super) fn at(address: u64) -> Option<MappedFile> {
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        let found = maps.lines().find(|line| {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            range.is_some_and(|(start, end)| {
                let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
                (number(start)..number(end)).contains(&address)
            })
        });
        file_of(found?).map(MappedFile)
    }

    /// Whether a process has it mapped, as far as the kernel will say.
    pub(super) fn is_mapped_by(&self, pid: u64) -> bool {
        match fs::read(format!("/proc/{pid}/maps")) {
            Ok(maps) => {
                String::from_utf8_lossy(&maps).lines().any(|line| file_of(line).as_ref() == Some(&self.0))
            }
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        }
    }
}

/// Device and inode in a line of a table of mappings.
fn file_of(line: &str) -> Option<String> {
    let mut fields = line.split_whitespace().skip(3);
    Some(format!("{} {}", fields.next()?, fields.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mappings_of_a_process_are_told() {
        let own = u64::from(std::process::id());
        let code = MappedFile::at(start as fn(u64) -> Option<u64> as usize as u64).unwrap();
        assert!(code.is_mapped_by(own));
        assert!(!MappedFile("00:00 12345678".to_owned()).is_mapped_by(own));
        // Nobody has that pid.
        assert!(!code.is_mapped_by(1 << 30));
    }
}
