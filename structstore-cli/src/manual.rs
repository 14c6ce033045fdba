//! `completions` and `man`: what is made of the definition of the arguments.

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions, Man};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::text;

pub(crate) fn completions(options: &Completions, output: &mut Output) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "structstore", &mut script);
    output.write(&script);
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
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::file("write", "the page"))?;
    output.write(&page);
    Ok(0)
}
