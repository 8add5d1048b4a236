//! What must not end the wait, fill the memory, or come back in a page.

use super::*;
use std::time::Instant;

/// Sends it, expects one of these refusals without the judge being asked, and that the sign-in still completes.
fn refused(name: &str, rig: &Rig, request: &[u8], expected: &[&str]) {
    let before = rig.judged();
    let answer = rig.send(request);
    assert!(expected.contains(&status(&answer)), "{name}: {answer:.200}");
    assert_eq!(rig.judged(), before, "{name} was judged");
    check_headers(&answer);
}

fn check_headers(answer: &str) {
    for (name, value) in [
        ("connection", "close"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(header(answer, name), Some(value), "{answer:.300}");
    }
    assert!(header(answer, "cache-control").unwrap().contains("no-store"));
    let policy = header(answer, "content-security-policy").unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!answer.to_ascii_lowercase().contains("access-control-"));
}

#[test]
fn l_02_foreign_host() {
    let rig = Rig::new();
    let port = rig.port;
    for host in [
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: localhost.evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\n"),
        format!("Host: localhost:{port}, evil.example\r\n"),
        format!("Host: user@localhost:{port}\r\n"),
        "Host: localhost\r\n".to_owned(),
        "Host: localhost:1\r\n".to_owned(),
        "Host:\r\n".to_owned(),
        String::new(),
        format!("Host: localhost:{port}\r\nHost: evil.example\r\n"),
        format!("Host: localhost:{port}\r\nHost: localhost:{port}\r\n"),
        format!("Host : localhost:{port}\r\n"),
        format!("X-Forwarded-Host: localhost:{port}\r\n"),
    ] {
        for line in [format!("GET /cb?{OURS}"), "PUT /elsewhere".to_owned()] {
            refused(&host, &rig, format!("{line} HTTP/1.1\r\n{host}\r\n").as_bytes(), &["400", "421"]);
        }
    }
    rig.completes();
}

#[test]
fn l_03_foreign_origin() {
    let rig = Rig::new();
    for origin in ["https://evil.example", "http://localhost:1", "https://login.example.evil.example", "https://login.example:444"]
    {
        let answer = rig.post(&format!("Origin: {origin}\r\nSec-Fetch-Site: cross-site\r\n"), "code=x&state=wrong");
        assert_eq!(status(&answer), "403", "{origin}");
        check_headers(&answer);
        let answer = rig.send(rig.request("OPTIONS /cb", &format!("Origin: {origin}\r\n")).as_bytes());
        assert_eq!(status(&answer), "405");
        check_headers(&answer);
    }
    for origin in ["Origin: null\r\n", "Origin: https://login.example\r\n", ""] {
        let headers = format!("{origin}Sec-Fetch-Site: cross-site\r\n");
        assert_eq!(status(&rig.post(&headers, "code=x&state=wrong")), "400", "{origin}");
    }
    rig.completes();
}

#[test]
fn l_03_the_state_decides_where_the_origin_says_nothing() {
    for origin in ["Origin: null\r\n", "Origin: https://login.example\r\n", ""] {
        let rig = Rig::new();
        let answer = rig.post(&format!("{origin}Sec-Fetch-Site: cross-site\r\n"), OURS);
        assert_eq!(status(&answer), "303", "{origin}");
        rig.shows_the_page(&answer);
    }
}

#[test]
fn l_04_wrong_paths() {
    let rig = Rig::new();
    for path in [
        "//cb",
        "/cb/",
        "/cb/..",
        "/cb%2f",
        "/%63b",
        "/CB",
        "/cb/x",
        "/cb;x",
        "/./cb",
        "/",
        "/favicon.ico",
        "/robots.txt",
        "/done/",
        "/done/0",
    ] {
        refused(path, &rig, rig.request(&format!("GET {path}?{OURS}"), "").as_bytes(), &["404"]);
    }
    rig.completes();
}

