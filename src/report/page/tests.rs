use askama::Template;

use super::check;
use super::file::MARK;
use super::rows::{Gathered, SHOWN};
use super::view::Page;
use crate::action::Action;
use crate::input::{InputOptions, Source};
use crate::report;
use crate::report::summary::{Counted, Lane, Run, Summary, VERSION};

const SIX: &str = "status,error_code,error_message,attempts,request_id,completed_at";

fn page(rows: &str, full_numbers: bool) -> String {
    page_of_run(rows, full_numbers, None)
}

fn page_of_run(rows: &str, full_numbers: bool, run: Option<Run>) -> String {
    let csv = format!("voice_connector_id,phone_number,note,{SIX}\n{rows}");
    let (mut counted, mut gathered) = (Counted::default(), Gathered::new(full_numbers));
    let source = Source::from_bytes("n.report.csv", csv.into());
    report::read(&source, &InputOptions::default(), |row| {
        counted.add(&row);
        gathered.add(&row);
    })
    .unwrap();
    let summary = Summary {
        action: Action::Disassociate,
        version: VERSION,
        report: "n.report.csv".into(),
        simulated: false,
        all_succeeded: counted.all_succeeded(),
        next_command: None,
        counted,
        run,
    };
    Page::of(&summary, &gathered).render().unwrap()
}

#[test]
fn whatever_a_cell_holds_is_text() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let cell = format!("\"{}\"", evil.replace('"', "\"\""));
    let html = page(&format!("{cell},{cell},{cell},failed,{cell},{cell},{cell},{cell},{cell}\n"), false);
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert!(!html.contains("<img") && !html.contains("\"'>"), "{html}");
    assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
}

#[test]
fn the_policy_names_what_is_in_the_page() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let html = page("", false);
    for tag in ["style", "script"] {
        let text =
            html.split(&format!("<{tag}>")).nth(1).unwrap().split(&format!("</{tag}>")).next().unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
        let hash = hash.replace('+', "&#43;");
        let policy = html.replace("&#43;", "+");
        assert!(
            policy.contains(&format!("{tag}-src 'sha256-{}'", hash.replace("&#43;", "+")))
                || html.contains(&hash),
            "{tag}"
        );
    }
    assert!(
        html.as_bytes().starts_with(MARK) && html.contains("default-src &#39;none&#39;")
            || html.contains("default-src 'none'")
    );
    assert!(!html.contains(" style=\""), "the policy would forbid it");
}

#[test]
fn numbers_are_whole_only_if_that_was_asked_for() {
    let rows = "vc,+12065550123,x,failed,X,+12065550123 is bad,1,r,2023-11-14T22:13:20Z\n\
                vc,(206) 555-0177,x,invalid,InvalidNumber,\"`(206) 555-0177` has\",0,,\n";
    let html = page(rows, false);
    for hidden in ["2065550123", "555-0177"] {
        assert!(!html.contains(hidden), "{html}");
    }
    assert!(html.contains("…0123") && html.contains("…0177"), "{html}");
    let html = page(rows, true);
    assert!(html.contains(">+12065550123<") || html.contains(">&#43;12065550123<"), "{html}");
    assert!(html.contains("(206) 555-0177"), "{html}");
}

#[test]
fn a_cut_table_says_so_and_keeps_rows_with_problems() {
    let mut rows = "vc,+12065550100,x,not_attempted,Deadline,,0,,\n".repeat(SHOWN + 100);
    rows += "vc,+12065550101,x,failed,Rare,,1,r,\n";
    let html = page(&rows, false);
    assert_eq!(html.matches("<tr role=\"row\" data-status").count(), SHOWN);
    assert!(html.contains("the first 5,000 of 5,101 rows"), "it does not say so");
    let folded =
        ["<details open><summary>Lines 2 to 101: 100 rows<", "<details><summary>Lines 102 to 201: 100 rows<"];
    assert!(folded.iter().all(|part| html.contains(part)), "without scripts, they unfold");
    assert_eq!(html.matches("<summary>Lines ").count(), SHOWN / 100);
    assert!(html.contains("<b>Rare</b>"), "what failed is not among them");
    assert!(!page("vc,+10,x,failed,X,,1,r,\n", false).contains("class=\"cut\""));
}

