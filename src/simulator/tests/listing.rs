//! Pages, filters, and what a listing says of a number.

use serde_json::{Value, json};

use super::{Bench, Signer, disassociate, noon, seen};

const WORLD: &str = "
[[connector]]
id = 'a'
numbers = ['+12065550100', '+12065550101']
details = { name = 'Reception', country = 'CA', type = 'TollFree', product_type = 'VoiceConnector' }
[[connector]]
id = 'b'
numbers = ['+12065550102', '+18005550103']
[[group]]
id = 'g'
numbers = ['+493012345456']
[[sip_rule]]
id = 's'
numbers = ['+12065550102', '+12065550104']
[[unassigned]]
numbers = ['+12065550105']
[[deleted]]
numbers = ['+12065550106']
";

/// The last three digits of each number on a page, or the refusal.
fn page(bench: &mut Bench, query: &str) -> String {
    let (status, page) = bench.json("GET", &format!("/phone-numbers{query}"), "");
    if status != 200 {
        return format!("{status} {}", page["Message"].as_str().unwrap());
    }
    let last = |number: &Value| {
        let text = number["E164PhoneNumber"].as_str().unwrap();
        text[text.len() - 3..].to_owned()
    };
    let numbers: Vec<String> = page["PhoneNumbers"].as_array().unwrap().iter().map(last).collect();
    let token = page["NextToken"].as_str().map_or(String::new(), |token| format!(" {token}"));
    format!("{}{token}", numbers.join(","))
}

#[test]
fn filters_combine() {
    let mut bench = Bench::new(WORLD);
    let product = "product-type=SipMediaApplicationDialIn";
    let no_filter = "400 Value at 'filterName' or 'filterValue' is not valid";
    for (query, wanted) in [
        ("", "100,101,102,104,105,106,103,456"),
        ("?filter-name=VoiceConnectorId&filter-value=a", "100,101"),
        ("?filter-name=VoiceConnectorId&filter-value=b", "102,103"),
        ("?filter-name=VoiceConnectorId&filter-value=g", "404 the voice connector does not exist"),
        ("?filter-name=VoiceConnectorGroupId&filter-value=g", "456"),
        ("?filter-name=VoiceConnectorGroupId&filter-value=a", ""),
        ("?filter-name=SipRuleId&filter-value=s", "102,104"),
        ("?status=Unassigned", "105"),
        ("?status=DeleteInProgress", "106"),
        ("?status=Assigned", "100,101,102,104,103,456"),
        ("?status=Cancelled", ""),
        (&format!("?{product}"), "102,104"),
        (&format!("?{product}&status=Assigned&filter-name=VoiceConnectorId&filter-value=b"), "102"),
        ("?status=Unassigned&filter-name=VoiceConnectorId&filter-value=b", ""),
        ("?max-results=1&filter-name=VoiceConnectorId&filter-value=b", "102 sim-12065550102"),
        ("?max-results=1&filter-name=VoiceConnectorId&filter-value=b&next-token=sim-12065550102", "103"),
        ("?max-results=5&status=Assigned", "100,101,102,104,103 sim-18005550103"),
        ("?max-results=6&status=Assigned", "100,101,102,104,103,456"),
        ("?filter-name=OrderId&filter-value=x", no_filter),
        ("?filter-name=SipRuleId", no_filter),
        ("?filter-value=a", no_filter),
    ] {
        assert_eq!(page(&mut bench, query), wanted, "{query}");
    }
}

#[test]
fn a_page_has_a_limit_and_a_token_may_be_stuck() {
    let mut bench = Bench::new(&format!("page_limit = 3\n{WORLD}"));
    for (query, wanted) in [
        ("", "100,101,102 sim-12065550102"),
        ("?max-results=3&next-token=sim-12065550102", "104,105,106 sim-12065550106"),
        ("?max-results=4", "400 Value at 'maxResults' must be between 1 and 3"),
        ("?max-results=0", "400 Value at 'maxResults' must be between 1 and 3"),
        ("?next-token=x", "400 Value at 'nextToken' is not a token of this service"),
    ] {
        assert_eq!(page(&mut bench, query), wanted, "{query}");
    }
    assert_eq!(
        page(&mut Bench::new(WORLD), "?max-results=101"),
        "400 Value at 'maxResults' must be between 1 and 100"
    );
    let mut stuck = Bench::new(&format!("page_limit = 3\nrepeat_token = true\n{WORLD}"));
    for query in ["", "?next-token=sim-0", "?next-token=sim-0"] {
        assert_eq!(page(&mut stuck, query), "100,101,102 sim-0");
    }
    let (_, connectors) = stuck.json("GET", "/voice-connectors", "");
    assert_eq!(connectors["NextToken"], "sim-0");
}

