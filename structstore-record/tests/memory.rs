//! How much memory it takes to read a file: no more than the file has.

use std::fs::{self, File};
use std::io::BufWriter;
use std::sync::{Mutex, PoisonError};

use structstore_record::Run;

/// Tests measure this process, one after the other.
static MEASURED: Mutex<()> = Mutex::new(());

const MIB: u64 = 1 << 20;

/// The bytes of this process that lie in no file.
fn anonymous() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn whole_states_of_an_unfinished_recording_stay_in_the_file() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.mcap");
    let mut writer = mcap::Writer::new(BufWriter::new(File::create(&file).unwrap())).unwrap();
    let data = vec![7_u8; 4 * MIB as usize];
    for at in 1..=20 {
        let attachment = mcap::Attachment {
            log_time: at,
            create_time: at,
            name: "state.structstore".to_owned(),
            media_type: String::new(),
            data: data.as_slice().into(),
        };
        writer.attach(&attachment).unwrap();
    }
    writer.flush().unwrap();
    drop(data);
    // Its recorder is killed.
    let size = fs::metadata(&file).unwrap().len();
    writer.finish().unwrap();
    drop(writer);
    File::options().write(true).open(&file).unwrap().set_len(size).unwrap();
    let before = anonymous();
    let run = Run::open(&file).unwrap();
    assert!(!run.is_finished() && run.start() == 1);
    let taken = anonymous().saturating_sub(before);
    assert!(taken < 16 * MIB, "{taken}");
}