#[test]
fn l_05_other_methods_and_protocols() {
    let rig = Rig::new();
    for method in ["OPTIONS", "PUT", "TRACE", "DELETE", "PATCH", "CONNECT"] {
        refused(method, &rig, rig.request(&format!("{method} /cb?{OURS}"), "").as_bytes(), &["405"]);
    }
    let head = rig.get(&format!("HEAD /cb?{OURS}"));
    assert_eq!((status(&head), body(&head)), ("405", ""));
    let host = format!("Host: localhost:{}", rig.port);
    for request in [
        format!("CONNECT localhost:1 HTTP/1.1\r\n{host}\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\n{host}\r\n\r\n"),
        format!("GET http://localhost:{}/cb?{OURS} HTTP/1.1\r\n{host}\r\n\r\n", rig.port),
        format!("GET /cb?{OURS}\r\n"),
        format!("GET /cb?{OURS} HTTP/1.0\r\n{host}\r\n\r\n"),
        format!("GET /cb?{OURS} HTTP/2.0\r\n{host}\r\n\r\n"),
        format!("GET /cb?{OURS} HTTP/1.1 \r\n{host}\r\n\r\n"),
        format!("GET  /cb?{OURS} HTTP/1.1\r\n{host}\r\n\r\n"),
        format!("get /cb?{OURS} HTTP/1.1\r\n{host}\r\n\r\n"),
        format!("GET /cb?{OURS} HTTP/1.1\n{host}\n\n"),
        format!("GET /cb?{OURS} HTTP/1.1\r\n{host}\nX: y\r\n\r\n"),
        format!("GET /cb?{OURS} HTTP/1.1\r\n{host}\rX: y\r\n\r\n"),
        format!("GET /cb?{OURS} HTTP/1.1\r\n{host}\r\n folded: x\r\n\r\n"),
        format!("GET /cb?{OURS} HTTP/1.1\r\n{host}\r\nX: \0\r\n\r\n"),
        format!("GET /cb?{OURS}#x HTTP/1.1\r\n{host}\r\n\r\n"),
        format!("GET /cb?{OURS}\u{e4} HTTP/1.1\r\n{host}\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\r\n\r\n".to_owned(),
    ] {
        refused(&request, &rig, request.as_bytes(), &["400"]);
    }
    refused("ClientHello", &rig, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &["400"]);
    refused("random bytes", &rig, &[0x80, 0xff, 0x00, 0x9c, 0x0d, 0x0a], &["400"]);
    rig.completes();
}

#[test]
fn l_06_silent_connections_do_not_block() {
    let rig = Rig::new();
    let silent: Vec<TcpStream> = (0..6).map(|_| connect(rig.port)).collect();
    let started = Instant::now();
    let answer = rig.get(&format!("GET /cb?{OURS}"));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    rig.shows_the_page(&answer);
    drop(silent);
}

#[test]
fn l_07_slowloris() {
    let rig = Rig::new();
    let mut slow: Vec<TcpStream> = (0..200).map(|_| connect(rig.port)).collect();
    for stream in &mut slow {
        let _ = stream.write_all(b"G");
    }
    let started = Instant::now();
    let answer = rig.get(&format!("GET /cb?{OURS}"));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    rig.shows_the_page(&answer);
}

#[test]
fn l_07_at_most_sixteen_are_open() {
    let rig = Rig::new();
    let slow: Vec<TcpStream> = (0..200).map(|_| connect(rig.port)).collect();
    for mut stream in &slow {
        stream.set_nonblocking(true).unwrap();
        let _ = stream.write_all(b"G");
    }
    let is_open = |mut stream: &TcpStream| stream.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    let started = Instant::now();
    let mut open = slow.len();
    // They are cut after five seconds anyway; what counts is before.
    while started.elapsed() < Duration::from_secs(3) && open > 16 {
        thread::sleep(Duration::from_millis(20));
        open = slow.iter().filter(|stream| is_open(stream)).count();
    }
    assert_eq!(open, 16);
    rig.completes();
}

#[test]
fn l_08_a_refused_sender_is_told_so_and_not_cut_off() {
    let rig = Rig::new();
    let mut stream = connect(rig.port);
    stream.write_all(rig.request(&format!("GET /cb?{}", "a".repeat(200_000)), "").as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(200));
    stream.write_all("a".repeat(200_000).as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(status(&String::from_utf8(answer).unwrap()), "431");
    rig.completes();
}

#[test]
fn l_07_a_slow_connection_is_cut_after_five_seconds() {
    let rig = Rig::new();
    let mut slow = connect(rig.port);
    let started = Instant::now();
    // One byte every half second, until the other side is gone.
    for byte in rig.request("GET /cb", "").bytes().cycle().take(40) {
        if slow.write_all(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    assert!(started.elapsed() >= Duration::from_secs(5) && started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    rig.completes();
}

#[test]
fn l_08_sizes_and_lengths() {
    let rig = Rig::new();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let long_line = rig.request(&format!("GET /cb?{}", "a".repeat(1024 * 1024)), "");
    refused("request line of 1 MB", &rig, long_line.as_bytes(), &["431"]);
    let many: String = (0..10_000).fold(String::new(), |all, index| format!("{all}X-{index}: y\r\n"));
    refused("10,000 headers", &rig, rig.request("GET /cb", &many).as_bytes(), &["431"]);
    refused("101 headers", &rig, rig.request("GET /cb", &"A: b\r\n".repeat(101)).as_bytes(), &["431"]);
    for (length, expected) in [
        ("300000000", "413"),
        ("65537", "413"),
        ("9223372036854775808", "413"),
        ("99999999999999999999999999", "413"),
        ("-1", "400"),
        ("+1", "400"),
        ("0x10", "400"),
        ("1, 1", "400"),
        ("", "400"),
        ("1\r\nContent-Length: 2", "400"),
        ("25\r\nContent-Length: 25", "400"),
    ] {
        let headers = format!("{form}Content-Length: {length}\r\n");
        refused(length, &rig, format!("{}{OURS}", rig.request("POST /cb", &headers)).as_bytes(), &[expected]);
    }
    for headers in [
        format!("{form}Transfer-Encoding: chunked\r\n"),
        format!("{form}Transfer-Encoding: identity\r\nContent-Length: 25\r\n"),
        form.to_owned(),
        "Content-Type: text/plain\r\nContent-Length: 25\r\n".to_owned(),
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 25\r\n".to_owned(),
        "Content-Length: 25\r\n".to_owned(),
    ] {
        refused(&headers, &rig, format!("{}{OURS}", rig.request("POST /cb", &headers)).as_bytes(), &["400"]);
    }
    let with_body = format!("{}{OURS}", rig.request("GET /cb", "Content-Length: 25\r\n"));
    refused("GET with a body", &rig, with_body.as_bytes(), &["400"]);
    let in_both = format!("{}{OURS}", rig.request("POST /cb?x=y", &format!("{form}Content-Length: 25\r\n")));
    refused("parameters in two places", &rig, in_both.as_bytes(), &["400"]);
    for text in ["code=\u{e4}&state=x", "code=a b", "code=a\r\nb", "code=\0"] {
        assert_eq!(status(&rig.post("", text)), "400", "{text:?}");
    }
    assert_eq!(rig.judged(), 0);
    rig.completes();
}

#[cfg(target_os = "linux")]
#[test]
fn l_08_the_memory_does_not_grow() {
    alone(&[], "hostile::l_08_alone");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by l_08_the_memory_does_not_grow in a process of its own"]
fn l_08_alone() {
    let rig = Rig::new();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let heads = [
        rig.request("POST /cb", &format!("{form}Content-Length: 300000000\r\n")),
        rig.request("POST /cb", &format!("{form}Transfer-Encoding: chunked\r\n")),
        format!("GET /cb?{}", "a".repeat(20_000)),
        format!("{}X: ", rig.request("GET /cb", "").trim_end()),
    ];
    let block = vec![b'a'; 64 * 1024];
    let flood = |head: &str| {
        let mut stream = connect(rig.port);
        stream.write_all(head.as_bytes()).unwrap();
        (0..4800).take_while(|_| stream.write_all(&block).is_ok()).count()
    };
    flood(&heads[0]);
    let before = peak_memory_kib();
    for head in &heads {
        // The listener stops listening to it long before 300 MB.
        assert!(flood(head) < 4000);
    }
    let grown = peak_memory_kib() - before;
    assert!(grown < 1024, "{grown} KiB");
    // The twin: a megabyte more is seen.
    let kept = vec![1_u8; 2 * 1024 * 1024];
    assert!(peak_memory_kib() - before > 1024 && kept[12345] == 1);
    rig.completes();
}

#[cfg(target_os = "linux")]
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Every pattern carries this, so that a page that repeats any of it is found.
const NEEDLE: &str = "nEEdle";

/// Attempts to get into a page, percent-encoded as a browser would send them or raw.
fn hostile_texts() -> Vec<String> {
    let texts = [
        "<script>alert('nEEdle')</script>",
        "\"><img src=x onerror=nEEdle>",
        "'><svg/onload=nEEdle>",
        "javascript:nEEdle",
        "data:text/html,nEEdle",
        "nEEdle\r\nSet-Cookie: nEEdle=1",
        "nEEdle\r\n\r\n<h1>nEEdle",
        "nEEdle\nLocation: https://evil.example/nEEdle",
        "+ADw-script+AD4-nEEdle+ADw-/script+AD4-",
        "\u{202e}nEEdle\u{202d}",
        "\u{2066}nEEdle\u{2069}\u{200f}",
        "\u{0}nEEdle",
        "{{nEEdle}}",
        "${nEEdle}",
        "<!--nEEdle-->",
        "</title></style><b>nEEdle",
        "https://evil.example/nEEdle",
        "//evil.example/nEEdle",
        "%253Cscript%253EnEEdle",
        "&lt;nEEdle&#x3e;",
        "expression(nEEdle)",
        "nEEdle\u{fffd}\u{e000}",
    ];
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let whole = |text: &str| text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02x}"));
    texts.iter().flat_map(|text| [whole(text), encode(text)]).collect()
}

/// Whether an answer repeats anything that only the request can have brought.
fn echoes(answer: &str) -> bool {
    let foreign = ['\u{202e}', '\u{202d}', '\u{2066}', '\u{2069}', '\u{200f}', '\u{fffd}', '\0'];
    let lower = answer.to_ascii_lowercase();
    lower.contains(&NEEDLE.to_ascii_lowercase())
        || answer.contains(foreign)
        || ["evil.example", "set-cookie", "<script", "onerror", "onload", "+adw", "6e4545646c65", "%6e"]
            .iter()
            .any(|part| lower.contains(part))
}

#[test]
fn l_09_no_byte_of_a_request_comes_back() {
    let rig = Rig::new();
    let mut seen = std::collections::HashSet::new();
    for text in hostile_texts() {
        let query = format!("error={text}&error_description={text}&error_uri={text}&state={text}");
        let raw = format!("{NEEDLE}<script>\"'&");
        for answer in [
            rig.get(&format!("GET /cb?{query}")),
            rig.post("", &query),
            rig.get(&format!("GET /{text}?{query}")),
            rig.send(
                rig.request(
                    &format!("GET /cb?{query}"),
                    &format!("Accept-Language: {raw}\r\nCookie: {raw}\r\nReferer: {raw}\r\nUser-Agent: {raw}\r\n"),
                )
                .as_bytes(),
            ),
            rig.send(rig.request(&format!("GET /cb?{query}"), &format!("Origin: https://evil.example/{raw}\r\n")).as_bytes()),
            rig.send(format!("GET /cb?{query} HTTP/1.1\r\nHost: {raw}\r\n\r\n").as_bytes()),
            rig.send(format!("{NEEDLE} /{text} HTTP/1.1\r\n\r\n").as_bytes()),
        ] {
            assert!(!echoes(&answer), "{text}: {answer}");
            assert!(header(&answer, "location").is_none());
            check_headers(&answer);
            seen.insert(answer);
        }
    }
    // 400, 403, 404 and 421, each word for word the same for everything that was sent.
    assert_eq!(seen.len(), 4);
    rig.completes();
}

#[test]
fn l_09_twin_the_scan_finds_a_planted_echo() {
    let page = rig_page();
    assert!(!echoes(&page));
    for text in ["<p>nEEdle", "<p>needle", "\u{202e}", "%6eeedle", "Set-Cookie: a=b", "<SCRIPT>", "https://evil.example"] {
        assert!(echoes(&page.replace("<h1>", &format!("{text}<h1>"))), "{text:?}");
    }
}

fn rig_page() -> String {
    Presentation::new(&app()).status_page(StatusPage::BadRequest, crate::language::Language::English)
}

#[test]
fn l_10_one_request_per_connection() {
    let rig = Rig::new();
    let wrong = rig.request("GET /cb?code=x&state=wrong", "");
    let right = rig.request(&format!("GET /cb?{OURS}"), "");
    let answer = rig.send(format!("{wrong}{right}").as_bytes());
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count(), rig.judged()), ("400", 1, 1));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = "code=x&state=wrong";
    let smuggled = format!("{}{body}{right}", rig.request("POST /cb", &format!("{form}Content-Length: {}\r\n", body.len())));
    assert_eq!((status(&rig.send(smuggled.as_bytes())), rig.judged()), ("400", 2));
    let chunked = format!(
        "{}0\r\n\r\n{right}",
        rig.request("POST /cb", &format!("{form}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"))
    );
    assert_eq!((status(&rig.send(chunked.as_bytes())), rig.judged()), ("400", 2));
    let twice = rig.send(format!("{right}{right}").as_bytes());
    assert_eq!((status(&twice), twice.matches("HTTP/1.1 ").count(), rig.judged()), ("303", 1, 3));
    rig.shows_the_page(&twice);
}

#[test]
fn l_11_ten_thousand_wrong_states() {
    let rig = Rig::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1250 {
                    let mut stream = connect(rig.port);
                    stream.write_all(rig.request("GET /cb?code=x&state=wrong", "").as_bytes()).unwrap();
                    // Closed after a glance at the answer, as fast as it goes.
                    let _ = stream.read(&mut [0; 64]);
                }
            });
        }
    });
    assert_eq!(rig.judged(), 10_000);
    let refused = Arc::clone(&rig.refused);
    rig.completes();
    assert_eq!(refused.load(Ordering::SeqCst), 10_000);
}

