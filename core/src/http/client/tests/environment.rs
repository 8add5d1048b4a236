//! T-15: a hostile environment. The child of each test is this test binary again, with its own environment.

use super::{
    proxies::tunnel,
    rig::{Authority, OK, Server, client, get},
};
use crate::config::NetworkConfig;
use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::Arc,
};

/// Runs [`child`] with nothing but these variables and says what it reports.
fn run_child(mode: &str, origin: &str, roots: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "http::client::tests::environment::child", "--ignored", "--nocapture"]);
    command.env_clear().env("CHILD_MODE", mode).env("CHILD_ORIGIN", origin).env("CHILD_ROOTS", roots);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = text.split_once("child says: ").unwrap_or_else(|| panic!("{text}{output:?}")).1;
    report.lines().next().unwrap().to_owned()
}

#[test]
#[ignore = "the other side of the tests below, which start it"]
fn child() {
    let (Ok(mode), Ok(origin), Ok(roots)) = (env::var("CHILD_MODE"), env::var("CHILD_ORIGIN"), env::var("CHILD_ROOTS")) else {
        return;
    };
    let mut network = NetworkConfig { proxy_from_environment: mode == "asks", ..NetworkConfig::default() };
    network.extra_root_certificates.extend(Some(roots.clone()).filter(|roots| !roots.is_empty()));
    if mode == "logs keys" {
        handshake_with_key_log(&origin, &network);
    }
    let report = match crate::http::HttpClient::new(&network).and_then(|_| get(&client(&network), &origin)) {
        Ok(answer) => answer.status.to_string(),
        Err(error) => format!("{} {}", error.detail(), error.what().unwrap_or_default()),
    };
    #[allow(clippy::print_stdout, reason = "how the child reports")]
    {
        println!("child says: {report}");
    }
}

/// What a client does that honours `SSLKEYLOGFILE`.
fn handshake_with_key_log(origin: &str, network: &NetworkConfig) {
    let roots = crate::http::tls::parse_roots(&network.extra_root_certificates).unwrap();
    let mut config = crate::http::tls::config(&roots).unwrap();
    config.key_log = Arc::new(rustls::KeyLogFile::new());
    let port = origin.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(("127.0.0.1", port)).unwrap());
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
}

struct Rig {
    authority: Authority,
    secure: Server,
    plain: Server,
    proxy: Server,
}

impl Rig {
    fn new() -> Self {
        let authority = Authority::new("Test CA");
        let secure = Server::tls(authority.issue("localhost"), OK);
        let proxy = tunnel(secure.address, None);
        Self { authority, secure, plain: Server::answering(OK), proxy }
    }

    fn run(&self, mode: &str, origin: &str, variables: &[(&str, &str)]) -> String {
        run_child(mode, origin, &self.authority.pem(), variables)
    }
}

#[test]
fn t_15_proxies_of_the_environment_are_not_looked_at() {
    let rig = Rig::new();
    let proxy = rig.proxy.http();
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let variables = names.map(|name| (name, proxy.as_str()));
    for origin in [rig.secure.https(), rig.plain.http()] {
        assert_eq!(rig.run("ignores", &origin, &variables), "200");
    }
    assert!(rig.proxy.seen().is_empty());
    assert_eq!((rig.secure.seen().len(), rig.plain.seen().len()), (1, 1));
}

#[test]
fn t_15_the_environment_is_looked_at_where_the_host_asks() {
    let rig = Rig::new();
    let proxy = rig.proxy.http();
    let bare = rig.proxy.address.to_string();
    let secure = rig.secure.https();
    assert_eq!(rig.run("asks", &secure, &[("HTTPS_PROXY", &proxy)]), "200");
    assert_eq!(rig.run("asks", &secure, &[("https_proxy", &bare)]), "200");
    let seen = rig.proxy.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|head| head.starts_with("CONNECT localhost:") && !head.contains("needle")), "{seen:?}");
    for no_proxy in [("NO_PROXY", "localhost"), ("no_proxy", "other.example, localhost"), ("NO_PROXY", "*")] {
        assert_eq!(rig.run("asks", &secure, &[("HTTPS_PROXY", &proxy), no_proxy]), "200");
    }
    for variables in [[("HTTP_PROXY", proxy.as_str())], [("ALL_PROXY", proxy.as_str())], [("HTTPS_PROXY", "")]] {
        assert_eq!(rig.run("asks", &secure, &variables), "200");
    }
    assert_eq!(rig.run("asks", &rig.plain.http(), &[("HTTPS_PROXY", &proxy)]), "200");
    assert_eq!(rig.proxy.seen().len(), 2, "none of these went through it");
    let refused = "InvalidArgument network.proxy_from_environment";
    for bad in ["socks5://needle@127.0.0.1:1", "http://u%zz:needle@127.0.0.1:1", "http://127.0.0.1:1/path"] {
        assert_eq!(rig.run("asks", &secure, &[("HTTPS_PROXY", bad)]), refused);
    }
}

#[test]
fn t_15_a_sign_in_in_the_environment_reaches_the_proxy() {
    let rig = Rig::new();
    let proxy = tunnel(rig.secure.address, Some("user:p@ss"));
    let address = format!("http://user:p%40ss@{}", proxy.address);
    assert_eq!(rig.run("asks", &rig.secure.https(), &[("HTTPS_PROXY", &address)]), "200");
    let without = proxy.http();
    assert_eq!(rig.run("asks", &rig.secure.https(), &[("HTTPS_PROXY", &without)]), "ProxyFailed 407");
}

#[test]
fn t_15_no_key_log_is_written() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.log");
    let variables = [("SSLKEYLOGFILE", file.to_str().unwrap())];
    assert_eq!(rig.run("ignores", &rig.secure.https(), &variables), "200");
    assert!(!file.exists());
    // The twin: a client that logs keys would have been noticed.
    assert_eq!(rig.run("logs keys", &rig.secure.https(), &variables), "200");
    assert!(fs::read_to_string(&file).unwrap().contains("SECRET"));
}

/// The rule for Linux: the variables stand in for the system's certificates and never for the configured ones.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
#[test]
fn t_15_ssl_cert_file_stands_in_for_the_systems_certificates() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (own, other) = (path("own.pem", &rig.authority.pem()), path("other.pem", &Authority::new("Other CA").pem()));
    let (empty, gone) = (path("empty.pem", ""), folder.path().join("gone.pem").to_str().unwrap().to_owned());
    let secure = rig.secure.https();
    let run = |roots: &str, file: &str| run_child("ignores", &secure, roots, &[("SSL_CERT_FILE", file)]);
    assert_eq!(run("", &own), "200");
    assert_eq!(run("", &other), "TlsFailed localhost: unknown issuer \"Test CA\"");
    for file in [&empty, &gone] {
        assert_eq!(run("", file), "TlsFailed localhost: no trusted certificates on this system");
    }
    for file in [&own, &other, &empty, &gone] {
        assert_eq!(run(&rig.authority.pem(), file), "200");
    }
}
