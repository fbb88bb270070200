//! The `chancery` program: reads the command line and the configuration, wires the crates, prints results.

mod cli;
mod commands;
mod demo;
mod output;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    output::start_logging(cli.global.log.as_deref(), &cli.command);
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => output::report(&error, json),
    }
}
