//! Requests, answers, and everything a server can do wrong with them.

use super::super::Connected;
use super::rig::{OK, Server, assert_cause, client, failure, get, limits, log_request, post, request};
use crate::{
    call::{Call, CallOptions, CancelToken},
    clock::Deadline,
    config::NetworkConfig,
    error::Detail,
    http::{HttpClient, Method, Origin, Transport},
    task::Workers,
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

fn plain() -> HttpClient {
    client(&NetworkConfig::default())
}

#[test]
fn a_request_says_who_we_are_and_nothing_more() {
    let server = Server::answering(OK);
    let client = plain();
    let answer = get(&client, &server.http()).unwrap();
    assert_eq!((answer.status, answer.is_json(), answer.body.as_slice()), (200, true, b"{}".as_slice()));
    post(&client, &server.http()).unwrap();
    let seen = server.seen();
    let version = env!("CARGO_PKG_VERSION");
    for request in &seen {
        let agent = format!("user-agent: Intail-Connect/{version} ({}; {})\r\n", std::env::consts::OS, std::env::consts::ARCH);
        assert!(request.contains(&agent) && request.contains("authorization: Bearer needle-token\r\n"), "{request}");
        let names: Vec<_> = request.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        let known = ["accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent"];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    }
    assert!(seen[0].starts_with("GET /common/token HTTP/1.1\r\n"));
    assert!(seen[1].starts_with("POST /common/token HTTP/1.1\r\n") && seen[1].ends_with("\r\n\r\nrefresh_token=needle"));
    assert!(seen[1].contains("content-type: application/x-www-form-urlencoded\r\n"));
    assert_eq!(server.connections(), 1, "the connection is kept");
}

#[test]
fn any_status_is_an_answer_and_headers_are_readable() {
    let server = Server::answering(
        "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nX-Odd: caf\u{e9}\r\nRequest-Id: r-1\r\nContent-Length: 0\r\n\r\n",
    );
    let answer = get(&plain(), &server.http()).unwrap();
    assert_eq!(answer.status, 429);
    assert_eq!((answer.header("retry-after"), answer.header("request-id"), answer.header("x-odd")), (Some("7"), Some("r-1"), None));
}

#[test]
fn t_11_g_08_redirects_are_answers_and_nothing_is_sent_on() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::answering(OK);
        let target = other.http();
        let server = Server::answering(format!("HTTP/1.1 {status} Moved\r\nLocation: {target}/x\r\nContent-Length: 0\r\n\r\n"));
        let own = Server::answering(format!("HTTP/1.1 {status} Moved\r\nLocation: /common/token\r\nContent-Length: 0\r\n\r\n"));
        let client = plain();
        for origin in [server.http(), own.http()] {
            assert_eq!(get(&client, &origin).unwrap().status, status);
            let answer = post(&client, &origin).unwrap();
            assert!(answer.status == status && answer.is_redirect());
        }
        assert_eq!((server.seen().len(), own.seen().len()), (2, 2));
        assert!(other.seen().is_empty(), "{status}");
    }
}

/// The twin: a client with reqwest's own defaults sends the form on, and the rig sees it.
#[test]
fn t_11_twin_the_rig_catches_a_client_that_follows() {
    let other = Server::answering(OK);
    let target = other.http();
    let server = Server::answering(format!("HTTP/1.1 307 Moved\r\nLocation: {target}/x\r\nContent-Length: 0\r\n\r\n"));
    let tls = crate::http::tls::config(&[]).unwrap();
    let follower = reqwest::blocking::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
    follower.post(server.http()).body("refresh_token=needle").send().unwrap();
    assert!(other.seen()[0].ends_with("refresh_token=needle"));
}

#[test]
fn a_form_is_never_sent_twice() {
    // Answers the first request, reads the second on the kept connection and closes without an answer.
    let server = Server::new(|mut stream, seen| {
        log_request(&mut stream, seen);
        stream.write_all(OK.as_bytes()).unwrap();
        log_request(&mut stream, seen);
    });
    let client = plain();
    post(&client, &server.http()).unwrap();
    assert_cause(&post(&client, &server.http()).unwrap_err(), Detail::NetworkInterrupted);
    thread::sleep(Duration::from_millis(200));
    assert_eq!((server.seen().len(), server.connections()), (2, 1));
}

#[test]
fn t_09_a_body_beyond_the_limit_is_not_read_on() {
    let announced = Server::new(|mut stream, seen| {
        log_request(&mut stream, seen);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"));
        (0..1600).all(|_| stream.write_all(&vec![b'x'; 65536]).is_ok());
    });
    let endless = Server::new(|mut stream, seen| {
        log_request(&mut stream, seen);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536)).into_bytes();
        (0..100_000).all(|_| stream.write_all(&chunk).is_ok());
    });
    let started = Instant::now();
    for server in [announced, endless] {
        assert_cause(&failure(&server.http()), Detail::ResponseTooLarge);
    }
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn t_09_g_21_a_gzip_bomb_is_stopped_at_the_limit() {
    let bomb = gzip_of_zeros(500 * 1024 * 1024);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let server = Server::answering([head.as_bytes(), &bomb].concat());
    assert_cause(&failure(&server.http()), Detail::ResponseTooLarge);
}

