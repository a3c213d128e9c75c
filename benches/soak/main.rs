//! Runs whole jobs from seeds, under faults, kills and reruns, and checks every report against the ledger of what the
//! simulated service did: `cargo run --release --package chime-sweep-soak -- --seeds 2000`. See `docs/soak.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be set up has nothing to show")]
#![expect(clippy::print_stdout, reason = "a program")]

mod case;
mod check;
mod process;
mod service;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use process::Job;

#[derive(Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one, and show what it does.
    #[arg(long)]
    seed: Option<u64>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What became of a seed.
#[derive(Default)]
struct Done {
    figures: BTreeMap<&'static str, u64>,
    kinds: Vec<&'static str>,
    /// Of its reports and its ledger.
    digest: u64,
    contradictions: Vec<String>,
    scenario: String,
}

#[expect(clippy::disallowed_methods, reason = "measures how long it takes")]
fn main() -> ExitCode {
    let args = Args::parse();
    let (first, last) = args.seed.map_or((args.from, args.from + args.seeds), |seed| (seed, seed + 1));
    let (begun, mut failed) = (Instant::now(), 0);
    let (mut figures, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    for seed in first..last {
        let mut done = run(seed);
        if seed < first + 3 || seed % 500 == 0 {
            let again = run(seed).digest;
            if again != done.digest {
                done.contradictions.push(format!("its digest is {:016x}, then {again:016x}", done.digest));
            }
        }
        if args.seed.is_some() {
            println!("{}digest {:016x}", done.scenario, done.digest);
        }
        if !done.contradictions.is_empty() {
            failed += 1;
            println!("seed {seed}: cargo run --release --package chime-sweep-soak -- --seed {seed}");
            done.contradictions.iter().take(5).for_each(|text| println!("    {text}"));
        }
        done.kinds.into_iter().for_each(|kind| *kinds.entry(kind).or_insert(0) += 1);
        done.figures.into_iter().for_each(|(what, times)| *figures.entry(what).or_insert(0) += times);
    }
    println!("{} jobs in {:.1?}, {failed} with contradictions", last - first, begun.elapsed());
    println!("{figures:?}\njobs by what goes wrong: {kinds:?}");
    ExitCode::from(u8::from(failed > 0))
}

fn run(seed: u64) -> Done {
    catch_unwind(AssertUnwindSafe(|| run_job(seed)))
        .unwrap_or_else(|_| Done { contradictions: vec!["it panics".to_owned()], ..Done::default() })
}

fn run_job(seed: u64) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (mut hash, mut contradictions) = (DefaultHasher::new(), Vec::new());
        let mut job = Job::new(seed);
        let ended = job.run(|job, report, counts, is_complete| {
            report.hash(&mut hash);
            contradictions.extend(check::contradictions(
                &job.case,
                &job.wire.watched(),
                report,
                counts,
                is_complete,
            ));
            for (what, rows) in [
                ("rows succeeded", counts.succeeded),
                ("rows failed", counts.failed),
                ("rows unknown", counts.unknown),
                ("rows not attempted", counts.not_attempted),
                ("rows in reports", counts.total),
            ] {
                job.count(what, rows);
            }
        });
        let ended = ended.await;
        contradictions.extend(ended.err().map(|error| format!("{error:#}")));
        contradictions.dedup();
        job.count("rows of inputs", job.case.wants.len() as u64);
        let requests = job.wire.watched().requests;
        job.count("requests", requests);
        job.count("seconds of the service", job.wire.elapsed().as_secs());
        format!("{:?}", job.wire.watched().service.ledger().applications).hash(&mut hash);
        Done {
            figures: job.figures,
            kinds: job.case.kinds.into_iter().collect(),
            digest: hash.finish(),
            contradictions,
            scenario: job.case.scenario,
        }
    })
}
