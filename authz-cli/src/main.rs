//! `cargo authz`: migrations, checks and SQL from annotated structs.

use std::io;
use std::process::ExitCode;

use authz_cli::cli::{Cargo, CargoCommand};
use authz_cli::command;
use clap::Parser as _;

fn main() -> ExitCode {
    let CargoCommand::Authz(arguments) = Cargo::parse().command;
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let result = command::run(&arguments.command, &mut out, &mut err);
    command::exit_code(result, &mut err)
}
