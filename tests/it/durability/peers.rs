//! Peers that send invalid answers, and what must not be written to a log.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chime_sweep::simulator::SECRET_ACCESS_KEY;

use super::super::harness::{BINARY, all_at_once};
use super::*;

/// A listener that gives every request to `answer`, each connection on a thread. It lives as long as the test.
fn peer(answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut request = [0; 8192]; // one small request, which arrives whole
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    if answer(&mut stream).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// Runs a small job in 700 MB of address space, against a peer that never sends a valid answer.
fn bounded(url: &str) -> Ended {
    let job = Job::new(csv_of_three(6)).with_keys().at(url);
    let limits = "--yes --max-attempts 2 --request-timeout 2s --give-up-after 8s";
    let arguments = job.run_arguments(limits);
    let words = ["-c", "ulimit -v 700000; exec \"$0\" \"$@\"", BINARY].into_iter();
    let words: Vec<_> = words.chain(arguments.split_whitespace()).collect();
    let ended = job.spawn(&mut job.prepare("/bin/sh", &words)).end();
    ended.check(matches!(ended.code, Some(3 | 4)), "neither unfinished nor given up");
    ended
}

/// Each with its name, its URL, and the codes that say what is known.
fn peers() -> Vec<(&'static str, String, &'static [&'static str])> {
    let page = |body: &'static [u8]| {
        move |stream: &mut TcpStream| {
            write!(stream, "{OK}Content-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(body)
        }
    };
    let nested =
        Box::leak(["{\"PhoneNumberErrors\":".to_owned(), "[".repeat(200_000)].concat().into_boxed_str());
    vec![
        (
            "a gigabyte",
            peer(|stream| {
                write!(stream, "{OK}Content-Length: {}\r\n\r\n", 1_u64 << 30)?;
                (0..1024).try_for_each(|_| stream.write_all(&vec![b' '; 1 << 20]))
            }),
            &["ReplyTooLarge"],
        ),
        (
            "a gigabyte in an error",
            peer(|stream| {
                write!(stream, "HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n", 1_u64 << 30)?;
                (0..1024).try_for_each(|_| stream.write_all(&vec![b' '; 1 << 20]))
            }),
            &["ReplyTooLarge"],
        ),
        (
            "headers without end",
            peer(|stream| {
                stream.write_all(OK.as_bytes())?;
                loop {
                    stream.write_all(&b"X-More: and more and more and more\r\n".repeat(1000))?;
                }
            }),
            &["ConnectionLost", "Timeout", "ConnectionReset"],
        ),
        (
            "a byte a second",
            peer(|stream| {
                for byte in OK.bytes() {
                    stream.write_all(&[byte])?;
                    std::thread::sleep(Duration::from_secs(1));
                }
                Ok(())
            }),
            &["Timeout"],
        ),
        ("no UTF-8", peer(page(b"{\"PhoneNumberErrors\":[\"\xff\xfe\"]}")), &["GarbledReply"]),
        ("deep JSON", peer(page(nested.as_bytes())), &["GarbledReply"]),
        (
            "too few bytes",
            peer(|stream| {
                write!(stream, "{OK}Content-Length: 500\r\n\r\n{{\"PhoneNumberErrors\":[]}}")?;
                Err(std::io::ErrorKind::BrokenPipe.into())
            }),
            &["ConnectionLost", "ConnectionReset"],
        ),
        ("no HTTP", peer(|stream| stream.write_all(b"220 mail.example.com ESMTP\r\n")), &["ConnectionLost"]),
    ]
}

#[test]
fn whatever_a_peer_sends_the_rows_are_unknown_and_time_and_memory_are_bounded() {
    all_at_once(&peers(), |(name, url, codes)| {
        let ended = bounded(url);
        let is_told = |row: &Row| row["status"] == "unknown" && codes.contains(&&*row["error_code"]);
        ended.check(ended.rows().iter().all(is_told), name);
    });
}

#[test]
fn too_many_bytes_after_an_answer_do_not_reach_the_next_one() {
    let served = Arc::new(AtomicUsize::new(0));
    let count_of = Arc::clone(&served);
    let url = peer(move |stream| {
        served.fetch_add(1, Ordering::Relaxed);
        let body = "{\"PhoneNumberErrors\":[]}";
        write!(
            stream,
            "{OK}Content-Length: {}\r\n\r\n{body}HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            body.len()
        )
    });
    let job = Job::new(csv_of_three(60)).with_keys().at(&url);
    job.sweep(SMALL).exits(0).statuses(&["succeeded"; 60]);
    assert!(count_of.load(Ordering::Relaxed) >= 12);
}

#[test]
fn the_most_verbose_log_has_no_secret_and_no_number() {
    let scenario = "strangers = [\"+12069998877\"]\npoison = [\"+12065550030\"]\n\
        [[fault]]\ndoes = \"drop\"\np = 0.2\nattempts = [1]\n[[number_error]]\ncode = \"Forbidden\"\np = 0.2\n";
    let (service, job) = job(90, scenario);
    let job = job.env("RUST_LOG", "trace").env("AWS_SESSION_TOKEN", "session-token-of-the-night");
    let ended = job.sweep("-vv --batch-size 10");
    ended.exits(3).check(ended.stderr.matches("attempt failed").count() >= 3, "the log is not verbose");
    let secrets = [SECRET_ACCESS_KEY, "session-token-of-the-night"];
    let rows = job.true_rows(REPORT, &service);
    let numbers = rows.iter().map(|row| row["phone_number"].trim_start_matches('+')).chain(["12069998877"]);
    for text in secrets.into_iter().chain(numbers) {
        let line = ended.stderr.lines().find(|line| line.contains(text));
        assert_eq!(line, None, "`{text}` is in the log");
    }
}
