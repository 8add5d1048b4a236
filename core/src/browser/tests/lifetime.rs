//! Binding, waiting, the way to the last page, and that nothing is left behind.

use super::*;
use crate::error::Detail;
use std::{
    net::{SocketAddr, TcpListener},
    time::Instant,
};

#[cfg(target_os = "linux")]
#[test]
fn l_01_only_loopback_is_bound() {
    let listening = |port: u16| -> Vec<String> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
        let rows = tables.iter().flat_map(|table| table.lines().skip(1));
        // local_address is "0100007F:1F90", state 0A is LISTEN
        let rows = rows.filter_map(|row| row.split_whitespace().nth(1).zip(row.split_whitespace().nth(3)));
        let suffix = format!(":{port:04X}");
        rows.filter(|(local, state)| *state == "0A" && local.ends_with(&suffix)).map(|(local, _)| local.to_owned()).collect()
    };
    for host in ["localhost", "127.0.0.1"] {
        let listener = Listener::bind(options(host, "/")).unwrap();
        let port = listener.port();
        let mut expected = vec![format!("0100007F:{port:04X}")];
        if host == "localhost" && TcpListener::bind("[::1]:0").is_ok() {
            expected.push(format!("00000000000000000000000001000000:{port:04X}"));
        }
        assert_eq!(listening(port), expected, "{host}");
    }
    // The twin: a socket on every interface is seen.
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = everywhere.local_addr().unwrap().port();
    assert_eq!(listening(port), [format!("00000000:{port:04X}")]);
}

#[test]
fn l_12_a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Listener::bind(ListenerOptions { ports: &[port], ..options("localhost", "/") }).unwrap_err();
    assert_eq!(error.cause(), Detail::CallbackPortUnavailable);
    let free = free_port();
    let listener = Listener::bind(ListenerOptions { ports: &[port, free], ..options("localhost", "/") }).unwrap();
    assert_eq!(listener.port(), free);
}

