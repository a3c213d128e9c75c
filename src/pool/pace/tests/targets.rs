//! What the pace must reach against the simulated service, and what is shown while it does.
//! `cargo test --lib targets -- --nocapture` prints the table.

use super::super::Rate;
use super::simulation::{Outcome, Scenario};

const SEEDS: u32 = 8;

/// What every seed must reach.
#[derive(Clone, Copy)]
struct Target {
    efficiency: f64,
    throttled: f64,
    wasted: u32,
    settled: f64,
}

const LONG: Target = Target { efficiency: 0.97, throttled: 0.03, wasted: 0, settled: 0.0 };
const SHORT: Target = Target { efficiency: 0.95, throttled: 0.08, wasted: 0, settled: 0.0 };

fn after_change(wasted: u32, settled: f64) -> Target {
    Target { efficiency: 0.0, throttled: 0.06, wasted, settled }
}

fn scenarios() -> Vec<(String, Scenario, Target)> {
    let mut all = Vec::new();
    let mut add = |name: &str, scenario: Scenario, target: Target| {
        let Scenario { rate, requests, .. } = &scenario;
        all.push((format!("{rate:>4}/s {requests:>5}  {name}"), scenario, target));
    };
    // The entry fee weighs more when the whole job takes ten seconds.
    let hasty = Target { efficiency: 0.88, throttled: 0.06, ..LONG };
    for (rate, requests, target) in [
        (2.0, 200, SHORT),
        (2.0, 2_000, LONG),
        (10.0, 200, SHORT),
        (10.0, 2_000, LONG),
        (50.0, 2_000, LONG),
        (200.0, 2_000, hasty),
        (200.0, 20_000, LONG),
    ] {
        add("steady", Scenario::steady(rate, requests), target);
    }
    for (rate, requests, target) in [(10.0, 200, SHORT), (10.0, 2_000, LONG), (50.0, 2_000, LONG)] {
        add("steady, 2 ms away", Scenario { latency: 0.002, ..Scenario::steady(rate, requests) }, target);
    }
    for (rate, requests, falls, rises, outage) in [
        (2.0, 800, after_change(9, 20.0), after_change(4, 75.0), after_change(16, 12.6)),
        (10.0, 2_000, after_change(14, 5.0), after_change(10, 20.0), after_change(16, 12.6)),
        (50.0, 8_000, after_change(20, 1.5), after_change(30, 15.0), after_change(20, 12.6)),
        (200.0, 20_000, after_change(32, 1.5), after_change(100, 10.0), after_change(32, 12.6)),
    ] {
        let steady = Scenario::steady(rate, requests);
        let half = f64::from(requests) / 2.0 / rate;
        add("falls to 0.3", Scenario { change: Some((half, 0.3 * rate)), ..steady.clone() }, falls);
        add("triples", Scenario { change: Some((half, 3.0 * rate)), ..steady.clone() }, rises);
        add("outage of 60 s", Scenario { outage: Some((half, half + 60.0)), ..steady.clone() }, outage);
        let errors = Target { efficiency: 0.96, throttled: 0.035, ..LONG };
        add("1 % errors", Scenario { errors: 0.01, ..steady }, errors);
    }
    for (rate, requests, throttled) in [(10.0, 200, 0.03), (50.0, 2_000, 0.01)] {
        let mut again = Scenario::steady(rate, requests);
        again.settings.remembered = Some(rate);
        add("remembered", again, Target { throttled, ..LONG });
    }
    // What was found last week need not hold today.
    for (rate, requests) in [(2.0, 600), (10.0, 2_000), (50.0, 6_000)] {
        for (then, name) in
            [(1.0 / 0.3, "remembered from 3.3 times that"), (1.0 / 3.0, "remembered from a third")]
        {
            let mut again = Scenario::steady(rate, requests);
            again.settings.remembered = Some(then * rate);
            add(name, again, Target { efficiency: 0.95, throttled: 0.04, ..LONG });
        }
    }
    for (named, efficiency) in [(2.0, 0.99), (10.0, 0.99), (50.0, 0.99), (200.0, 0.98)] {
        let mut told = Scenario { burst: 1e9, ..Scenario::steady(1e6, 2_000) };
        told.settings.rate = Rate::Fixed(named);
        add(&format!("--rate {named}"), told, Target { efficiency, throttled: 0.0, ..LONG });
        let mut too_fast = Scenario::steady(named, if named < 10.0 { 200 } else { 2_000 });
        too_fast.settings.rate = Rate::Fixed(2.0 * named);
        let target = match named {
            2.0 => SHORT,
            200.0 => hasty,
            _ => LONG,
        };
        add("--rate at twice the limit", too_fast, target);
    }
    let near = Scenario { latency: 0.001, ..Scenario::steady(1e6, 4_000) };
    noisy_and_far(&mut add);
    add("no limit, 1 ms away", near, Target { efficiency: 0.09, throttled: 0.0, ..LONG });
    all
}

