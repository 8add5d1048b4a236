//! Tests of the threads: time-outs, panics, hung work, closing.

use super::*;
use crate::call::{CallOptions, CancelToken};
use std::sync::{
    atomic::{AtomicBool, AtomicUsize, Ordering},
    mpsc,
};

fn call(timeout_ms: u32, cancel: &Arc<CancelToken>) -> Call {
    let options = CallOptions { timeout_ms: Some(timeout_ms), cancel: Some(Arc::clone(cancel)) };
    Call::new(&options, Duration::from_secs(1), &CancelToken::new())
}

fn long_call() -> Call {
    call(60_000, &CancelToken::new())
}

/// Waits until every thread of the pool waits for work, and says how many there are.
fn settled(workers: &Workers) -> usize {
    loop {
        let pool = workers.pool();
        let state = pool.state();
        if state.idle == state.threads && state.queue.is_empty() {
            return state.threads;
        }
        drop(state);
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_result_comes_back_and_threads_are_used_again() {
    let workers = Workers::new();
    let first = workers.run(&long_call(), || thread::current().id()).unwrap();
    assert_eq!(settled(&workers), 1);
    let second = workers.run(&long_call(), || thread::current().id()).unwrap();
    assert_eq!(first, second);
    assert_ne!(first, thread::current().id());
    assert_eq!(settled(&workers), 1);
}

#[test]
fn t_22_a_cancelled_caller_leaves_at_once_and_the_answer_is_kept() {
    let workers = Workers::new();
    let token = CancelToken::new();
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (saved, was_saved) = mpsc::channel();
    let canceller = Arc::clone(&token);
    let watcher = thread::spawn(move || {
        has_begun.recv().unwrap();
        canceller.cancel();
    });
    let started = Instant::now();
    let error = workers
        .run(&call(60_000, &token), move || {
            begun.send(()).unwrap();
            may_go_on.recv().unwrap();
            saved.send("new refresh token").unwrap();
        })
        .unwrap_err();
    assert_eq!(error.cause(), Detail::OperationCancelled);
    assert!(started.elapsed() < Duration::from_secs(5));
    watcher.join().unwrap();
    go_on.send(()).unwrap();
    assert_eq!(was_saved.recv_timeout(Duration::from_secs(5)).unwrap(), "new refresh token");
}

#[test]
fn t_22_a_late_answer_is_kept_after_the_time_out() {
    let workers = Workers::new();
    let (saved, was_saved) = mpsc::channel();
    let work = move || {
        thread::sleep(Duration::from_millis(200));
        saved.send(()).unwrap();
    };
    assert_eq!(workers.run(&call(50, &CancelToken::new()), work).unwrap_err().cause(), Detail::DeadlineExceeded);
    was_saved.recv_timeout(Duration::from_secs(5)).unwrap();
}

#[test]
fn t_23_waiting_ends_at_the_deadline() {
    let workers = Workers::new();
    let (stop, stopped) = mpsc::channel::<()>();
    let started = Instant::now();
    let error = workers.run(&call(100, &CancelToken::new()), move || stopped.recv().is_ok()).unwrap_err();
    assert_eq!(error.cause(), Detail::DeadlineExceeded);
    assert!((100..3000).contains(&started.elapsed().as_millis()));
    drop(stop);
}

#[test]
fn a_caller_that_is_late_already_starts_nothing() {
    let workers = Workers::new();
    let token = CancelToken::new();
    token.cancel();
    let touched = Arc::new(AtomicBool::new(false));
    let touch = Arc::clone(&touched);
    workers.run(&call(60_000, &token), move || touch.store(true, Ordering::SeqCst)).unwrap_err();
    workers.close(Duration::from_secs(5));
    assert!(!touched.load(Ordering::SeqCst));
    assert_eq!(workers.pool().state().threads, 0);
}

#[test]
fn a_panic_is_internal_and_the_thread_survives() {
    let workers = Workers::new();
    let before = workers.run(&long_call(), || thread::current().id()).unwrap();
    settled(&workers);
    let error = workers.run(&long_call(), || panic!("on purpose")).unwrap_err();
    assert_eq!(error.cause(), Detail::Internal);
    assert!(error.what().is_none(), "the panic's text goes nowhere");
    settled(&workers);
    workers.spawn(|| panic!("on purpose"));
    assert_eq!(settled(&workers), 1);
    assert_eq!(workers.run(&long_call(), || thread::current().id()).unwrap(), before);
}

#[test]
fn work_inside_work_runs_on_the_spot() {
    let workers = Arc::new(Workers::new());
    let inner = Arc::clone(&workers);
    let same = workers.run(&long_call(), move || {
        let outer = thread::current().id();
        (
            inner.run(&long_call(), || thread::current().id()).unwrap() == outer,
            inner.run(&long_call(), || panic!("on purpose")).is_err(),
        )
    });
    assert_eq!(same.unwrap(), (true, true));
}

#[test]
fn close_waits_for_what_runs_and_refuses_the_rest() {
    let workers = Workers::new();
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let done = Arc::clone(&done);
        workers.spawn(move || {
            thread::sleep(Duration::from_millis(20));
            done.fetch_add(1, Ordering::SeqCst);
        });
    }
    workers.close(Duration::from_secs(20));
    assert_eq!(done.load(Ordering::SeqCst), 20);
    assert_eq!(workers.run(&long_call(), || ()).unwrap_err().cause(), Detail::HandleClosed);
    workers.spawn(move || panic!("must not run"));
}

#[test]
fn close_does_not_wait_longer_than_its_patience() {
    let workers = Workers::new();
    let (stop, stopped) = mpsc::channel::<()>();
    workers.spawn(move || assert!(stopped.recv().is_err()));
    let started = Instant::now();
    workers.close(Duration::from_millis(100));
    assert!((100..3000).contains(&started.elapsed().as_millis()));
    drop(stop);
}

#[test]
fn close_tells_those_whose_work_never_began() {
    let workers = Arc::new(Workers::new());
    let (stop, stopped) = mpsc::channel::<()>();
    let stopped = Arc::new(Mutex::new(stopped));
    for _ in 0..BRISK {
        let stopped = Arc::clone(&stopped);
        workers.spawn(move || assert!(stopped.lock().unwrap().recv().is_err()));
    }
    let behind = Arc::clone(&workers);
    let waiting = thread::spawn(move || behind.run(&long_call(), || ()));
    while workers.pool().state().queue.is_empty() {
        thread::yield_now();
    }
    workers.close(Duration::ZERO);
    assert_eq!(waiting.join().unwrap().unwrap_err().cause(), Detail::HandleClosed);
    drop(stop);
}

#[test]
fn eight_hung_jobs_delay_the_ninth_by_no_more_than_the_patience() {
    let workers = Workers::new();
    let (stop, stopped) = mpsc::channel::<()>();
    let stopped = Arc::new(Mutex::new(stopped));
    for _ in 0..BRISK {
        let stopped = Arc::clone(&stopped);
        workers.spawn(move || assert!(stopped.lock().unwrap().recv().is_err()));
    }
    let started = Instant::now();
    workers.run(&long_call(), || ()).unwrap();
    let waited = started.elapsed();
    assert!(waited < PATIENCE * 2 + Duration::from_secs(1), "{waited:?}");
    // They were in its way at all.
    assert!(waited > PATIENCE / 2, "{waited:?}");
    let started = Instant::now();
    workers.run(&long_call(), || ()).unwrap();
    assert!(started.elapsed() < PATIENCE, "the next one does not wait again");
    drop(stop);
}

#[test]
fn brisk_work_uses_eight_threads_at_most() {
    let workers = Workers::new();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..100 {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        workers.spawn(move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
        });
    }
    workers.close(Duration::from_secs(20));
    let most = most.load(Ordering::SeqCst);
    assert!((2..=BRISK).contains(&most), "{most}");
}

#[test]
fn dropping_the_workers_waits_for_nothing_and_loses_nothing() {
    let workers = Workers::new();
    let (go_on, may_go_on) = mpsc::channel();
    let (saved, was_saved) = mpsc::channel();
    workers.spawn(move || {
        may_go_on.recv().unwrap();
        saved.send(()).unwrap();
    });
    drop(workers);
    go_on.send(()).unwrap();
    was_saved.recv_timeout(Duration::from_secs(5)).unwrap();
}

#[test]
fn a_host_inside_an_async_runtime_is_served() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(async { Workers::new().run(&long_call(), || 42) }).unwrap(), 42);
}

/// What a child sees after `fork`: a pool whose threads do not exist here and whose lock is held for ever.
#[test]
fn a_pool_of_another_process_is_left_alone() {
    let mut inherited = Pool::new();
    Arc::get_mut(&mut inherited).unwrap().process = 0;
    let workers = Workers { pool: ArcSwap::from(Arc::clone(&inherited)) };
    let held = inherited.state();
    assert_eq!(workers.run(&long_call(), || 42).unwrap(), 42);
    drop(workers);
    assert_eq!(held.threads, 0);
}
