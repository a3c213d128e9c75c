//! The service's client without its socket: it does what [`Client`](crate::aws::client::Client) does, on the simulated
//! service's core.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::wall;
use crate::action::Action;
use crate::aws::endpoint::{Endpoint, Variant};
use crate::aws::protocol::listing::{Page, Query};
use crate::aws::protocol::{ApiError, BatchReply, ErrorKind, listing, reply, request, sigv4};
use crate::pool::Submission;
use crate::region::Region;
use crate::simulator::{Delivery, Service};

#[derive(Clone)]
pub(super) struct Wire {
    pub(super) service: Arc<Mutex<Service>>,
    /// What requests are signed with.
    pub(super) keys: Credentials,
    /// The service's time when the process started, and the process's.
    pub(super) start: (Duration, Instant),
}

impl Wire {
    pub(super) async fn submit(self, action: Action, submission: Submission) -> Result<BatchReply, ApiError> {
        let Submission { connector, numbers } = &submission;
        let request = request::of_action(&endpoint(), action, connector, numbers).expect("a request");
        match action {
            Action::Restore => reply::of_one(self.call(request, reply::restored).await, numbers),
            _ => self.call(request, reply::batch).await,
        }
    }

    pub(super) async fn read(&self, query: &Query) -> Result<Page, ApiError> {
        let request = listing::request(&endpoint(), query).expect("a request");
        self.call(request, |json, _| listing::page(&query.what, json)).await
    }

    async fn call<T>(
        &self,
        mut request: http::Request<Bytes>,
        parse: impl FnOnce(&Value, Option<Box<str>>) -> Option<T>,
    ) -> Result<T, ApiError> {
        sigv4::sign(&mut request, "us-east-1", &self.keys, wall()).expect("signs");
        let elapsed = self.start.0 + self.start.1.elapsed();
        let answer = self.service.lock().expect("no panic").answer(&request, wall(), elapsed);
        tokio::time::sleep(answer.delay + Duration::from_millis(20)).await;
        match answer.delivery {
            Delivery::Reply(response) | Delivery::Drip(response, _) => {
                let (head, body) = response.into_parts();
                reply::interpret(head.status, &head.headers, &body, wall(), parse)
            }
            Delivery::Stall => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Err(no_answer("Timeout"))
            }
            Delivery::Drop | Delivery::Reset | Delivery::Cut(..) | Delivery::Flood(..) => {
                Err(no_answer("ConnectionLost"))
            }
        }
    }
}

fn endpoint() -> Endpoint {
    let region = Region::parse("us-east-1").expect("a region");
    Endpoint::of_region(region, Variant::default()).expect("an endpoint")
}

fn no_answer(code: &str) -> ApiError {
    ApiError {
        kind: ErrorKind::NoAnswer,
        status: None,
        code: code.into(),
        message: "scripted".into(),
        request_id: None,
    }
}