#[test]
fn connectors_are_listed_by_pages() {
    let mut bench = Bench::new(&format!("page_limit = 1\nregion = 'eu-west-1'\n{WORLD}"));
    let (_, first) = bench.json("GET", "/voice-connectors", "");
    let (_, second) = bench.json("GET", "/voice-connectors?next-token=sim-1", "");
    let seen =
        |page: &Value| (page["VoiceConnectors"][0]["VoiceConnectorId"].clone(), page["NextToken"].clone());
    assert_eq!([seen(&first), seen(&second)], [(json!("a"), json!("sim-1")), (json!("b"), Value::Null)]);
    assert_eq!(first["VoiceConnectors"][0]["AwsRegion"], "eu-west-1");
}

#[test]
fn a_number_is_described_by_its_place_and_the_scenario() {
    let mut bench = Bench::new(WORLD);
    let mut about = |number: &str, keys: &[&str]| {
        let (_, answer) = bench.json("GET", &format!("/phone-numbers/{number}"), "");
        keys.iter()
            .map(|key| answer["PhoneNumber"][key].as_str().unwrap_or("-").to_owned())
            .collect::<Vec<_>>()
    };
    let keys = ["Name", "Country", "Type", "ProductType", "Status", "UpdatedTimestamp", "DeletionTimestamp"];
    let created = "2024-01-31T12:00:00.000Z";
    for (number, wanted) in [
        ("+12065550100", ["Reception", "CA", "TollFree", "VoiceConnector", "Assigned", created, "-"]),
        ("+18005550103", ["-", "US", "TollFree", "VoiceConnector", "Assigned", created, "-"]),
        ("+493012345456", ["-", "-", "Local", "VoiceConnector", "Assigned", created, "-"]),
        ("+12065550104", ["-", "US", "Local", "SipMediaApplicationDialIn", "Assigned", created, "-"]),
        ("+12065550105", ["-", "US", "Local", "VoiceConnector", "Unassigned", created, "-"]),
        ("+12065550106", ["-", "US", "Local", "VoiceConnector", "DeleteInProgress", created, created]),
    ] {
        assert_eq!(about(number, &keys), wanted, "{number}");
    }
    let delete = "/phone-numbers?operation=batch-delete";
    bench.json("POST", delete, r#"{"PhoneNumberIds":["+12065550105"]}"#);
    let (_, page) = bench.json("GET", "/phone-numbers?status=DeleteInProgress", "");
    let now = "2026-01-31T12:00:00.000Z";
    assert_eq!(page["PhoneNumbers"][0]["DeletionTimestamp"], now);
    let (_, page) = bench.json("GET", "/phone-numbers?filter-name=SipRuleId&filter-value=s", "");
    let association =
        |name: &str, id: &str| json!({ "Name": name, "Value": id, "AssociatedTimestamp": created });
    assert_eq!(
        page["PhoneNumbers"][0]["Associations"],
        json!([association("VoiceConnectorId", "b"), association("SipRuleId", "s")])
    );
    for (form, id) in [("plus", "+12065550100"), ("bare", "12065550100"), ("percent", "%2B12065550100")] {
        let mut bench = Bench::new(&format!("id_form = '{form}'\n{WORLD}"));
        assert_eq!(bench.json("GET", "/phone-numbers", "").1["PhoneNumbers"][0]["PhoneNumberId"], id);
    }
}

#[test]
fn a_listing_is_refused_limited_and_hit_like_any_call() {
    let mut bench = Bench::new(&format!("forbidden = ['b']\nmissing = ['a']\n{WORLD}"));
    let of = |id: &str| format!("?filter-name=VoiceConnectorId&filter-value={id}");
    assert_eq!(page(&mut bench, &of("a")), "404 the voice connector does not exist");
    assert_eq!(page(&mut bench, &of("b")), "403 the voice connector is not yours");

    let mut bench =
        Bench::new("[[fault]]\ndoes.error = { status = 500 }\noperation = 'list'\nattempts = [1]");
    let query = |n: u64| Signer::default().sign("GET", &format!("/phone-numbers?max-results={n}"), "");
    let statuses = [1, 1, 2, 2, 1].map(|n| seen(bench.ask(&query(n), 0)).0);
    assert_eq!(statuses, [500, 200, 500, 200, 200], "each page has its own attempts");
    assert_eq!(seen(bench.ask(&disassociate("a", &["+12065550100"]), 0)).0, 200);

    let mut bench = Bench::new(
        "[throttle]\nrate = 1\nburst = 2\n[[outage]]\nfrom = '5s'\nto = '6s'\ndoes.html = { status = 503 }",
    );
    let statuses = [0, 0, 0, 5_000].map(|at| bench.ask(&query(1), at).delivery.status().unwrap().as_u16());
    assert_eq!(statuses, [200, 200, 429, 503]);

    let mut bench = Bench::new("[[fault]]\ndoes = 'missing-key'\noperation = 'list'");
    assert_eq!(bench.json("GET", "/phone-numbers", ""), (200, json!({})));
    let stale = Signer { time: noon() - jiff::SignedDuration::from_mins(6), ..Signer::default() };
    assert_eq!(seen(bench.ask(&stale.sign("GET", "/phone-numbers", ""), 0)).0, 403);
}