#[test]
fn what_stands_between_backticks_is_code_and_still_text() {
    let html = page("vc,+10,x,failed,X,\"`<b>1</b>` is `cut\",1,r,\nvc,`,x,failed,NotFound,,1,r,\n", false);
    let (code, cut) = ("<code>&#60;b&#62;1&#60;/b&#62;</code> is ", "<code>cut</code>");
    assert_eq!(html.matches(&format!("</b> {code}{cut}</td>")).count(), 1, "the row: {html}");
    assert_eq!(html.matches(&format!(": {code}{cut}</p>")).count(), 1, "the example: {html}");
    assert!(html.contains("<code>chime-sweep verify</code> shows"), "the hint: {html}");
    assert!(html.contains("class=\"number\">`</td>"), "a cell is shown as it is: {html}");
}

#[test]
fn the_date_of_the_run_is_in_the_title_and_the_header() {
    let rows = "vc,+10,x,failed,X,,1,r,2023-11-15T00:00:01Z\nvc,+11,x,succeeded,,,1,r,2023-11-14T22:13:20Z\n";
    for (run, date, period) in [
        (None, "14 November 2023", "14 November 2023, 22:13:20 to 15 November 2023, 00:00:01 UTC"),
        (Some(run_in(&[])), "24 November 2026", "24 November 2026, 01:11:00 to 01:11:09 UTC"),
    ] {
        let html = page_of_run(rows, false, run);
        assert!(html.contains(&format!(" · {date} · n.report.csv</title>")), "{html}");
        assert!(html.contains(&format!("chime-sweep <span>{period}</span>")), "{html}");
    }
    assert!(
        page("vc,+10,x,,,,0,,\n", false).contains("did not succeed · n.report.csv</title>"),
        "no time is known"
    );
}

/// A run in accounts and regions with these names, of which the last stopped early.
fn run_in(names: &[&str]) -> Run {
    let lane = |name: &&str| {
        serde_json::json!({
            "name": name, "account_id": "111122223333", "region": "eu-west-1", "target": "x", "rows": 20_000,
            "succeeded": 12_345, "failed": 6, "unknown": 7, "requests": 402, "throttled": 9, "rate_found": 12.25,
            "elapsed_seconds": 9.0, "stopped": null, "last_error": null,
        })
    };
    let mut lanes: Vec<Lane> = names.iter().map(|name| serde_json::from_value(lane(name)).unwrap()).collect();
    if let Some(last) = lanes.last_mut() {
        last.stopped = Some(crate::event::StopReason::Credentials);
        last.last_error = Some("ExpiredToken: <it> has expired".into());
    }
    let run = serde_json::json!({
        "target": "chime.test", "started_at": "2026-11-24T01:11:00Z", "elapsed_seconds": 9.0, "stopped": null,
        "requests": 1, "throttled": 0, "rate_found": null,
    });
    Run { lanes, ..serde_json::from_value(run).unwrap() }
}

#[test]
fn accounts_and_regions_are_a_table_if_there_are_several() {
    let row = "vc,+12065550101,x,failed,Rare,,1,r,\n";
    let html = page_of_run(row, false, Some(run_in(&["prod <b>", "dev"])));
    let table = html.split("class=\"cards lanes\"").nth(1).unwrap().split("</table>").next().unwrap();
    for cell in ["prod &#60;b&#62;", "12,345", "7,642", "402", "12.2 a second"] {
        assert!(table.contains(&format!(">{cell}</t")), "{cell}: {table}");
    }
    assert!(
        table.contains("<td role=\"cell\">111122223333<span class=\"when\">eu-west-1</span></td>"),
        "{table}"
    );
    assert!(table.contains("; last error: ExpiredToken: &#60;it&#62; has expired</td>"), "{table}");
    assert!(table.find(">dev<") < table.find(">prod "), "what stopped early comes first: {table}");
    for run in [None, Some(run_in(&[])), Some(run_in(&["prod"]))] {
        assert!(!page_of_run(row, false, run).contains("By account and region"));
    }
    assert!(!html.contains(" more</summary>"), "all are shown");
    let names: Vec<String> = (0..60).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(page_of_run(row, false, Some(run_in(&names))).contains("… and 10 more. The JSON"));
    assert!(page_of_run(row, false, Some(run_in(&names))).contains("<details><summary>40 more</summary>"));
}

#[test]
fn a_page_replaces_a_page_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    assert!(check(&path).is_ok(), "nothing is there");
    for content in ["", "dear diary", "<!doctype html>\n<html lang=\"en\">\n"] {
        std::fs::write(&path, content).unwrap();
        let error = check(&path).unwrap_err().to_string();
        assert!(error.contains("is not a chime-sweep page; it is not overwritten"), "{error}");
    }
    std::fs::write(&path, page("", false)).unwrap();
    assert!(check(&path).is_ok(), "it is a page");
}
