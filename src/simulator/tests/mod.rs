//! What the tests of the simulator share: requests, signed by AWS's own code.

mod account;
mod faults;
mod lanes;
mod listing;
mod scenarios;
mod server;
mod service;
mod signature;
mod sts;

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::Value;

use super::{ACCESS_KEY_ID, Answer, Delivery, SECRET_ACCESS_KEY, Scenario, Service};

/// The time that all tests use.
const NOON: &str = "2026-01-31T12:00:00Z";

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

/// A scenario from TOML.
fn scenario(text: &str) -> Scenario {
    Scenario::from_toml(text, Path::new("test.toml")).unwrap()
}

/// How a request is signed; the default is valid for the simulator.
struct Signer<'a> {
    key: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
    time: Timestamp,
    region: &'a str,
    service: &'a str,
}

impl Default for Signer<'_> {
    fn default() -> Self {
        Self {
            key: ACCESS_KEY_ID,
            secret: SECRET_ACCESS_KEY,
            token: None,
            time: noon(),
            region: "eu-west-1",
            service: "chime",
        }
    }
}

impl Signer<'_> {
    fn sign(&self, method: &str, address: &str, body: &str) -> Request<Bytes> {
        let url = format!("http://localhost{address}");
        let token = self.token.map(str::to_owned);
        let identity = Credentials::new(self.key, self.secret, token, None, "test").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::try_from(self.time).unwrap())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [("host", "localhost"), ("content-type", "application/json")];
        let signable =
            SignableRequest::new(method, &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
                .unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }
}

fn body(numbers: &[&str]) -> String {
    serde_json::json!({ "E164PhoneNumbers": numbers }).to_string()
}

/// A signed disassociate call.
fn disassociate(connector: &str, numbers: &[&str]) -> Request<Bytes> {
    let address = format!("/voice-connectors/{connector}?operation=disassociate-phone-numbers");
    Signer::default().sign("POST", &address, &body(numbers))
}

/// A service, and the calls that tests make most.
struct Bench(Service);

impl Bench {
    fn new(text: &str) -> Self {
        Self(Service::new(scenario(text)))
    }

    fn ask(&mut self, request: &Request<Bytes>, at_millis: u64) -> Answer {
        self.0.answer(request, noon(), Duration::from_millis(at_millis))
    }

    /// The status and the body of the answer to a disassociate call.
    fn call(&mut self, connector: &str, numbers: &[&str]) -> (u16, String) {
        seen(self.ask(&disassociate(connector, numbers), 0))
    }

    /// The status and the body of the answer to any call.
    fn json(&mut self, method: &str, address: &str, body: &str) -> (u16, Value) {
        let (status, text) = seen(self.ask(&Signer::default().sign(method, address, body), 0));
        (status, serde_json::from_str(&text).unwrap())
    }

    fn applied(&self) -> u64 {
        self.0.tally().applied
    }
}

fn reply(answer: Answer) -> Response<Bytes> {
    match answer.delivery {
        Delivery::Reply(response) => response,
        other => panic!("{other:?} is not a whole reply"),
    }
}

fn seen(answer: Answer) -> (u16, String) {
    let response = reply(answer);
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The numbers that a reply refuses, by id, with their codes.
fn codes(body: &str) -> Vec<(String, String)> {
    let answer: Value = serde_json::from_str(body).unwrap();
    let errors = answer["PhoneNumberErrors"].as_array().unwrap();
    let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
    errors.iter().map(|error| (text(error, "PhoneNumberId"), text(error, "ErrorCode"))).collect()
}

fn pair(id: &str, code: &str) -> (String, String) {
    (id.to_owned(), code.to_owned())
}
