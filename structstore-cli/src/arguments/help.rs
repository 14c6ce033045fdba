//! Commands for shells and manuals: `completions` and `man`.

use clap::Args;
use clap_complete::Shell;

/// Print a shell completion script for this command.
///
/// It completes subcommands, options, names of stores, paths in them, and the declared choices of a field. For the last three, the shell
/// runs this command, which reads the store without leaving a trace and gives up after a fifth of a second.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore completions bash > ~/.local/share/bash-completion/completions/structstore\n  source <(structstore completions zsh)   # in ~/.zshrc, after compinit\n  structstore completions fish > ~/.config/fish/completions/structstore.fish"
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page of this command, or of one of its subcommands.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore man | man -l -\n  structstore man show > structstore-show.1"
)]
pub(crate) struct Man {
    /// The subcommand
    pub(crate) subcommand: Option<String>,
}
