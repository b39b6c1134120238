//! A clock that jumps: deadlines and pauses go by the monotonic clock, so that neither an hour forward nor one back fails a
//! request or has one last for ever. The wall clock is moved by a shim before the C library's, which Rust reads it through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::running::{Running, models};

/// `CLOCK_REALTIME` and what reads it, moved by as many seconds as a file says.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
    long seconds = 0;
    const char *path = getenv("FAULTS_CLOCK");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int outcome = real(clock, now);
    if (outcome == 0 && clock == CLOCK_REALTIME) now->tv_sec += offset();
    return outcome;
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
"#;

const DAY: i64 = 24 * 60 * 60;
const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

/// Compiled by the `cc` that links every Rust program.
fn shim(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, SHIM).unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).output();
    let compiled = compiled.expect("`cc`, which Rust needs as well");
    assert!(compiled.status.success(), "{compiled:?}");
    library
}

/// A server whose clock is moved by what `jump` is told.
fn serve(folder: &Path, model: &str, flags: &[&str]) -> (Running, impl Fn(i64)) {
    let offset = folder.join("offset");
    fs::write(&offset, "0").unwrap();
    let model = models().join(model);
    let mut command = Running::command(&[&["-m", model.to_str().unwrap()], flags].concat());
    command.env("LD_PRELOAD", shim(folder)).env("FAULTS_CLOCK", &offset);
    let jump = move |seconds: i64| {
        // In one step: it is read at any moment.
        let new = offset.with_extension("new");
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(&new, &offset).unwrap();
    };
    (Running::started(&mut command), jump)
}

/// Seconds since 1970 of a log line's timestamp, in days: the server's own idea of the time.
fn day_of(line: &str) -> i64 {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let moment: jiff::Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
    moment.as_second() / DAY
}

#[test]
fn requests_are_answered_and_end_in_time_while_the_clock_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let (server, jump) = serve(folder.path(), "hostile/infinite_loop", &["--timeout", "2s", "--watch", "1s"]);
    let today = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        .unwrap()
        / DAY;
    for days in [3, -3, 0, 40] {
        let begun = Instant::now();
        let answer = std::thread::scope(|scope| {
            let call = scope.spawn(|| server.invoke(ROW));
            std::thread::sleep(Duration::from_millis(500));
            jump(days * DAY);
            // Others are answered meanwhile, and none of them has timed out.
            for _ in 0..20 {
                assert_eq!(server.get("/ping").status, 200, "{days} days");
            }
            call.join().unwrap()
        });
        let lasted = begun.elapsed();
        assert_eq!(answer.status, 504, "{days} days: {answer:?}");
        assert!(lasted > Duration::from_millis(1500), "{days} days: over after {lasted:?}");
        assert!(lasted < Duration::from_secs(30), "{days} days: over after {lasted:?}");
    }
    // The shim was there at all: the log goes by the wall clock.
    server.signal(libc::SIGHUP);
    let line = server.logged("a new version is served");
    assert!((today + 39..today + 42).contains(&day_of(&line)), "{line}");
}

#[test]
fn a_server_that_was_started_at_the_wrong_time_drains_and_stops_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, jump) = serve(folder.path(), "echo", &[]);
    assert_eq!(server.invoke(ROW).status, 200);
    jump(-365 * DAY);
    assert_eq!(server.invoke(ROW).status, 200);
    let begun = Instant::now();
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}
