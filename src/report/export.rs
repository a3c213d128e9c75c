//! The numbers that the service lists, as CSV that `run` takes as it is.
//!
//! A row per number and connector. A number that a connector's call cannot remove has no connector in its row, and a note
//! that says why: `input` passes over such rows. Must not drop a number that was asked for, whatever is odd about it.

use jiff::Timestamp;

use super::cell::armed;
use super::write::Place;
use crate::aws::protocol::listing::{Association, Holder, ListedNumber};

/// The header. `status` is the service's; that of a run's report is further right.
const HEADER: [&str; 18] = [
    "voice_connector_id",
    "phone_number",
    "status",
    "product_type",
    "type",
    "country",
    "name",
    "associated_at",
    "region",
    "account_id",
    "calling_name",
    "order_id",
    "created_at",
    "updated_at",
    "deletion_at",
    "group_id",
    "sip_rule_id",
    "note",
];

/// Which numbers are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Only those that are on nothing.
    pub(crate) unassigned: bool,
    /// Only those whose name contains this, whatever its case.
    pub(crate) name_like: Option<String>,
    /// Only those that have been where they are since before then.
    pub(crate) associated_before: Option<Timestamp>,
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Rows that a run would send.
    pub(crate) removable: u64,
    /// Numbers on nothing.
    pub(crate) unassigned: u64,
    /// Numbers that a connector's call cannot remove.
    pub(crate) kept: u64,
    /// Rows left out because the service does not say since when the number is where it is.
    pub(crate) without_time: u64,
}

/// Rows being written.
pub(crate) struct Export<'a> {
    rows: csv::Writer<Vec<u8>>,
    wanted: &'a Wanted,
    place: Place<'a>,
    exported: Exported,
}

/// Where a number is: a row of it.
struct Spot<'a> {
    kind: Kind,
    connector: &'a str,
    since: &'a str,
    note: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// On a connector.
    Removable,
    /// On something else, or being deleted.
    Kept,
    /// On nothing.
    Unassigned,
}

impl<'a> Export<'a> {
    /// The header alone.
    pub(crate) fn new(wanted: &'a Wanted, place: Place<'a>) -> Self {
        let mut export =
            Self { rows: csv::Writer::from_writer(Vec::new()), wanted, place, exported: Exported::default() };
        export.push(HEADER);
        export
    }

    /// Memory takes everything, and every row has as many cells as the header.
    fn push(&mut self, cells: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        drop(self.rows.write_record(cells));
    }

    /// Adds the rows of a number. `of`: the connector whose list it is in, if it is in one's; then only its row.
    pub(crate) fn add(&mut self, number: &ListedNumber, of: Option<&str>) {
        let name = number.name.to_lowercase();
        let Wanted { unassigned, name_like, associated_before } = self.wanted;
        if name_like.as_ref().is_some_and(|like| !name.contains(&like.to_lowercase())) {
            return;
        }
        for spot in spots(number, of) {
            if *unassigned && spot.kind != Kind::Unassigned {
                continue;
            }
            if let Some(before) = associated_before {
                let since: Option<Timestamp> = spot.since.parse().ok();
                let is_on_something = !spot.connector.is_empty() || !spot.since.is_empty();
                self.exported.without_time += u64::from(since.is_none() && is_on_something);
                if since.is_none_or(|since| since >= *before) {
                    continue;
                }
            }
            match spot.kind {
                Kind::Removable => self.exported.removable += 1,
                Kind::Kept => self.exported.kept += 1,
                Kind::Unassigned => self.exported.unassigned += 1,
            }
            self.write(number, &spot);
        }
    }

    fn write(&mut self, number: &ListedNumber, spot: &Spot<'_>) {
        let e164 = number.e164().map(|number| number.e164().to_string());
        let id = |holder| number.on(holder).next().map_or("", |association| &association.value);
        let Place { account_id, region, .. } = self.place;
        let texts = [
            &number.status,
            &number.product_type,
            &number.kind,
            &number.country,
            &number.name,
            spot.since,
            region.unwrap_or_default(),
            account_id.unwrap_or_default(),
            &number.calling_name,
            &number.order_id,
            &number.created,
            &number.updated,
            &number.deleted,
            id(Holder::Group),
            id(Holder::SipRule),
            &spot.note,
        ];
        let number = e164.map_or_else(|| armed(&number.number), Into::into); // with its `+`, as in a report
        let cells = [armed(spot.connector), number].into_iter().chain(texts.into_iter().map(armed));
        self.push(cells.map(|cell| cell.into_owned().into_bytes()));
    }

    /// The CSV, and what is in it.
    pub(crate) fn finish(self) -> (Vec<u8>, Exported) {
        (self.rows.into_inner().unwrap_or_default(), self.exported)
    }
}

/// The rows of a number; one at least.
fn spots<'a>(number: &'a ListedNumber, of: Option<&'a str>) -> Vec<Spot<'a>> {
    let first = |holder| number.on(holder).next();
    let elsewhere = first(Holder::SipRule).or(first(Holder::Group)).or(number.on_something_else());
    let unplaced = |kind, since, note| vec![Spot { kind, connector: "", since, note }];
    if let Some(association) = elsewhere {
        let note = format!("not for this call: {}", on(association));
        return unplaced(Kind::Kept, &association.at, note);
    }
    let is_listed = |id: &str| of.is_none_or(|of| *id == *of);
    let on = number.on(Holder::Connector).filter(|association| is_listed(&association.value));
    let mut on: Vec<_> = on.map(|association| (&*association.value, &*association.at)).collect();
    if on.is_empty() {
        on.extend(of.map(|of| (of, "")));
    }
    if on.is_empty() {
        return match number.is_being_deleted() {
            true => unplaced(Kind::Kept, "", "in the deletion queue".to_owned()),
            false => unplaced(Kind::Unassigned, "", "on no connector".to_owned()),
        };
    }
    let note = if number.e164().is_some() { "" } else { "not a number in E.164 format" };
    let spot = |(connector, since)| Spot { kind: Kind::Removable, connector, since, note: note.to_owned() };
    on.into_iter().map(spot).collect()
}

