//! The program and its HTTPS side.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use intail_office365_sandbox::{Sandbox, SandboxOptions};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::parse;

/// Kills the program when the test is over.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn the_program_prints_its_settings_and_serves() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intail-office365-sandbox"));
    let mut program = Program(command.args(["--port", "0", "--no-https", "--seed", "7"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("Start page").unwrap().trim();
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert!(parse(&bytes).body.contains("data-page=\"start\""));
}

#[test]
fn help_and_wrong_arguments_are_told_apart() {
    let run = |argument: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_intail-office365-sandbox"));
        command.arg(argument).output().unwrap()
    };
    let help = run("--help");
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("--https-port"));
    assert!(!run("--nonsense").status.success());
}

/// `GET` over TLS, trusting only these roots.
fn get(host: &str, port: u16, path: &str, roots: RootCertStore) -> std::io::Result<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port))?);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn https_is_trusted_through_the_sandbox_authority_alone() {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let authority = sandbox.https_authority().unwrap();
    let port: u16 = authority.rsplit(':').next().unwrap().parse().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(sandbox.ca_pem().as_bytes()).unwrap()).unwrap();
    let path = "/organizations/v2.0/.well-known/openid-configuration";
    for host in ["localhost", "127.0.0.1"] {
        let document = parse(&get(host, port, path, roots.clone()).unwrap()).json();
        assert_eq!(document["issuer"], format!("https://{host}:{port}/{{tenantid}}/v2.0"));
    }
    let mut other = RootCertStore::empty();
    let stranger = Sandbox::start(SandboxOptions::default()).unwrap();
    other.add(CertificateDer::from_pem_slice(stranger.ca_pem().as_bytes()).unwrap()).unwrap();
    assert!(get("localhost", port, path, other).is_err());
    assert!(get("elsewhere.example", port, path, roots).is_err());
}