#[test]
fn l_12_a_port_in_use_on_the_other_loopback_address() {
    let Ok(taken) = TcpListener::bind("[::1]:0") else { return assert!(TcpListener::bind("127.0.0.1:0").is_ok()) };
    let port = taken.local_addr().unwrap().port();
    let error = Listener::bind(ListenerOptions { ports: &[port], ..options("localhost", "/") }).unwrap_err();
    assert_eq!(error.cause(), Detail::CallbackPortUnavailable);
    assert_eq!(Listener::bind(ListenerOptions { ports: &[port], ..options("127.0.0.1", "/") }).unwrap().port(), port);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[cfg(target_os = "linux")]
#[test]
fn l_13_nobody_shares_the_port() {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
    let listener = Listener::bind(options("localhost", "/")).unwrap();
    let share = |address: &str, port: u16| {
        let intruder = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_reuseaddr(&intruder, true).unwrap();
        sockopt::set_socket_reuseport(&intruder, true).unwrap();
        let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
        bind(&intruder, &address).and_then(|()| listen(&intruder, 1))
    };
    for address in ["127.0.0.1", "0.0.0.0"] {
        assert_eq!(share(address, listener.port()), Err(rustix::io::Errno::ADDRINUSE), "{address}");
    }
    // The twin: on a free port the same attempt works.
    assert_eq!(share("127.0.0.1", free_port()), Ok(()));
}

#[test]
fn l_14_both_addresses_of_localhost_answer() {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    for address in ["127.0.0.1", "::1"] {
        let rig = Rig::new();
        if address == "::1" && !has_ipv6 {
            rig.completes();
            continue;
        }
        let mut stream = TcpStream::connect((address, rig.port)).unwrap();
        stream.write_all(rig.request(&format!("GET /cb?{OURS}"), "").as_bytes()).unwrap();
        let answer = read_all(&mut stream);
        rig.shows_the_page(&answer);
    }
    let rig = Rig::with(options("127.0.0.1", "/"), Duration::from_secs(30));
    let host = format!("Host: 127.0.0.1:{}", rig.port);
    let answer = rig.send(format!("GET /?{OURS} HTTP/1.1\r\n{host}\r\n\r\n").as_bytes());
    let page = rig.send(format!("GET {} HTTP/1.1\r\n{host}\r\n\r\n", header(&answer, "location").unwrap()).as_bytes());
    assert_eq!((status(&answer), status(&page)), ("303", "200"));
    rig.login.join().unwrap().unwrap();
}

#[test]
fn o_26_l_15_the_code_leaves_the_address_bar() {
    for posted in [false, true] {
        let rig = Rig::new();
        let answer = if posted { rig.post("Origin: null\r\n", OURS) } else { rig.get(&format!("GET /cb?{OURS}")) };
        let location = header(&answer, "location").unwrap();
        let random = location.strip_prefix("/done/").unwrap();
        assert!(random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{location}");
        assert!(!answer.contains("the-code") && !answer.contains("right") && body(&answer).is_empty());
        assert!(header(&answer, "cache-control").unwrap().contains("no-store"));
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        rig.shows_the_page(&answer);
    }
    let addresses: std::collections::HashSet<String> = (0..8)
        .map(|_| {
            let rig = Rig::new();
            let answer = rig.get(&format!("GET /cb?{OURS}"));
            let location = header(&answer, "location").unwrap().to_owned();
            rig.shows_the_page(&answer);
            location
        })
        .collect();
    assert_eq!(addresses.len(), 8);
}

#[test]
fn o_26_a_query_and_a_form_say_the_same() {
    for posted in [false, true] {
        let rig = Rig::new();
        let answer = if posted { rig.post("", OURS) } else { rig.get(&format!("GET /cb?{OURS}")) };
        let page = rig.get(&format!("GET {}", header(&answer, "location").unwrap()));
        assert_eq!(status(&page), "200");
        let callback = rig.login.join().unwrap().unwrap();
        assert_eq!(callback.parameters.as_str(), OURS);
        let shown = format!("{callback:?} {:?}", connected());
        assert!(!shown.contains("the-code") && !shown.contains("Maria") && !shown.contains("maria@"), "{shown}");
    }
}

#[test]
fn the_page_waits_for_the_outcome_and_can_be_loaded_again() {
    let listener = Listener::bind(options("localhost", "/cb")).unwrap();
    let port = listener.port();
    let browser = thread::spawn(move || {
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept-Language: de\r\n\r\n");
        let answer = exchange(port, request(&format!("/cb?{OURS}")).as_bytes());
        let location = request(header(&answer, "location").unwrap());
        let asked = Instant::now();
        let page = exchange(port, location.as_bytes());
        let waited = asked.elapsed();
        let with_query = location.replacen(" HTTP", "?x=y HTTP", 1);
        assert_eq!(status(&exchange(port, with_query.as_bytes())), "404");
        (waited, page, exchange(port, location.as_bytes()), exchange(port, request(&format!("/cb?{OURS}")).as_bytes()))
    });
    let call = call(Duration::from_secs(30), &CancelToken::new());
    listener.wait(&call, &mut |_| {}, &judge).unwrap();
    thread::sleep(Duration::from_millis(700)); // the exchange of the code
    listener.finish(&connected(), PATIENCE);
    let (waited, page, again, replay) = browser.join().unwrap();
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
    assert!(page.contains("<html lang=\"de\"") && page.contains("Ihr Konto ist verbunden"));
    assert_eq!(page, again);
    assert_eq!(status(&replay), "409");
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_opened_before_carries_the_page_after_a_slow_exchange() {
    // A page larger than what the system takes at once for a peer that reads little at a time.
    let logo = [b"\x89PNG\r\n\x1a\n".as_slice(), &b"x".repeat(60_000)].concat();
    let presentation = Presentation::new(&AppIdentity { logo_png: Some(logo), ..app() });
    let listener = Listener::bind(ListenerOptions { presentation, ..options("localhost", "/cb") }).unwrap();
    let port = listener.port();
    let (go, gone) = std::sync::mpsc::channel();
    let browser = thread::spawn(move || {
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        let mut spare = connect_narrow(port);
        thread::sleep(Duration::from_millis(100));
        let answer = exchange(port, request(&format!("/cb?{OURS}")).as_bytes());
        spare.write_all(request(header(&answer, "location").unwrap()).as_bytes()).unwrap();
        go.send(()).unwrap();
        read_all(&mut spare)
    });
    listener.wait(&call(Duration::from_secs(30), &CancelToken::new()), &mut |_| {}, &judge).unwrap();
    gone.recv().unwrap();
    // Longer than a silent connection may stay.
    thread::sleep(Duration::from_millis(5500));
    listener.finish(&connected(), PATIENCE);
    let page = browser.join().unwrap();
    assert!(page.contains("Your account is connected") && page.ends_with("</html>\n"));
}

/// A connection whose receiving side takes a few kilobytes at a time.
#[cfg(target_os = "linux")]
fn connect_narrow(port: u16) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, socket, sockopt};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
    rustix::net::connect(&socket, &SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[test]
fn a_browser_that_never_asks_for_the_page_costs_only_the_patience() {
    let listener = Listener::bind(options("localhost", "/cb")).unwrap();
    let port = listener.port();
    let browser =
        thread::spawn(move || exchange(port, format!("GET /cb?{OURS} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").as_bytes()));
    listener.wait(&call(Duration::from_secs(30), &CancelToken::new()), &mut |_| {}, &judge).unwrap();
    browser.join().unwrap();
    let started = Instant::now();
    listener.finish(&connected(), Duration::from_millis(300));
    assert!((300..1800).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    let unused = Listener::bind(options("localhost", "/cb")).unwrap();
    let started = Instant::now();
    unused.finish(&connected(), PATIENCE);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn o_20_time_out_at_the_given_second() {
    let listener = Listener::bind(options("localhost", "/")).unwrap();
    let (port, started) = (listener.port(), Instant::now());
    let mut ticks = Vec::new();
    let call = call(Duration::from_millis(2300), &CancelToken::new());
    let error = listener.wait(&call, &mut |waited| ticks.push(waited.as_secs()), &judge).unwrap_err();
    let elapsed = started.elapsed();
    assert_eq!(error.cause(), Detail::LoginTimeout);
    assert!(elapsed >= Duration::from_millis(2300) && elapsed < Duration::from_millis(3800), "{elapsed:?}");
    assert_eq!(ticks, [1, 2]);
    drop(listener);
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
}

#[test]
fn o_19_a_cancel_ends_the_wait_at_once() {
    let rig = Rig::new();
    thread::sleep(Duration::from_millis(400));
    let cancelled = Instant::now();
    rig.cancel.cancel();
    let error = rig.login.join().unwrap().unwrap_err();
    assert_eq!(error.cause(), Detail::LoginCancelled);
    assert!(cancelled.elapsed() < Duration::from_secs(1));
    TcpStream::connect(("127.0.0.1", rig.port)).unwrap_err();
}

#[test]
fn l_18_two_sign_ins_at_once() {
    let (one, other) = (Rig::new(), Rig::new());
    assert_ne!(one.port, other.port);
    let answer = one.get(&format!("GET /cb?{OURS}"));
    let elsewhere = header(&answer, "location").unwrap();
    assert_eq!(status(&other.get(&format!("GET {elsewhere}"))), "404");
    assert_eq!((one.judged(), other.judged()), (1, 0));
    one.shows_the_page(&answer);
    other.completes();
}

#[cfg(target_os = "linux")]
fn open_files_and_threads() -> (usize, usize) {
    (std::fs::read_dir("/proc/self/fd").unwrap().count(), std::fs::read_dir("/proc/self/task").unwrap().count())
}

#[cfg(target_os = "linux")]
#[test]
fn l_16_nothing_is_left_behind() {
    alone(&[], "lifetime::l_16_alone");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by l_16_nothing_is_left_behind in a process of its own"]
fn l_16_alone() {
    let before = open_files_and_threads();
    let check = |what: &str| {
        // A joined thread leaves the table a moment later.
        let settled = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            open_files_and_threads() == before
        });
        assert!(settled, "{what}: {:?} is not {before:?}", open_files_and_threads());
    };
    Rig::new().completes();
    check("success");
    let rig = Rig::new();
    rig.cancel.cancel();
    rig.login.join().unwrap().unwrap_err();
    check("cancel");
    let rig = Rig::with(options("localhost", "/"), Duration::from_millis(200));
    rig.login.join().unwrap().unwrap_err();
    check("time-out");
    failure_page();
    check("failure");
    let panicked = thread::spawn(|| {
        let listener = Listener::bind(options("localhost", "/")).unwrap();
        let call = call(Duration::from_secs(30), &CancelToken::new());
        listener.wait(&call, &mut |_| panic!("the host's observer panics"), &judge)
    });
    assert!(panicked.join().is_err());
    check("panic");
    // The twin: one socket too many is seen.
    let leak = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(open_files_and_threads().0, before.0 + 1);
    drop(leak);
}

fn failure_page() {
    let listener = Listener::bind(options("localhost", "/cb")).unwrap();
    let port = listener.port();
    let browser = thread::spawn(move || {
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        let answer = exchange(port, request(&format!("/cb?{OURS}")).as_bytes());
        exchange(port, request(header(&answer, "location").unwrap()).as_bytes())
    });
    listener.wait(&call(Duration::from_secs(30), &CancelToken::new()), &mut |_| {}, &judge).unwrap();
    listener.finish(&Outcome::Failed { error: Detail::CodeRejected.into() }, PATIENCE);
    assert!(browser.join().unwrap().contains("CodeRejected"));
}

#[cfg(target_os = "linux")]
#[test]
fn l_17_out_of_descriptors() {
    alone(&["sh", "-c", "ulimit -n 24; exec \"$0\" \"$@\""], "lifetime::l_17_alone");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by l_17_out_of_descriptors in a process with few descriptors"]
fn l_17_alone() {
    let rig = Rig::new();
    let stat = std::fs::File::open("/proc/self/stat").unwrap();
    // Everything that is left is taken; one is given back for the browser of the test.
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    taken.pop();
    let mut browser = connect(rig.port);
    browser.write_all(rig.request(&format!("GET /cb?{OURS}"), "").as_bytes()).unwrap();
    let before = cpu_ticks(&stat);
    thread::sleep(Duration::from_millis(500));
    let busy = cpu_ticks(&stat) - before;
    // 100 ticks a second: half a second of spinning would be 50.
    assert!(busy < 20, "{busy} ticks");
    taken.clear();
    let answer = read_all(&mut browser);
    assert_eq!(status(&answer), "303");
    rig.shows_the_page(&answer);
}

/// Processor time that the process has used (fields 14 and 15 of /proc/self/stat, which was opened before).
#[cfg(target_os = "linux")]
fn cpu_ticks(stat: &std::fs::File) -> u64 {
    let mut bytes = [0; 1024];
    let count = std::os::unix::fs::FileExt::read_at(stat, &mut bytes, 0).unwrap();
    let stat = std::str::from_utf8(&bytes[..count]).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
