//! T-14: whom a connection trusts, and what it says when it does not.

use super::rig::{Authority, OK, Server, assert_cause, client, get, limits, log_request, post, server_config};
use crate::{
    config::NetworkConfig,
    error::{Detail, Error},
    http::HttpClient,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

fn refusal(network: &NetworkConfig, server: &Server) -> Error {
    let error = get(&client(network), &server.https()).unwrap_err();
    assert!(server.seen().is_empty(), "nothing was sent: {error}");
    error
}

fn assert_refused(network: &NetworkConfig, server: &Server, reason: &str) {
    let error = refusal(network, server);
    assert_cause(&error, Detail::TlsFailed);
    assert_eq!(error.what(), Some(format!("localhost: {reason}").as_str()));
}

/// The twin of every refusal below: the same rig with a good certificate works, over one connection.
#[test]
fn t_14_twin_a_good_certificate_works_over_one_connection() {
    let authority = Authority::new("Corp Proxy CA");
    let server = Server::tls(authority.issue("localhost"), OK);
    let client = client(&authority.network());
    for _ in 0..3 {
        get(&client, &server.https()).unwrap();
        post(&client, &server.https()).unwrap();
    }
    assert_eq!((server.seen().len(), server.connections()), (6, 1));
}

#[test]
fn t_14_certificates_that_do_not_hold() {
    let authority = Authority::new("Corp Proxy CA");
    let network = authority.network();
    let refused = |config, reason| assert_refused(&network, &Server::tls(config, OK), reason);
    refused(authority.issue("other.example"), "wrong name");
    refused(authority.issue_with("localhost", |parameters| parameters.not_after = date_time_ymd(2001, 1, 1)), "expired");
    refused(authority.issue_with("localhost", |parameters| parameters.not_before = date_time_ymd(2901, 1, 1)), "not yet valid");
    refused(Authority::new("Corp Proxy CA 2").issue("localhost"), "unknown issuer \"Corp Proxy CA 2\"");
    let client_only = |parameters: &mut CertificateParams| {
        parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    refused(authority.issue_with("localhost", client_only), "not trusted");
    // The same name, another key.
    let impostor = Authority::new("Corp Proxy CA");
    let error = refusal(&network, &Server::tls(impostor.issue("localhost"), OK));
    assert_cause(&error, Detail::TlsFailed);
}

#[test]
fn t_14_a_root_that_may_not_speak_for_the_name_is_refused() {
    for (permitted, works) in [("localhost", true), ("other.example", false)] {
        let authority = Authority::new_with("Narrow CA", |parameters| {
            let permitted_subtrees = vec![rcgen::GeneralSubtree::DnsName(permitted.to_owned())];
            parameters.name_constraints = Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        });
        let server = Server::tls(authority.issue("localhost"), OK);
        if works {
            get(&client(&authority.network()), &server.https()).unwrap();
        } else {
            assert_refused(&authority.network(), &server, "not trusted");
        }
    }
}

#[test]
fn t_14_a_self_signed_certificate_is_refused_and_named() {
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "My \"Router\"\n");
    let key = KeyPair::generate().unwrap();
    let server = Server::tls(server_config(&parameters.self_signed(&key).unwrap(), &key), OK);
    assert_refused(&NetworkConfig::default(), &server, "unknown issuer \"My Router\"");
}

#[test]
fn t_14_servers_that_do_not_speak_tls() {
    let network = NetworkConfig::default();
    let plain = Server::new(|mut stream, _| {
        drop(stream.read(&mut [0; 16]));
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        drop(stream.read(&mut [0; 4096]));
    });
    assert_refused(&network, &plain, "does not speak TLS");
    let closing = Server::new(|mut stream, _| drop(stream.read(&mut [0; 4096])));
    assert_refused(&network, &closing, "closed in the handshake");
    let resetting = Server::new(|mut stream, _| drop(stream.read(&mut [0; 1])));
    assert_refused(&network, &resetting, "closed in the handshake");
}

#[test]
fn t_14_old_versions_of_tls_are_refused() {
    for version in [1, 2] {
        let server = Server::new(move |mut stream, _| {
            drop(stream.read(&mut [0; 4096]));
            // A ServerHello of TLS 1.0 or 1.1 (RFC 4346, 7.4.1.3): version, random, no session, ECDHE_RSA with AES-128-CBC-SHA.
            let hello = [&[3, version][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
            let handshake = [&[2, 0, 0, u8::try_from(hello.len()).unwrap()][..], &hello].concat();
            let record = [&[22, 3, version, 0, u8::try_from(handshake.len()).unwrap()][..], &handshake].concat();
            drop(stream.write_all(&record));
            drop(stream.read(&mut [0; 4096]));
        });
        assert_refused(&NetworkConfig::default(), &server, "no common version of TLS or its algorithms");
    }
}

#[test]
fn t_14_a_server_may_refuse_us() {
    for (alert, reason) in
        [(70, "no common version of TLS or its algorithms"), (112, "does not serve this name"), (49, "refused the connection")]
    {
        let server = Server::new(move |mut stream, _| {
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(&[21, 3, 3, 0, 2, 2, alert]));
            drop(stream.read(&mut [0; 4096]));
        });
        assert_refused(&NetworkConfig::default(), &server, reason);
    }
}

#[test]
fn t_14_a_handshake_that_stalls_ends_with_the_connect_limit() {
    let server = Server::new(|mut stream, _| {
        drop(stream.read(&mut [0; 4096]));
        drop(stream.read(&mut [0; 4096]));
    });
    let client = HttpClient::with_limits(&NetworkConfig::default(), limits(200, 5_000)).unwrap();
    let started = Instant::now();
    assert_cause(&get(&client, &server.https()).unwrap_err(), Detail::NetworkTimeout);
    assert!((200..3_000).contains(&started.elapsed().as_millis()));
}

/// G-20 over TLS: a connection cut without `close_notify` is not the end of a body.
#[test]
fn g_20_a_cut_under_tls_is_an_interruption() {
    let authority = Authority::new("Corp Proxy CA");
    let config = std::sync::Arc::new(authority.issue("localhost"));
    let server = Server::new(move |stream, seen| {
        let session = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, stream);
        log_request(&mut stream, seen);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"value\":["));
        drop(stream.flush());
        std::thread::sleep(Duration::from_millis(50));
    });
    let error = get(&client(&authority.network()), &server.https()).unwrap_err();
    assert_cause(&error, Detail::NetworkInterrupted);
}
