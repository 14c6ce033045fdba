//! `completions` and `man`: what is made of the definition of the arguments.

use std::io;

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions, Man};
use crate::completion;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::text;

pub(crate) fn completions(options: &Completions, output: &mut Output) -> Result<u8> {
    output.write(&completion::script(options.shell)?);
    Ok(0)
}

pub(crate) fn page(options: &Man, output: &mut Output) -> Result<u8> {
    let mut command = Arguments::command();
    command.build();
    let command = match &options.subcommand {
        None => command,
        Some(wanted) => match command.find_subcommand(wanted) {
            Some(found) => found.clone(),
            None => {
                let near = text::nearest(wanted, command.get_subcommands().map(clap::Command::get_name));
                let near = near.map(str::to_owned);
                return Err(Failure::Missing { what: format!("there is no subcommand {wanted}"), near });
            }
        },
    };
    let page = render(&command).map_err(Failure::file("write", "the page"))?;
    output.write(&page);
    Ok(0)
}

/// The page of a command. What the help has at its end gets sections of its own, whose lines stay as they are.
fn render(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let manual =
        clap_mangen::Man::new(command.clone()).source(concat!("structstore ", env!("CARGO_PKG_VERSION")));
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    manual.render_options_section(&mut page)?;
    if command.has_subcommands() {
        manual.render_subcommands_section(&mut page)?;
    }
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.extend(sections(&help).into_bytes());
    Ok(page)
}

/// Lines that begin at the margin are headings.
fn sections(help: &str) -> String {
    let mut page = String::new();
    for line in help.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("  ") {
            None => page += &format!(".fi\n.SH \"{}\"\n.nf\n", line.trim_end_matches(':').to_uppercase()),
            // Behind a zero-width character, nothing at the start of a line is a request.
            Some(text) => page += &format!("\\&{}\n", text.replace('\\', "\\e").replace('-', "\\-")),
        }
    }
    page + ".fi\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_the_help_ends_with_has_sections() {
        let page = super::sections("Exit status:\n  0  done\n\nExamples:\n  a --b '\\n'\n    .x");
        let expected = ".fi\n.SH \"EXIT STATUS\"\n.nf\n\\&0  done\n.fi\n.SH \"EXAMPLES\"\n.nf\n\\&a \\-\\-b '\\en'\n\\&  .x\n.fi\n";
        assert_eq!(page, expected);
    }
}
