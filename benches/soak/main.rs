//! Runs whole jobs from seeds, each under faults, kills and reruns, and checks every report against the ledger of what the
//! simulated service did: `cargo bench --bench soak -- --seeds 2000`. See `docs/soak.md`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot be set up has nothing to show"
)]
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

use process::{Figures, Job};

/// These seeds, and each that is a multiple of the second, are run twice: they must do the same.
const TWICE: (u64, u64) = (3, 500);

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
struct Done {
    figures: Figures,
    /// Of the report and the ledger.
    digest: u64,
    kinds: Vec<&'static str>,
    rows: u64,
    requests: u64,
    contradictions: Vec<String>,
    story: String,
}

#[expect(clippy::disallowed_methods, reason = "measures how long it takes")]
fn main() -> ExitCode {
    let args = Args::parse();
    let (first, last) = args.seed.map_or((args.from, args.from + args.seeds), |seed| (seed, seed + 1));
    let (begun, mut failed) = (Instant::now(), 0);
    let (mut all, mut kinds, mut rows, mut requests) = (Figures::default(), BTreeMap::new(), 0, 0);
    for seed in first..last {
        let mut done = run(seed);
        if seed < first + TWICE.0 || seed % TWICE.1 == 0 {
            let again = run(seed).digest;
            if again != done.digest {
                done.contradictions.push(format!("its digest is {:016x}, then {again:016x}", done.digest));
            }
        }
        if args.seed.is_some() {
            println!("{}\ndigest {:016x}: {:?}", done.story, done.digest, done.figures);
        }
        if !done.contradictions.is_empty() {
            failed += 1;
            println!("seed {seed}: cargo bench --bench soak -- --seed {seed}");
            done.contradictions.iter().take(5).for_each(|text| println!("    {text}"));
        }
        done.kinds.into_iter().for_each(|kind| *kinds.entry(kind).or_insert(0) += 1);
        all.add(&done.figures);
        (rows, requests) = (rows + done.rows, requests + done.requests);
    }
    let (seconds, jobs) = (begun.elapsed().as_secs_f64(), last - first);
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let per_second = jobs as f64 / seconds;
    println!(
        "{jobs} jobs in {seconds:.1} s ({per_second:.0}/s), {rows} rows, {requests} requests, {:.0} hours of the service\n\
         {} processes, {} kills, {} resumes, {} bytes lost, {} early stops, {} reports, {} reruns\n\
         jobs by fault: {kinds:?}\n{failed} with contradictions",
        all.hours, all.processes, all.kills, all.resumes, all.lost_bytes, all.stops, all.reports, all.reruns
    );
    ExitCode::from(u8::from(failed > 0))
}

fn run(seed: u64) -> Done {
    catch_unwind(AssertUnwindSafe(|| run_job(seed))).unwrap_or_else(|_| Done {
        figures: Figures::default(),
        digest: 0,
        kinds: Vec::new(),
        rows: 0,
        requests: 0,
        contradictions: vec!["it panics".to_owned()],
        story: String::new(),
    })
}

fn run_job(seed: u64) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (mut hash, mut contradictions) = (DefaultHasher::new(), Vec::new());
        let mut job = Job::new(seed);
        let ended = job.run(|job, report, counts, is_complete| {
            report.hash(&mut hash);
            let watched = job.wire.watched();
            contradictions.extend(check::contradictions(&job.case, &watched, report, counts, is_complete));
        });
        let ended = ended.await;
        contradictions.extend(ended.err().map(|error| format!("{error:#}")));
        let watched = job.wire.watched();
        format!("{:?}", watched.ledger().applications).hash(&mut hash);
        contradictions.dedup();
        Done {
            figures: job.done.clone(),
            digest: hash.finish(),
            kinds: job.case.kinds.iter().copied().collect(),
            rows: job.case.wants.len() as u64,
            requests: watched.requests,
            contradictions,
            story: job.case.toml.clone(),
        }
    })
}
