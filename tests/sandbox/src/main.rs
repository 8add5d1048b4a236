//! `intail-office365-sandbox`: runs the sandbox until it is interrupted.

use std::io::{self, Write as _};

use clap::Parser;
use intail_office365_sandbox::{Sandbox, SandboxOptions};

/// A scripted Microsoft 365 (identity platform and Graph) on this machine, to develop sign-in against.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Port for HTTP; 0 takes a free one.
    #[arg(long, default_value_t = 8365)]
    port: u16,
    /// Port for HTTPS; 0 takes a free one.
    #[arg(long, default_value_t = 8366)]
    https_port: u16,
    /// Serve no HTTPS.
    #[arg(long)]
    no_https: bool,
    /// Seed of tokens, codes and keys: the same seed and requests give the same answers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write the certificate of the sandbox's certification authority to this file.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<std::path::PathBuf>,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let options = SandboxOptions {
        port: arguments.port,
        https_port: (!arguments.no_https).then_some(arguments.https_port),
        seed: arguments.seed,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let taken =
                format!("port {} or {} is in use; `--port 0 --https-port 0` takes free ones", arguments.port, arguments.https_port);
            io::Error::new(error.kind(), taken)
        }
        _ => error,
    })?;
    if let Some(file) = &arguments.ca_file {
        std::fs::write(file, sandbox.ca_pem())?;
    }
    announce(&sandbox)?;
    loop {
        // Ctrl-C ends the process; the sockets close with it.
        std::thread::park();
    }
}

fn announce(sandbox: &Sandbox) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Start page    {}/", sandbox.authority())?;
    writeln!(out, "Authority     {}", sandbox.authority())?;
    writeln!(out, "Graph base    {}", sandbox.graph_base())?;
    if let (Some(authority), Some(graph)) = (sandbox.https_authority(), sandbox.https_graph_base()) {
        writeln!(out, "HTTPS         {authority}")?;
        writeln!(out, "HTTPS Graph   {graph}")?;
    }
    writeln!(out, "Client id     {}", sandbox.control().client_id())?;
    writeln!(out, "Redirect      http://localhost (any port)")?;
    writeln!(out, "Stop with Ctrl-C.")?;
    out.flush()
}
