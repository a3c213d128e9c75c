//! The requests that only read (`ListPhoneNumbers`, `GetPhoneNumber`, `ListVoiceConnectors`), and what their replies say.
//!
//! Must not drop an entry that it cannot read, or guess at one: what is missing is empty, and unknown words are kept.

use std::fmt;

use bytes::Bytes;
use http::header::HOST;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::reply::member;
use super::request::{RequestError, UNRESERVED};
use crate::aws::endpoint::Endpoint;
use crate::number::PhoneNumber;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// The numbers of the account that fit.
    Numbers(NumberFilter),
    /// One number.
    Number(PhoneNumber),
    /// The account's connectors in the region.
    Connectors,
}

/// Which numbers are listed. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberFilter {
    /// `Assigned`, `Unassigned` …
    pub status: Option<&'static str>,
    /// `VoiceConnector` …
    pub product_type: Option<&'static str>,
    /// Where they are, and the id of that.
    pub on: Option<(Holder, Box<str>)>,
}

/// What a number can be associated with, as far as the service can filter by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A voice connector.
    Connector,
    /// A group of voice connectors.
    Group,
    /// A SIP rule.
    SipRule,
}

impl Holder {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Connector, Self::Group, Self::SipRule];

    /// The service's name: of the filter, and of an association.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connector => "VoiceConnectorId",
            Self::Group => "VoiceConnectorGroupId",
            Self::SipRule => "SipRuleId",
        }
    }
}

/// One request: a page of a list, or one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What is asked for.
    pub what: Listed,
    /// The most entries of a page.
    pub page_size: u8,
    /// Of the page before.
    pub next_token: Option<Box<str>>,
}

impl Listed {
    /// The IAM action that it needs.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "chime:ListPhoneNumbers",
            Self::Number(_) => "chime:GetPhoneNumber",
            Self::Connectors => "chime:ListVoiceConnectors",
        }
    }
}

/// The unsigned request, with its query as botocore writes it.
///
/// # Errors
/// If the parts do not form a URI: an id or a token is far too long.
pub fn request(endpoint: &Endpoint, query: &Query) -> Result<http::Request<Bytes>, RequestError> {
    let (size, token) = (query.page_size.to_string(), query.next_token.as_deref());
    let page = [("max-results", Some(&*size)), ("next-token", token)];
    let target = match &query.what {
        Listed::Numbers(NumberFilter { status, product_type, on }) => {
            let (holder, id) = on.as_ref().map(|(holder, id)| (holder.name(), &**id)).unzip();
            let filter = [
                ("status", *status),
                ("product-type", *product_type),
                ("filter-name", holder),
                ("filter-value", id),
            ];
            format!("/phone-numbers?{}", joined(filter.into_iter().chain(page)))
        }
        Listed::Number(number) => {
            format!("/phone-numbers/{}", utf8_percent_encode(&number.e164().to_string(), UNRESERVED))
        }
        Listed::Connectors => format!("/voice-connectors?{}", joined(page)),
    };
    http::Request::get(format!("{endpoint}{target}"))
        .header(HOST, endpoint.authority())
        .body(Bytes::new())
        .map_err(|source| RequestError::Uri { length: target.len(), source })
}

fn joined<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let pair = |(name, value): (&str, Option<&str>)| {
        Some(format!("{name}={}", utf8_percent_encode(value?, UNRESERVED)))
    };
    pairs.into_iter().filter_map(pair).collect::<Vec<_>>().join("&")
}

/// A page of a list, or the one number that was asked for.
#[derive(Clone, PartialEq, Default)]
pub struct Page {
    /// The entries, for [`ListedNumber::read`] or [`connector_id`].
    pub items: Vec<Value>,
    /// There is another page.
    pub next_token: Option<Box<str>>,
}

/// What a reply of 200 says; `None` if it is not an answer to this request.
#[must_use]
pub fn page(what: &Listed, json: &Value) -> Option<Page> {
    let list = |name: &str| {
        let next_token = member(json, &["NextToken"]).filter(|token| !token.is_empty()).map(Into::into);
        Some(Page { items: json[name].as_array()?.clone(), next_token })
    };
    match what {
        Listed::Numbers(_) => list("PhoneNumbers"),
        Listed::Connectors => list("VoiceConnectors"),
        Listed::Number(_) => {
            let number = Some(&json["PhoneNumber"]).filter(|number| number.is_object())?;
            Some(Page { items: vec![number.clone()], next_token: None })
        }
    }
}

