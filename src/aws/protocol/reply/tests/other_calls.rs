//! The replies of every call but the first, as botocore reads them: fixtures/wire, a folder for each operation.

use super::super::{batch, restored};
use super::*;
use crate::aws::protocol::listing::{self, Association, Listed, ListedNumber, NumberFilter, Page};

/// What matters of a listed number; botocore writes times in another form.
fn gist(item: &Value) -> Vec<String> {
    let ListedNumber { number, status, product_type, kind, country, name, associations, .. } =
        ListedNumber::read(item);
    let holder = |Association { name, value, .. }: &Association| format!("{name}={value}");
    let own = [number, status, product_type, kind, country, name, listing::connector_id(item)];
    own.iter().map(ToString::to_string).chain(associations.iter().map(holder)).collect()
}

/// A page's entries and its token, or the numbers that a change was refused for.
fn gists(page: &Page) -> (Vec<Vec<String>>, Option<String>) {
    (page.items.iter().map(gist).collect(), page.next_token.as_deref().map(String::from))
}

/// What is read in a reply to this operation: entries, or errors.
type Read = Result<(Vec<Vec<String>>, Option<String>), ApiError>;

fn read(operation: &str, fixture: &Fixture) -> Read {
    let status = StatusCode::from_u16(fixture.status).unwrap();
    let headers = fixture
        .headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()));
    let (headers, body, now) = (headers.collect(), fixture.body.as_bytes(), Timestamp::UNIX_EPOCH);
    let changed = |reply: BatchReply| {
        let refused = |error: &NumberError| {
            vec![
                error.number.map(|number| number.e164().to_string()).unwrap_or_default(),
                error.code.to_string(),
            ]
        };
        (reply.errors.iter().map(refused).collect(), None)
    };
    let listed = |what: Listed| {
        interpret(status, &headers, body, now, |json, _| listing::page(&what, json)).map(|page| gists(&page))
    };
    match operation {
        "ListPhoneNumbers" => listed(Listed::Numbers(NumberFilter::default())),
        "ListVoiceConnectors" => listed(Listed::Connectors),
        "GetPhoneNumber" => listed(Listed::Number(PhoneNumber::parse("+12065550100").unwrap())),
        "RestorePhoneNumber" => interpret(status, &headers, body, now, restored).map(changed),
        _ => interpret(status, &headers, body, now, batch).map(changed),
    }
}

/// The same in what botocore has read; `None` if the answer lacks what was asked for, which botocore takes for success.
fn expected(operation: &str, output: &Value) -> Option<(Vec<Vec<String>>, Option<String>)> {
    let token = output["NextToken"].as_str().filter(|token| !token.is_empty()).map(String::from);
    let items = |key: &str| Some(output[key].as_array()?.iter().map(gist).collect());
    match operation {
        "ListPhoneNumbers" => Some((items("PhoneNumbers")?, token)),
        "ListVoiceConnectors" => Some((items("VoiceConnectors")?, token)),
        "GetPhoneNumber" => output.get("PhoneNumber").map(|number| (vec![gist(number)], None)),
        "RestorePhoneNumber" => output.get("PhoneNumber").map(|_| (Vec::new(), None)),
        _ => {
            let errors = number_errors(output.get("PhoneNumberErrors")?);
            let refused = |error: NumberError| {
                let number = error.number.map(|number| number.e164().to_string());
                vec![number.unwrap_or_default(), error.code.into()]
            };
            Some((errors.into_iter().map(refused).collect(), None))
        }
    }
}

#[test]
fn every_reply_is_read_as_botocore_does_but_a_garbled_success_is_an_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire");
    let folders = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut compared = 0;
    for folder in folders {
        let operation = folder.file_name().unwrap().to_string_lossy().into_owned();
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.display();
            let fixture: Fixture = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let ours = read(&operation, &fixture);
            match (&fixture.botocore.error, &fixture.botocore.output) {
                (Some(read), None) => {
                    let error = ours.expect_err(&fixture.body);
                    assert_eq!((&*error.code, &*error.message), (&*read.code, &*read.message), "{name}");
                }
                (None, Some(output)) => match expected(&operation, output) {
                    Some(read) => assert_eq!(ours.unwrap(), read, "{name}"),
                    None => assert_eq!(&*ours.unwrap_err().code, "GarbledReply", "{name}"),
                },
                _ => panic!("{name}: neither error nor output"),
            }
            compared += 1;
        }
    }
    assert!(compared >= 57, "fixtures are missing: {compared}");
}

#[test]
fn a_number_that_is_not_in_the_queue_is_refused_as_a_number() {
    let number = PhoneNumber::parse("+12065550100").unwrap();
    let error = |kind| ApiError::without_reply(kind, "NotFoundException", "gone".into());
    let reply = of_one(Err(error(ErrorKind::NotFound)), &[number]).unwrap();
    assert_eq!((reply.errors[0].number, &*reply.errors[0].code), (Some(number), "NotFound"));
    assert!(of_one(Err(error(ErrorKind::NoAnswer)), &[number]).is_err());
}