/// The twin of the bomb: what is within the limit is inflated and arrives whole, up to the last byte that is allowed.
#[test]
fn t_09_twin_answers_within_the_limit_arrive() {
    // gzip.compress(b'{"a":1}') of Python, without a time stamp.
    let small = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJT\xb22\xac\x05\x00\xaf\xac\x1bV\x07\x00\x00\x00";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", small.len());
    let server = Server::answering([head.as_bytes(), small.as_slice()].concat());
    assert_eq!(get(&plain(), &server.http()).unwrap().body.as_slice(), b"{\"a\":1}");
    let body = "x".repeat(100_000);
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let mut request = request(&server.http(), Method::Get);
    request.limit = body.len();
    assert_eq!(plain().send(&request).unwrap().body.as_slice(), body.as_bytes());
    request.limit = body.len() - 1;
    assert_cause(&plain().send(&request).unwrap_err(), Detail::ResponseTooLarge);
}

/// A gzip stream of many zeros (RFC 1951, 3.2.6): a literal 0, then matches of 258 bytes at distance 1. A match is 13 bits long, so
/// eight of them are 13 bytes that repeat.
fn gzip_of_zeros(length: usize) -> Vec<u8> {
    let mut bytes = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff".to_vec();
    // The last block, with the fixed code; then the literal 0.
    let bits: Vec<u8> = ["1", "10", "00110000"].into_iter().chain([MATCH; 9]).flat_map(str::bytes).collect();
    let packed: Vec<u8> =
        bits.chunks_exact(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (bit - b'0'))).collect();
    bytes.extend_from_slice(&packed[..2]);
    bytes.extend(packed[2..15].repeat(length / 258 / 8));
    bytes
}

/// Length 258 (code 285), distance 1 (code 0).
const MATCH: &str = "1100010100000";

#[test]
fn g_20_a_cut_answer_is_never_a_whole_one() {
    for (answer, detail) in [
        ("", Detail::NetworkInterrupted),
        ("HTTP/1.1 200 OK\r\nContent-Le", Detail::NetworkInterrupted),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"value\":[", Detail::NetworkInterrupted),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"", Detail::NetworkInterrupted),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", Detail::NetworkInterrupted),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", Detail::NetworkProtocol),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}", Detail::NetworkProtocol),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", Detail::NetworkProtocol),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone", Detail::NetworkProtocol),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\u{1f}", Detail::NetworkInterrupted),
        ("SSH-2.0-OpenSSH_9.2\r\n", Detail::NetworkProtocol),
        ("HTTP/9.9 200 OK\r\n\r\n", Detail::NetworkProtocol),
        ("<html>captive portal</html>\r\n\r\n", Detail::NetworkProtocol),
    ] {
        let server = Server::cutting(answer);
        let error = failure(&server.http());
        assert_eq!(error.cause(), detail, "{answer:?}");
        assert_eq!(error.what(), Some("127.0.0.1"));
    }
}

#[test]
fn g_20_a_reset_is_an_interruption() {
    // Closing with unread data in the socket resets the connection.
    let server = Server::new(|mut stream, _| {
        stream.read_exact(&mut [0; 8]).unwrap();
    });
    assert_cause(&failure(&server.http()), Detail::NetworkInterrupted);
}

#[test]
fn g_20_bytes_after_the_body_belong_to_nobody() {
    let server = Server::answering(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    let client = plain();
    for _ in 0..3 {
        assert_eq!(get(&client, &server.http()).unwrap().body.as_slice(), b"{}");
    }
}

#[test]
fn g_23_stalls_end_with_the_idle_limit() {
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"value\""] {
        let server = Server::new(move |mut stream, seen| {
            log_request(&mut stream, seen);
            stream.write_all(head.as_bytes()).unwrap();
            drop(stream.read(&mut [0]));
        });
        let client = HttpClient::with_limits(&NetworkConfig::default(), limits(1_000, 200)).unwrap();
        let started = Instant::now();
        assert_cause(&get(&client, &server.http()).unwrap_err(), Detail::NetworkTimeout);
        assert!((200..3_000).contains(&started.elapsed().as_millis()));
    }
}