/// The id of a listed connector; empty if it has none.
#[must_use]
pub fn connector_id(item: &Value) -> Box<str> {
    text(item, "VoiceConnectorId")
}

/// A number as the service lists it. What it does not say is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct ListedNumber {
    /// As the service wrote it: not always a number in E.164 format.
    pub number: Box<str>,
    /// `Assigned`, `Unassigned`, `ReleaseInProgress` …
    pub status: Box<str>,
    /// `VoiceConnector`, `SipMediaApplicationDialIn` …
    pub product_type: Box<str>,
    /// `Local` or `TollFree`.
    pub kind: Box<str>,
    /// `US` …
    pub country: Box<str>,
    /// What the account calls it.
    pub name: Box<str>,
    /// What the called see.
    pub calling_name: Box<str>,
    /// The order that brought it into the account.
    pub order_id: Box<str>,
    /// When it came into the account, in RFC 3339 format, as are the other times.
    pub created: Box<str>,
    /// When it was last changed.
    pub updated: Box<str>,
    /// When it was put into the deletion queue.
    pub deleted: Box<str>,
    /// What it is associated with.
    pub associations: Vec<Association>,
}

/// What a number is associated with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// A [`Holder`]'s name, or another.
    pub name: Box<str>,
    /// Its id.
    pub value: Box<str>,
    /// Since when.
    pub at: Box<str>,
}

impl ListedNumber {
    /// Reads an entry. One that is not an object has nothing but empty fields.
    #[must_use]
    pub fn read(item: &Value) -> Self {
        let association = |item: &Value| Association {
            name: text(item, "Name"),
            value: text(item, "Value"),
            at: text(item, "AssociatedTimestamp"),
        };
        let number = ["E164PhoneNumber", "PhoneNumberId"].map(|name| text(item, name));
        Self {
            number: number.into_iter().find(|number| !number.is_empty()).unwrap_or_default(),
            status: text(item, "Status"),
            product_type: text(item, "ProductType"),
            kind: text(item, "Type"),
            country: text(item, "Country"),
            name: text(item, "Name"),
            calling_name: text(item, "CallingName"),
            order_id: text(item, "OrderId"),
            created: text(item, "CreatedTimestamp"),
            updated: text(item, "UpdatedTimestamp"),
            deleted: text(item, "DeletionTimestamp"),
            associations: item["Associations"].as_array().into_iter().flatten().map(association).collect(),
        }
    }

    /// The number, if it is in E.164 format.
    #[must_use]
    pub fn e164(&self) -> Option<PhoneNumber> {
        PhoneNumber::parse(&self.number).ok()
    }

    /// Its associations with this kind of holder.
    pub fn on(&self, holder: Holder) -> impl Iterator<Item = &Association> {
        self.associations.iter().filter(move |association| &*association.name == holder.name())
    }

    /// Its first association with something else.
    #[must_use]
    pub fn on_something_else(&self) -> Option<&Association> {
        let is_known =
            |association: &Association| Holder::ALL.iter().any(|holder| holder.name() == &*association.name);
        self.associations.iter().find(|association| !is_known(association))
    }

    /// Whether it is in the deletion queue.
    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        !self.deleted.is_empty() || matches!(&*self.status, "ReleaseInProgress" | "DeleteInProgress")
    }
}

impl fmt::Debug for ListedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, associations, .. } = self;
        let mut fields = f.debug_struct("ListedNumber");
        fields.field("number", &self.e164()).field("status", status).field("associations", associations);
        fields.finish_non_exhaustive()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