/// What a number is on, in words.
fn on(association: &Association) -> String {
    let Association { name, value, .. } = association;
    match &**name {
        name if name == Holder::SipRule.name() => format!("on SIP rule {value}"),
        name if name == Holder::Group.name() => format!("in connector group {value}"),
        name => format!("on {name} {value}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn association(name: &str, value: &str) -> Value {
        json!({ "Name": name, "Value": value, "AssociatedTimestamp": "2024-01-31T12:00:00.000Z" })
    }

    /// The connector, the number, the note and the name of each row.
    fn rows(items: &[Value], of: Option<&str>, wanted: &Wanted) -> (Vec<[String; 4]>, Exported) {
        let mut export = Export::new(wanted, Place { account_id: Some("1234"), ..Place::default() });
        items.iter().for_each(|item| export.add(&ListedNumber::read(item), of));
        let (csv, exported) = export.finish();
        let mut reader = csv::Reader::from_reader(&*csv);
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            assert_eq!((&row[8], &row[9]), ("", "1234"));
            [0, 1, 17, 6].map(|at| row[at].to_owned())
        });
        (rows.collect(), exported)
    }

    #[test]
    fn a_row_says_what_a_call_can_remove_and_why_not() {
        let number = "+12065550100";
        let of = |associations: Value| json!({ "E164PhoneNumber": number, "Associations": associations });
        let (vc, other) = (association("VoiceConnectorId", "vc"), association("VoiceConnectorId", "other"));
        let (group, rule) = (association("VoiceConnectorGroupId", "g"), association("SipRuleId", "s"));
        for (item, listed_at, expected) in [
            (of(json!([vc])), None, vec![("vc", "")]),
            (of(json!([vc, other])), None, vec![("vc", ""), ("other", "")]),
            (of(json!([vc, other])), Some("vc"), vec![("vc", "")]),
            (of(json!([])), Some("vc"), vec![("vc", "")]),
            (of(json!([])), None, vec![("", "on no connector")]),
            (of(json!([vc, group])), None, vec![("", "not for this call: in connector group g")]),
            (of(json!([vc, rule])), Some("vc"), vec![("", "not for this call: on SIP rule s")]),
            (of(json!([association("UserId", "u")])), None, vec![("", "not for this call: on UserId u")]),
            (
                json!({ "E164PhoneNumber": number, "Status": "ReleaseInProgress" }),
                None,
                vec![("", "in the deletion queue")],
            ),
        ] {
            let (rows, exported) = rows(std::slice::from_ref(&item), listed_at, &Wanted::default());
            let rows: Vec<_> = rows.iter().map(|[vc, it, note, _]| (&**vc, &**it, &**note)).collect();
            let expected: Vec<_> = expected.iter().map(|(vc, note)| (*vc, number, *note)).collect();
            assert_eq!(rows, expected, "{item}");
            let Exported { removable, unassigned, kept, .. } = exported;
            assert_eq!(removable + unassigned + kept, rows.len() as u64);
        }
    }

    #[test]
    fn a_cell_is_harmless_and_nothing_odd_is_lost() {
        let items = [
            json!({ "PhoneNumberId": "=1+1", "Name": "=HYPERLINK(1)", "Associations": [association("VoiceConnectorId", "-vc")] }),
            json!({ "PhoneNumberId": "%2B12065550100", "Name": "a,\"b\"\nc" }),
            json!("oops"),
        ];
        let (rows, _) = rows(&items, None, &Wanted::default());
        assert_eq!(rows[0], ["'-vc", "'=1+1", "not a number in E.164 format", "'=HYPERLINK(1)"]);
        assert_eq!(rows[1], ["", "+12065550100", "on no connector", "a,\"b\" c"]);
        assert_eq!(rows[2], ["", "", "on no connector", ""]);
    }

    #[test]
    fn only_what_is_wanted_is_listed() {
        let item = |name: &str, associations: Value| json!({ "E164PhoneNumber": "+20", "Name": name, "Associations": associations });
        let undated = json!({ "Name": "VoiceConnectorId", "Value": "vc" });
        let items = [
            item("Büro Nord", json!([association("VoiceConnectorId", "vc")])),
            item("BÜRO", json!([])),
            item("undated", json!([undated])),
            json!({ "E164PhoneNumber": "+20", "Name": "gone", "DeletionTimestamp": "2024-01-31T12:00:00Z" }),
        ];
        let before = |time: &str| Some(time.parse().unwrap());
        for (wanted, expected, without_time) in [
            (Wanted::default(), vec!["Büro Nord", "BÜRO", "undated", "gone"], 0),
            (Wanted { unassigned: true, ..Wanted::default() }, vec!["BÜRO"], 0),
            (Wanted { name_like: Some("büro".into()), ..Wanted::default() }, vec!["Büro Nord", "BÜRO"], 0),
            (
                Wanted { associated_before: before("2024-01-31T12:00:01Z"), ..Wanted::default() },
                vec!["Büro Nord"],
                1,
            ),
            (Wanted { associated_before: before("2024-01-31T12:00:00Z"), ..Wanted::default() }, vec![], 1),
        ] {
            let (rows, exported) = rows(&items, None, &wanted);
            let names: Vec<_> = rows.iter().map(|[.., name]| name.as_str()).collect();
            assert_eq!((names, exported.without_time), (expected, without_time), "{wanted:?}");
        }
    }
}
