//! Real proxies on loopback: tunnels with and without sign-in, and one that re-signs TLS.

use super::rig::{Authority, OK, Server, answer_all, assert_cause, client, get, log_request, post};
use crate::{
    config::{NetworkConfig, ProxyPassword},
    error::Detail,
    http::HttpClient,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
};

/// A `CONNECT` proxy that leads every name to `target`, and asks for a sign-in where one is given.
pub(super) fn tunnel(target: SocketAddr, sign_in: Option<&'static str>) -> Server {
    Server::new(move |mut stream, seen| {
        let Some(head) = log_request(&mut stream, seen) else { return };
        let wanted = sign_in.map(|pair| format!("proxy-authorization: basic {}\r\n", STANDARD.encode(pair)).to_ascii_lowercase());
        if wanted.is_some_and(|wanted| !head.to_ascii_lowercase().contains(&wanted)) {
            drop(stream.write_all(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"));
            return;
        }
        if !head.starts_with("CONNECT ") {
            drop(stream.write_all(OK.as_bytes()));
            return;
        }
        let mut far = TcpStream::connect(target).unwrap();
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let (mut back, mut far_back) = (stream.try_clone().unwrap(), far.try_clone().unwrap());
        let answers = thread::spawn(move || {
            drop(io::copy(&mut far_back, &mut back));
            drop(back.shutdown(std::net::Shutdown::Both));
        });
        drop(io::copy(&mut stream, &mut far));
        drop(far.shutdown(std::net::Shutdown::Both));
        answers.join().unwrap();
    })
}

/// A proxy that ends the tunnel itself, with a certificate of its own authority for `host`, and answers.
fn re_signing(authority: &Authority, host: &str) -> Server {
    let config = Arc::new(authority.issue(host));
    Server::new(move |mut stream, seen| {
        if log_request(&mut stream, seen).is_none() {
            return;
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        answer_all(&mut rustls::StreamOwned::new(session, stream), seen, OK.as_bytes());
    })
}

fn through(proxy: &Server, network: NetworkConfig) -> NetworkConfig {
    NetworkConfig { proxy: Some(proxy.http()), ..network }
}

#[test]
fn requests_go_through_the_tunnel_which_sees_no_token() {
    let authority = Authority::new("Test CA");
    let target = Server::tls(authority.issue("login.example"), OK);
    let proxy = tunnel(target.address, None);
    let client = client(&through(&proxy, authority.network()));
    for _ in 0..2 {
        assert_eq!(post(&client, "https://login.example").unwrap().status, 200);
    }
    let seen = proxy.seen();
    assert!(seen.len() == 1 && seen[0].starts_with("CONNECT login.example:443 HTTP/1.1\r\n"), "{seen:?}");
    assert!(!seen[0].contains("needle"));
    assert_eq!(target.seen().len(), 2);
    assert!(!target.seen()[0].contains("roxy"));
}

#[test]
fn the_proxy_gets_its_sign_in_and_nobody_else_does() {
    let authority = Authority::new("Test CA");
    let target = Server::tls(authority.issue("login.example"), OK);
    let proxy = tunnel(target.address, Some("corp\\jürgen:p@ss:w%20rd"));
    let mut network = through(&proxy, authority.network());
    let error = get(&client(&network), "https://login.example").unwrap_err();
    assert_cause(&error, Detail::ProxyFailed);
    assert_eq!((error.what(), target.seen().len()), (Some("407"), 0));
    network.proxy_user = Some("corp\\jürgen".into());
    network.proxy_password = Some(ProxyPassword::new("p@ss:w%20rd"));
    let client = client(&network);
    assert_eq!(get(&client, "https://login.example").unwrap().status, 200);
    assert!(!target.seen()[0].to_ascii_lowercase().contains("proxy-auth"));
    assert!(!format!("{client:?} {network:?}").contains("p@ss"));
}

#[test]
fn a_failing_proxy_is_named_as_the_cause() {
    let refusing = Server::cutting("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let closing = Server::cutting("");
    let gone = tunnel(refusing.address, None);
    let nowhere = NetworkConfig { proxy: Some(gone.http()), ..NetworkConfig::default() };
    drop(gone);
    for (network, reason) in [
        (through(&refusing, NetworkConfig::default()), "refused"),
        (through(&closing, NetworkConfig::default()), "closed"),
        (nowhere, "unreachable"),
    ] {
        let error = get(&client(&network), "https://login.example").unwrap_err();
        assert_cause(&error, Detail::ProxyFailed);
        assert_eq!(error.what(), Some(reason));
    }
}

#[test]
fn hosts_on_the_bypass_list_are_reached_directly() {
    let authority = Authority::new("Test CA");
    let target = Server::tls(authority.issue("localhost"), OK);
    let by_address = Server::tls(authority.issue("127.0.0.1"), OK);
    let proxy = tunnel(target.address, None);
    let mut network = through(&proxy, authority.network());
    network.proxy_bypass = vec!["internal.example".into(), "localhost".into(), "127.0.0.0/8".into()];
    get(&client(&network), &target.https()).unwrap();
    get(&client(&network), &by_address.https().replace("localhost", "127.0.0.1")).unwrap();
    assert!(proxy.seen().is_empty());
    // The twin: without the list the same request is seen by the proxy.
    network.proxy_bypass.clear();
    get(&client(&network), &target.https()).unwrap();
    assert_eq!(proxy.seen().len(), 1);
}

#[test]
fn t_15_plain_http_never_passes_a_proxy() {
    let target = Server::answering(OK);
    let proxy = tunnel(target.address, None);
    get(&client(&through(&proxy, NetworkConfig::default())), &target.http()).unwrap();
    assert_eq!((proxy.seen().len(), target.seen().len()), (0, 1));
}

#[test]
fn a_proxy_that_re_signs_needs_its_root_in_the_configuration() {
    let authority = Authority::new("Corp Proxy CA");
    let proxy = re_signing(&authority, "login.example");
    let error = get(&client(&through(&proxy, NetworkConfig::default())), "https://login.example").unwrap_err();
    assert_cause(&error, Detail::TlsFailed);
    assert_eq!(error.what(), Some("login.example: unknown issuer \"Corp Proxy CA\""));
    assert_eq!(proxy.seen().len(), 1, "nothing but the CONNECT was sent");
    let trusting = client(&through(&proxy, authority.network()));
    assert_eq!(post(&trusting, "https://login.example").unwrap().status, 200);
    assert!(proxy.seen()[2].ends_with("refresh_token=needle"));
}

#[test]
fn o_21_hostile_network_configuration() {
    let refused = |change: &dyn Fn(&mut NetworkConfig)| {
        let mut network = NetworkConfig::default();
        change(&mut network);
        let error = HttpClient::new(&network).unwrap_err();
        assert_cause(&error, Detail::InvalidArgument);
        error.what().unwrap().to_owned()
    };
    for proxy in [
        "",
        "proxy.example:3128",
        "socks5://proxy.example",
        "http://user:needle@proxy.example",
        "http://user@proxy.example",
        "http://proxy.example/path",
        "http://proxy.example?x",
        "http://proxy.example:0",
        "http://",
        "file:///etc/passwd",
    ] {
        assert_eq!(refused(&|network| network.proxy = Some(proxy.into())), "network.proxy", "{proxy}");
    }
    for entry in ["", "a,b", "a b", "*", "*.example", "10.0.0.0/33", "example/8", "::1/129", "10.0.0.0/", "http://x"] {
        assert_eq!(refused(&|network| network.proxy_bypass = vec![entry.into()]), "network.proxy_bypass", "{entry}");
    }
    for user in ["", "a:b", "a\nb"] {
        let change = |network: &mut NetworkConfig| {
            network.proxy = Some("http://proxy.example".into());
            network.proxy_user = Some(user.into());
        };
        assert_eq!(refused(&change), "network.proxy_user", "{user:?}");
    }
    assert_eq!(refused(&|network| network.proxy_user = Some("user".into())), "network.proxy_user");
    let lone = |network: &mut NetworkConfig| network.proxy_password = Some(ProxyPassword::new("needle"));
    assert_eq!(refused(&lone), "network.proxy_password");
    assert_eq!(refused(&|network| network.extra_root_certificates = vec!["x".into()]), "network.extra_root_certificates");
    HttpClient::new(&NetworkConfig {
        proxy: Some("https://[::1]:8443/".into()),
        proxy_bypass: vec![".example".into(), "::1".into(), "fe80::/10".into(), "größe.example".into()],
        ..NetworkConfig::default()
    })
    .unwrap();
}
