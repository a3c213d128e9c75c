//! The table of `docs/pace.md`: what the pace reaches against services of many kinds.
//!
//! Must not fail: `targets` holds what has been reached.

use super::super::Rate;
use super::simulation::{Outcome, Scenario};

const SEEDS: u32 = 200;
/// At most so many in all seeds of a row: long jobs have fewer seeds.
const REQUESTS: u32 = 20_000_000;

/// What the limit is like, and the scenario.
fn scenarios() -> Vec<(&'static str, Scenario)> {
    let mut all = Vec::new();
    steady(&mut all);
    bursts(&mut all);
    changes(&mut all);
    noise(&mut all);
    oracles(&mut all);
    all
}

fn steady(all: &mut Vec<(&'static str, Scenario)>) {
    let slow = [(1.0, 100), (2.0, 200), (2.0, 2_000), (10.0, 200), (10.0, 2_000)];
    let fast = [(50.0, 2_000), (200.0, 2_000), (200.0, 20_000), (500.0, 6_000)];
    all.extend(slow.into_iter().chain(fast).map(|(rate, requests)| ("", Scenario::steady(rate, requests))));
    for (rate, requests, latency) in
        [(10.0, 2_000, 0.002), (50.0, 2_000, 0.5), (10.0, 2_000, 2.0), (200.0, 20_000, 1.0)]
    {
        all.push(("", Scenario { latency, ..Scenario::steady(rate, requests) }));
    }
    for (what, rate) in [("3.3/s remembered", 3.3), ("10/s remembered", 10.0), ("33/s remembered", 33.0)] {
        all.push((what, remembered(rate, Scenario::steady(10.0, 200))));
    }
    all.push(("`--rate 20`", named(20.0, Scenario::steady(10.0, 2_000))));
    all.push(("1 % of 503", Scenario { errors: 0.01, ..Scenario::steady(50.0, 2_000) }));
}

#[rustfmt::skip] // tables
fn bursts(all: &mut Vec<(&'static str, Scenario)>) {
    for (rate, requests, burst) in
        [(10.0, 20, 5.0), (10.0, 100, 5.0), (10.0, 2_000, 3.0), (50.0, 2_000, 5.0), (10.0, 2_000, 100.0)]
    {
        all.push(("", Scenario { burst, ..Scenario::steady(rate, requests) }));
    }
    for (rate, requests) in [(1.0, 120), (1.0, 600), (2.0, 600), (5.0, 600), (10.0, 600), (25.0, 600)] {
        let exact = Scenario { burst: 1.0, there: 0.0, ..Scenario::steady(rate, requests) };
        all.push(("", exact.clone()));
        all.push(("± 10 ms on the way", Scenario { there: 0.5, ..exact }));
    }
    for (connectors, rate, burst, requests) in [
        (50, 1.0, 1.0, 3_000), (50, 1.0, 5.0, 3_000), (8, 20.0, 3.0, 5_000), (5, 2.0, 2.0, 1_000),
        (200, 0.2, 1.0, 3_000),
    ] {
        let each = Scenario { connectors, burst, there: 0.0, ..Scenario::steady(rate, requests) };
        all.push(("each connector", each.clone()));
        all.push(("each connector, ± 10 ms on the way", Scenario { there: 0.5, ..each }));
    }
}

#[rustfmt::skip] // tables
fn changes(all: &mut Vec<(&'static str, Scenario)>) {
    for (what, rate, requests, change) in [
        ("30/s from 30 s on", 10.0, 1_200, (30.0, 30.0)), ("30/s from 60 s on", 10.0, 2_400, (60.0, 30.0)),
        ("150/s from 20 s on", 50.0, 6_000, (20.0, 150.0)),
        ("15/s from 60 s on", 10.0, 1_200, (60.0, 15.0)), ("3/s from 60 s on", 10.0, 1_000, (60.0, 3.0)),
        ("15/s from 20 s on", 50.0, 2_000, (20.0, 15.0)),
        ("60/s from 20 s on", 200.0, 10_000, (20.0, 60.0)),
    ] {
        all.push((what, Scenario { change: Some(change), ..Scenario::steady(rate, requests) }));
    }
    for (rate, requests, outage) in [(10.0, 1_000, (30.0, 90.0)), (50.0, 5_000, (30.0, 90.0))] {
        all.push(("out from 30 to 90 s", Scenario { outage: Some(outage), ..Scenario::steady(rate, requests) }));
    }
    for (rate, requests, others) in [(10.0, 1_000, 3.0), (50.0, 2_000, 15.0), (200.0, 10_000, 100.0)] {
        all.push(("another takes a part", Scenario { others, ..Scenario::steady(rate, requests) }));
    }
}

#[rustfmt::skip] // tables
fn noise(all: &mut Vec<(&'static str, Scenario)>) {
    for (rate, requests) in [(10.0, 2_000), (50.0, 6_000), (200.0, 20_000), (1e9, 100_000), (1e9, 1_000_000)] {
        for (what, noise) in [
        ("1 % at random", 0.01), ("2 % at random", 0.02), ("5 % at random", 0.05), ("10 % at random", 0.1),
        ] {
            all.push((what, Scenario { noise, ..Scenario::steady(rate, requests) }));
        }
    }
    for (rate, requests, what, noise) in [
        (10.0, 2_000, "5 % at random, each takes a token", 0.05),
        (50.0, 6_000, "2 % at random, each takes a token", 0.02),
        (50.0, 6_000, "10 % at random, each takes a token", 0.1),
        (200.0, 20_000, "5 % at random, each takes a token", 0.05),
    ] {
        let takes = Scenario { noise, noise_takes: true, there: 0.0, ..Scenario::steady(rate, requests) };
        all.push((what, takes));
    }
    let five = |rate, requests| Scenario { noise: 0.05, ..Scenario::steady(rate, requests) };
    all.push(("5 % at random", five(2.0, 1_000)));
    all.push(("5 % at random", Scenario { latency: 2.0, ..five(10.0, 2_000) }));
    all.push(("5 % at random", Scenario { burst: 1.0, there: 0.0, ..five(5.0, 600) }));
    all.push(("5 % at random, 30/s from 60 s on", Scenario { change: Some((60.0, 30.0)), ..five(10.0, 2_400) }));
    all.push(("5 % at random, 3/s from 60 s on", Scenario { change: Some((60.0, 3.0)), ..five(10.0, 1_000) }));
    all.push(("5 % at random, another takes 3/s", Scenario { others: 3.0, ..five(10.0, 1_000) }));
    let each = Scenario { connectors: 50, burst: 1.0, there: 0.0, ..five(1.0, 3_000) };
    all.push(("each connector, 5 % at random", each));
}

fn remembered(rate: f64, mut scenario: Scenario) -> Scenario {
    scenario.settings.remembered = Some(rate);
    scenario
}

fn named(rate: f64, mut scenario: Scenario) -> Scenario {
    scenario.settings.rate = Rate::Fixed(rate);
    scenario
}

/// What somebody reaches who knows the limit.
fn oracles(all: &mut Vec<(&'static str, Scenario)>) {
    let short = Scenario { burst: 5.0, ..Scenario::steady(10.0, 20) };
    all.push(("knows 10/s", remembered(10.0, short.clone())));
    all.push(("`--rate 10`", named(10.0, short)));
    let one = Scenario { burst: 1.0, ..Scenario::steady(5.0, 600) };
    all.push(("± 10 ms on the way, `--rate 5`", named(5.0, one.clone())));
    all.push(("± 10 ms on the way, `--rate 4.6`", named(4.6, one)));
    let each = Scenario { connectors: 50, burst: 1.0, there: 0.0, ..Scenario::steady(1.0, 3_000) };
    all.push(("each connector, `--rate 50`", named(50.0, each)));
}

#[test]
#[ignore = "takes minutes, and is read by people"]
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn table() {
    println!(
        "| limit | requests | burst | delay | | efficiency | least | throttled |\n|---|---|---|---|---|---|---|---|"
    );
    for (what, scenario) in scenarios() {
        let Scenario { rate, requests, burst, latency, connectors, .. } = scenario;
        let limit = match (rate, connectors) {
            _ if rate >= 1e9 => "none".to_owned(),
            (rate, 1) => format!("{rate}/s"),
            _ => format!("{connectors} × {rate}/s"),
        };
        let burst = if rate >= 1e9 { "–".to_owned() } else { format!("{burst}") };
        let head = format!("| {limit} | {requests} | {burst} | {latency} s | {what} |");
        let seeds = SEEDS.min(REQUESTS / requests);
        let outcomes: Vec<Outcome> = (1..=seeds).map(|seed| scenario.run(seed)).collect();
        let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / f64::from(seeds);
        let least = outcomes.iter().map(|outcome| outcome.efficiency).fold(f64::INFINITY, f64::min);
        println!(
            "{head} {:.3} | {least:.2} | {:.1} % |",
            mean(|o| o.efficiency),
            100.0 * mean(|o| o.throttled)
        );
    }
}