#[test]
fn g_23_t_23_a_trickle_ends_with_the_deadline() {
    let server = Server::new(|mut stream, seen| {
        log_request(&mut stream, seen);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").unwrap();
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut request = request(&server.http(), Method::Get);
    // Once with the deadline nearer than the idle limit, once beyond it.
    for idle in [5_000, 600] {
        let client = HttpClient::with_limits(&NetworkConfig::default(), limits(1_000, idle)).unwrap();
        request.deadline = Deadline::after(Duration::from_secs(1));
        let started = Instant::now();
        assert_cause(&client.send(&request).unwrap_err(), Detail::NetworkTimeout);
        assert!((999..4_000).contains(&started.elapsed().as_millis()));
    }
    request.deadline = Deadline::after(Duration::ZERO);
    assert_cause(&plain().send(&request).unwrap_err(), Detail::NetworkTimeout);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn g_24_floods_of_headers_are_refused() {
    let many = "X-Filler: x\r\n".repeat(10_000);
    let cookies = "Set-Cookie: a=b\r\n".repeat(10_000);
    let long = format!("X-Filler: {}\r\n", "x".repeat(1_000_000));
    for headers in [many, cookies, long] {
        let server = Server::cutting(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\n{{}}"));
        assert_cause(&failure(&server.http()), Detail::NetworkProtocol);
    }
}

#[test]
fn g_24_a_flood_of_interim_answers_ends_with_the_deadline() {
    let server = Server::new(|mut stream, seen| {
        log_request(&mut stream, seen);
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nX-Filler: x\r\n\r\n").is_ok() {}
    });
    let mut request = request(&server.http(), Method::Get);
    request.deadline = Deadline::after(Duration::from_millis(300));
    let started = Instant::now();
    assert_cause(&plain().send(&request).unwrap_err(), Detail::NetworkTimeout);
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn g_26_no_cookie_and_no_referer_is_sent_back() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nSet-Cookie: id=1; Path=/\r\nContent-Length: 0\r\n\r\n");
    let client = plain();
    for _ in 0..2 {
        assert_eq!(get(&client, &server.http()).unwrap().header("set-cookie"), Some("id=1; Path=/"));
    }
    let second = server.seen()[1].to_ascii_lowercase();
    assert!(second.contains("host: ") && !second.contains("cookie") && !second.contains("referer"), "{second}");
}

#[test]
fn g_25_nobody_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = failure(&closed);
    assert_cause(&error, Detail::NetworkUnavailable);
    assert_eq!(error.what(), Some("127.0.0.1"));
}

#[test]
fn g_25_a_name_that_does_not_resolve_is_unavailable() {
    // A label over 63 bytes is refused by the resolver itself, without a question to a name server.
    let name = format!("https://{}.example", "a".repeat(64));
    assert!(Origin::parse(&name).is_ok());
    assert_cause(&failure(&name), Detail::NetworkUnavailable);
}

#[test]
fn a_header_that_would_split_is_refused() {
    let server = Server::answering(OK);
    let mut request = request(&server.http(), Method::Get);
    request.headers.push(crate::http::Header::new("x-claims", "a\r\nevil: needle"));
    let error = plain().send(&request).unwrap_err();
    assert_cause(&error, Detail::InvalidArgument);
    assert_eq!((error.what(), server.seen().len()), (Some("x-claims"), 0));
}

#[test]
fn a_host_inside_an_async_runtime_may_use_and_drop_it() {
    let server = Server::answering(OK);
    let origin = server.http();
    for runtime in [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()] {
        let mut runtime = runtime;
        let origin = origin.clone();
        let status = runtime.enable_all().build().unwrap().block_on(async move {
            let workers = Workers::new();
            let http = Arc::new(HttpClient::new(&NetworkConfig::default()).unwrap());
            let call = Call::new(&CallOptions::default(), Duration::from_secs(10), &CancelToken::new());
            let shared = Arc::clone(&http);
            let answer = workers.run(&call, move || get(&shared, &origin)).unwrap();
            drop(http);
            answer.unwrap().status
        });
        assert_eq!(status, 200);
    }
}

#[test]
fn dropping_it_after_a_hung_request_waits_for_nothing() {
    let server = Server::new(|mut stream, seen| {
        log_request(&mut stream, seen);
        drop(stream.read(&mut [0]));
    });
    let client = plain();
    let mut request = request(&server.http(), Method::Get);
    request.deadline = Deadline::after(Duration::from_millis(100));
    assert_cause(&client.send(&request).unwrap_err(), Detail::NetworkTimeout);
    let started = Instant::now();
    drop(client);
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// What a child sees after `fork`: a client of another process, which has no thread here and must be neither used nor waited for.
#[test]
fn a_client_of_another_process_is_left_alone() {
    let server = Server::answering(OK);
    let client = plain();
    get(&client, &server.http()).unwrap();
    let inherited = Connected { client: Some(client.build().unwrap()), process: 0 };
    client.connected.store(Some(Arc::new(inherited)));
    get(&client, &server.http()).unwrap();
    assert_eq!(client.connected.load_full().unwrap().process, std::process::id());
    assert_eq!(server.connections(), 2);
}