#[test]
fn o_16_parameters_that_name_an_address_lead_nowhere() {
    let rig = Rig::new();
    for parameters in
        ["next=https://evil.example&state=wrong", "return_to=//evil.example", "redirect_uri=https://evil.example&error=x"]
    {
        let answer = rig.get(&format!("GET /cb?{parameters}"));
        assert_eq!((status(&answer), header(&answer, "location"), echoes(&answer)), ("400", None, false));
    }
    rig.completes();
}

#[test]
fn o_04_of_callbacks_at_once_one_wins() {
    let rig = Rig::new();
    // The listener rests longer once nothing has happened for a while; what comes meanwhile is seen in one turn.
    thread::sleep(Duration::from_millis(400));
    let mut browsers: Vec<TcpStream> = (0..6).map(|_| connect(rig.port)).collect();
    let request = rig.request(&format!("GET /cb?{OURS}"), "");
    for browser in &mut browsers {
        browser.write_all(request.as_bytes()).unwrap();
    }
    let answers: Vec<String> = browsers.iter_mut().map(read_all).collect();
    let (won, lost): (Vec<&String>, Vec<&String>) = answers.iter().partition(|answer| status(answer) == "303");
    assert_eq!((won.len(), lost.len()), (1, 5));
    assert!(lost.iter().all(|answer| status(answer) == "409"));
    rig.shows_the_page(won[0]);
}

#[test]
fn o_04_a_replay_is_told_so_and_the_wait_goes_on() {
    let rig = Rig::new();
    let answer = rig.get("GET /cb?code=the-code&state=old");
    assert_eq!(status(&answer), "409");
    assert!(answer.contains("already answered"));
    let first = rig.get(&format!("GET /cb?{OURS}"));
    let second = rig.get(&format!("GET /cb?{OURS}"));
    assert_eq!((status(&first), status(&second), rig.judged()), ("303", "409", 2));
    rig.shows_the_page(&first);
}
