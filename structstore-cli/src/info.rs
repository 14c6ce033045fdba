//! `info`: what is in a recording.

use serde_json::json;
use structstore_record::{Run, Source};

use crate::arguments::Info;
use crate::failure::Result;
use crate::output::{FAINT, HEADING, NAME, NUMBER, Output, PLAIN, Table};
use crate::text::{line, plural};

pub(crate) fn info(options: &Info, output: &mut Output) -> Result<u8> {
    let run = Run::open(&options.input)?;
    let source = |source: Source| match source {
        Source::Struct => "struct",
        Source::Array => "array",
        Source::Stream => "stream",
        Source::Marks => "marks",
    };
    if options.json {
        let topics = run.topics().into_iter().map(|topic| {
            json!({
                "name": topic.name, "path": topic.path.to_string(), "source": source(topic.source),
                "messages": topic.messages,
            })
        });
        let report = json!({
            "store": run.store(), "start": run.start(), "duration": run.duration(), "finished": run.is_finished(),
            "topics": topics.collect::<Vec<_>>(),
        });
        crate::json::print(&report, output)?;
        return Ok(0);
    }
    output.styled(HEADING, &line(run.store().unwrap_or("a part of a store")));
    output.print(&format!(": {:.1} s\n", run.duration()));
    if !run.is_finished() {
        output.styled(FAINT, "not finished: `structstore record --repair` writes its index\n");
    }
    if run.damaged_chunks() > 0 {
        let chunks = plural(run.damaged_chunks(), "chunk");
        output.styled(FAINT, &format!("damaged: {chunks} cannot be read and will be left out\n"));
    }
    let mut table = Table::new(&["MESSAGES", "SOURCE", "TOPIC"], &[0]);
    for topic in run.topics() {
        table.add(vec![
            (NUMBER, topic.messages.to_string()),
            (PLAIN, source(topic.source).to_owned()),
            (NAME, line(&topic.name)),
        ]);
    }
    table.print(output);
    Ok(0)
}