fn text(item: &Value, name: &str) -> Box<str> {
    member(item, &[name]).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use serde_json::json;

    use super::*;
    use crate::aws::endpoint::Variant;
    use crate::aws::protocol::sigv4;
    use crate::region::Region;

    fn query(what: Listed, next_token: Option<&str>) -> Query {
        Query { what, page_size: 100, next_token: next_token.map(Into::into) }
    }

    /// The URLs and signatures are botocore 1.44.5's for these calls.
    #[test]
    fn requests_are_signed_as_botocore_signs_them() {
        let filter = NumberFilter {
            status: Some("Unassigned"),
            product_type: Some("VoiceConnector"),
            on: Some((Holder::Connector, "a b+c/é".into())),
        };
        let number = PhoneNumber::parse("+12065550100").unwrap();
        let token = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJH+/==";
        for (query, token, url, signature) in [
            (
                query(Listed::Numbers(filter), Some("x+/=y&z%")),
                None,
                "/phone-numbers?status=Unassigned&product-type=VoiceConnector&filter-name=VoiceConnectorId\
                 &filter-value=a%20b%2Bc%2F%C3%A9&max-results=100&next-token=x%2B%2F%3Dy%26z%25",
                "SignedHeaders=host;x-amz-date, \
                 Signature=3dca3449adb4eae012c4885503bbc2faf719942894f93da1062281a04371c27a",
            ),
            (
                query(Listed::Number(number), None),
                Some(token.to_owned()),
                "/phone-numbers/%2B12065550100",
                "SignedHeaders=host;x-amz-date;x-amz-security-token, \
                 Signature=60df269d45da0ba1401f0148b662037ff44cde505cf2680faf8f6614bde3831f",
            ),
            (
                query(Listed::Connectors, Some("a~b")),
                None,
                "/voice-connectors?max-results=100&next-token=a~b",
                "SignedHeaders=host;x-amz-date, \
                 Signature=dcde10ee9750a83c3a6861dd656b3449f216232e24b7ad738daae9ac5450d533",
            ),
        ] {
            let endpoint =
                Endpoint::of_region(Region::parse("us-east-1").unwrap(), Variant::default()).unwrap();
            let mut request = request(&endpoint, &query).unwrap();
            assert_eq!(request.uri(), &*format!("https://voice-chime.us-east-1.amazonaws.com{url}"));
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
            let time = "2026-03-14T12:34:56Z".parse().unwrap();
            sigv4::sign(&mut request, "us-east-1", &credentials, time).unwrap();
            let authorization = request.headers()["authorization"].to_str().unwrap();
            assert!(authorization.ends_with(signature), "{url}: {authorization}");
            // What the HTTP client makes of it is what was signed.
            let parsed: reqwest::Url = request.uri().to_string().parse().unwrap();
            assert_eq!(parsed.as_str(), request.uri().to_string());
        }
    }

    #[test]
    fn a_page_has_its_key_and_perhaps_a_token() {
        let (numbers, number) =
            (Listed::Numbers(NumberFilter::default()), PhoneNumber::parse("+20").unwrap());
        let number = Listed::Number(number);
        for (what, json, expected) in [
            (&numbers, json!({ "PhoneNumbers": [{}, 7], "NextToken": "t" }), Some((2, Some("t")))),
            (&numbers, json!({ "PhoneNumbers": [], "NextToken": "" }), Some((0, None))),
            (&numbers, json!({ "PhoneNumbers": [], "NextToken": null }), Some((0, None))),
            (&numbers, json!({ "VoiceConnectors": [] }), None),
            (&numbers, json!({ "PhoneNumbers": null }), None),
            (&Listed::Connectors, json!({ "VoiceConnectors": [{}] }), Some((1, None))),
            (&Listed::Connectors, json!({ "PhoneNumbers": [] }), None),
            (&number, json!({ "PhoneNumber": {} }), Some((1, None))),
            (&number, json!({ "PhoneNumber": null }), None),
            (&number, json!({}), None),
        ] {
            let page = page(what, &json);
            let page = page.as_ref().map(|page| (page.items.len(), page.next_token.as_deref()));
            assert_eq!(page, expected, "{json}");
        }
    }

    #[test]
    fn an_entry_is_kept_whatever_it_says() {
        let number = ListedNumber::read(&json!({
            "PhoneNumberId": "%2B12065550100",
            "Status": "Teleported",
            "Name": null,
            "Country": 7,
            "Associations": [
                { "Name": "UserId", "Value": "u" },
                { "Name": "SipRuleId", "Value": "s", "AssociatedTimestamp": "2024-01-31T12:00:00.000Z" },
                "oops",
            ],
        }));
        assert_eq!(
            (&*number.number, &*number.status, &*number.country),
            ("%2B12065550100", "Teleported", "7")
        );
        assert_eq!(number.e164().unwrap().e164().to_string(), "+12065550100");
        assert_eq!(number.associations.len(), 3);
        assert_eq!(number.on(Holder::SipRule).next().map(|it| &*it.at), Some("2024-01-31T12:00:00.000Z"));
        assert_eq!(number.on_something_else().map(|it| &*it.value), Some("u"));
        assert!(!number.is_being_deleted());
        let shown = format!("{number:?}");
        assert!(shown.contains("…0100") && !shown.contains("2065550"), "{shown}");
        let nothing = ListedNumber::read(&json!("oops"));
        assert_eq!((&*nothing.number, nothing.e164()), ("", None));
    }
}
