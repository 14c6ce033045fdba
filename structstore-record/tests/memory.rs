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
fn a_table_of_new_names_in_each_row_is_refused() {
    let _measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.mcap");
    let mut writer = mcap::Writer::new(BufWriter::new(File::create(&file).unwrap())).unwrap();
    let schema = writer.add_schema("a", "jsonschema", b"{}").unwrap();
    let told = [("structstore.path", "a"), ("structstore.source", "struct")];
    let told = told.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let channel_id = writer.add_channel(schema, "/a", "json", &told.into_iter().collect()).unwrap();
    for at in 0..10_000_u32 {
        let time = u64::from(at) + 1;
        let header =
            mcap::records::MessageHeader { channel_id, sequence: at, log_time: time, publish_time: time };
        writer.write_to_known_channel(&header, format!("{{\"n{at}\": 1}}").as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    let run = Run::open(&file).unwrap();
    let before = anonymous();
    let error = run.table(&"a".parse().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("a: the table has more than ") && error.contains("select a path"), "{error}");
    let taken = anonymous().saturating_sub(before);
    assert!(taken < 128 * MIB, "{taken}");
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