/// Adds services that refuse some requests at random, and services far away.
fn noisy_and_far(add: &mut impl FnMut(&str, Scenario, Target)) {
    // Refusals that slowing down does not make rarer. How soon they are recognized is chance: the mean is held, too.
    for noise in [0.01, 0.02, 0.05, 0.1] {
        for (rate, requests, efficiency) in [(10.0, 2_000, 0.75), (50.0, 4_000, 0.75), (200.0, 20_000, 0.75)]
        {
            let noisy = Scenario { noise, ..Scenario::steady(rate, requests) };
            let target = Target { efficiency, throttled: 0.23 + noise, ..LONG };
            add(&format!("{} % refused at random", 100.0 * noise), noisy, target);
        }
    }
    for (rate, requests, latency) in [(500.0, 6_000, 0.05), (10.0, 2_000, 2.0)] {
        let far = Scenario { latency, ..Scenario::steady(rate, requests) };
        add(&format!("{latency} s away"), far, Target { efficiency: 0.9, throttled: 0.06, ..LONG });
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "what --nocapture is for")]
fn ten_seconds_at_two_hundred_are_nearly_all_used() {
    let scenario = Scenario::steady(200.0, 2_000);
    let mut outcomes: Vec<Outcome> = (1..=41).map(|seed| scenario.run(seed)).collect();
    outcomes.sort_by(|a, b| a.throttled.total_cmp(&b.throttled));
    let throttled = outcomes[20].throttled;
    outcomes.sort_by(|a, b| a.efficiency.total_cmp(&b.efficiency));
    let (efficiency, worst) = (outcomes[20].efficiency, outcomes[0].efficiency);
    println!("median of 41 seeds: {efficiency:.3}, {:.2} % throttled; worst {worst:.3}", 100.0 * throttled);
    assert!(efficiency >= 0.935 && throttled <= 0.06 && worst >= 0.88, "{efficiency} {throttled} {worst}");
}

#[test]
fn a_bucket_of_one_is_used_to_93_percent() {
    let scenario = Scenario { burst: 1.0, there: 0.0, ..Scenario::steady(5.0, 600) };
    for outcome in (1..=SEEDS).map(|seed| scenario.run(seed)) {
        assert!(outcome.efficiency >= 0.93 && outcome.throttled <= 0.04, "{outcome:?}");
    }
}

