//! The simulated account's STS, which answers `GetCallerIdentity` and nothing else.
//!
//! Must not know of faults or rates: a job's service is not STS.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::wire::{Refusal, Stamp, reply, set};

/// The simulated account: no real one has this id.
pub(super) const ACCOUNT: &str = "000000000000";

/// Answers a request, whose signature is `verified`. STS writes XML.
pub(super) fn answer(
    request: &Request<Bytes>,
    verified: Result<(), Refusal>,
    stamp: &Stamp,
) -> Response<Bytes> {
    let is_known = request.body().split(|byte| *byte == b'&').any(|pair| pair == b"Action=GetCallerIdentity");
    let known = || match is_known {
        true => Ok(()),
        false => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            "the simulator has only GetCallerIdentity",
        )),
    };
    let id = &stamp.request_id;
    let (status, body) = match verified.and_then(|()| known()) {
        Ok(()) => (
            StatusCode::OK,
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/simulated</Arn><UserId>AIDASIMULATED</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
            ),
        ),
        Err(refusal) => {
            let (code, message) = refusal.words();
            (
                refusal.status,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
                ),
            )
        }
    };
    let mut response = reply(status, body.into(), stamp);
    set(&mut response, "content-type", "text/xml");
    response
}