/// Every seed has its own luck in a job of two seconds, or with many buckets: so the means are held.
#[test]
fn small_jobs_and_many_buckets_reach_their_means() {
    let small = Scenario { burst: 5.0, ..Scenario::steady(10.0, 20) };
    let exact = Scenario { connectors: 50, burst: 1.0, there: 0.0, ..Scenario::steady(1.0, 3_000) };
    let jitter = Scenario { there: 0.5, ..exact.clone() };
    for (name, scenario, efficiency, throttled) in [
        ("20 requests", small, 0.971, 0.15),
        ("50 buckets", exact, 0.893, 0.025),
        ("50 buckets, jitter on the way", jitter, 0.893, 0.02),
    ] {
        let outcomes: Vec<Outcome> = (1..=40).map(|seed| scenario.run(seed)).collect();
        let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / 40.0;
        let reached = (mean(|o| o.efficiency), mean(|o| o.throttled));
        assert!(reached.0 >= efficiency && reached.1 <= throttled, "{name}: {reached:?}");
    }
}

/// Seeds in which chance refused several of the first requests.
#[test]
fn chance_refusals_hold_no_low_pace() {
    for (rate, requests, noise, seeds) in
        [(2.0, 1_000, 0.05, [21, 83, 122]), (10.0, 2_000, 0.1, [52, 76, 123])]
    {
        let scenario = Scenario { noise, ..Scenario::steady(rate, requests) };
        for seed in seeds {
            let outcome = scenario.run(seed);
            assert!(outcome.efficiency >= 0.7, "{rate}/s, seed {seed}: {outcome:?}");
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what --nocapture is for")]
fn every_seed_of_every_scenario_reaches_its_target() {
    let mut misses = Vec::new();
    println!(
        "{:<42}efficiency    throttled %   wasted      settled s    found  ETA off %    shown",
        "means and worst of 8 seeds"
    );
    for (name, scenario, target) in scenarios() {
        let outcomes: Vec<Outcome> = (1..=SEEDS).map(|seed| scenario.run(seed)).collect();
        let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / f64::from(SEEDS);
        let most = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).fold(0.0, f64::max);
        let least = outcomes.iter().map(|outcome| outcome.efficiency).fold(f64::INFINITY, f64::min);
        println!(
            "{name:<42}{:.3} {least:.3}   {:5.2} {:5.2}   {:4.1} {:3.0}   {:5.1} {:5.1}   {:6.2}   {:4.1} {:5.1}   {:5.3}",
            mean(|o| o.efficiency),
            100.0 * mean(|o| o.throttled),
            100.0 * most(|o| o.throttled),
            mean(|o| f64::from(o.wasted)),
            most(|o| f64::from(o.wasted)),
            mean(|o| o.settled.unwrap_or(0.0)),
            most(|o| o.settled.unwrap_or(0.0)),
            mean(|o| o.found.unwrap_or(0.0)),
            100.0 * mean(|o| o.looks.most_off(0.0)),
            100.0 * most(|o| o.looks.most_off(0.0)),
            outcomes.iter().map(|o| o.looks.shown(0.0)).fold(1.0, f64::min),
        );
        if scenario.noise > 0.0 && mean(|o| o.efficiency) < 0.9 {
            misses.push(format!("{name}: {:.3} on average", mean(|o| o.efficiency)));
        }
        // The first five seconds foretell nothing.
        let shown = match outcomes[0].looks.end {
            ..1.0 => 0.0,
            ..12.0 => 0.35,
            ..30.0 => 0.75,
            _ => 0.95,
        };
        for (seed, outcome) in (1..).zip(&outcomes) {
            let upset = scenario.change.is_some() || scenario.outage.is_some();
            let changes = upset || scenario.noise > 0.0;
            let off = if scenario.errors > 0.0 || scenario.latency > 1.0 { 0.25 } else { 0.1 };
            let reached = outcome.lost == 0
                && (changes || outcome.looks.most_off(0.0) <= off && outcome.looks.shown(0.0) >= shown)
                && outcome.efficiency >= target.efficiency
                && outcome.throttled <= target.throttled
                && (!upset || outcome.wasted <= target.wasted)
                && (!upset || outcome.settled.is_some_and(|settled| settled <= target.settled));
            if !reached {
                misses.push(format!("{name}, seed {seed}: {outcome:?}"));
            }
        }
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}
