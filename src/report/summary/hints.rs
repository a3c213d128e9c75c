//! The usual fix for an error code.
//!
//! Says only what helps in most cases, and nothing for a code that it does not know. Must not guess from a message.

use crate::action::Action;

/// What to do about rows with this `error_code`, in a report of this `action`.
#[must_use]
pub(super) fn hint(action: Action, code: &str) -> Option<String> {
    let name = code.strip_suffix("Exception").unwrap_or(code);
    let name = if name.starts_with("Http5") { "ServiceUnavailable" } else { name };
    if matches!(name, "AccessDenied" | "Unauthorized" | "UnauthorizedClient") {
        return Some(format!(
            "the credentials need the action `{}`: `chime-sweep help permissions` has the policy",
            action.permission()
        ));
    }
    let of_connector = || of_connector(name).filter(|_| name != code && action.needs_connector());
    of_connector().or_else(|| of_action(action, name)).or_else(|| of_any(name)).map(str::to_owned)
}

/// What is said of a connector, and so of all its rows, has the long form (`NotFoundException`).
fn of_connector(name: &str) -> Option<&'static str> {
    Some(match name {
        "NotFound" => {
            "no such connector in this account and region: rerun with the right --region or --profile and --other-target; \
             if the id is wrong, correct it in the report, clear the status, then rerun"
        }
        "Forbidden" => CHECK_CONNECTORS,
        _ => return None,
    })
}

const CHECK_CONNECTORS: &str = "check that the connectors are in this account and region; the service gives the same answer \
                                for a connector that is gone, and for an account that is not enabled for Chime";

/// What a code means depends on what was to be done.
fn of_action(action: Action, name: &str) -> Option<&'static str> {
    use Action::{Associate, Delete, Disassociate, Restore};
    Some(match (name, action) {
        ("Forbidden" | "AllForbidden", Delete | Restore) => {
            "check that the numbers are in this account and region, and that the account is enabled for Chime"
        }
        ("NotFound" | "Gone", Disassociate) => {
            "the connector is there, but the number is not on it: often it was removed earlier, and nothing is left to \
             do; `chime-sweep verify` shows where it is"
        }
        ("NotFound" | "Gone", Associate) => {
            "the number is not in this account and region: a number that was released and not restored in time is lost"
        }
        ("NotFound" | "Gone", Delete) => {
            "the number is not in this account and region: often it has gone back to AWS, and nothing is left to do"
        }
        ("NotFound" | "Gone", Restore) => {
            "the number is not in the deletion queue: it was restored earlier, or it has gone back to AWS"
        }
        ("PhoneNumberAssociationsExist", Associate) => {
            "the number is on something else by now, and is left there: if it belongs here, remove that association, \
             then rerun"
        }
        ("PhoneNumberAssociationsExist", Delete) => {
            "only a number that is on nothing is released: remove it from what it is on, if it is to go, then rerun"
        }
        ("VoiceConnectorGroupAssociationsExist", Associate) => {
            "the number is in a connector group by now, and is left there: if it belongs here, take it out of the \
             group, then rerun"
        }
        ("InDeletionQueue", _) => {
            "the number was released: `chime-sweep undo` on the report of that release restores it; then rerun"
        }
        ("NotDone", _) => "the attempt without an answer has not worked: rerun sends it again",
        _ => return None,
    })
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn of_any(name: &str) -> Option<&'static str> {
    Some(match name {
        "Forbidden" => {
            "the connector is there, but this number is refused: `chime-sweep verify` and the console show what it is \
             on; AWS support can look up the request"
        }
        "AllForbidden" => CHECK_CONNECTORS,
        "PhoneNumberAssociationsExist" => {
            "something else still uses the number, such as a SIP rule or a user: remove that association, then rerun"
        }
        "VoiceConnectorGroupAssociationsExist" => {
            "the number or its connector still belongs to a voice connector group: take it out of the group, then rerun"
        }
        "ExpiredToken"
        | "TokenRefreshRequired"
        | "RequestExpired"
        | "CredentialsRefused"
        | "InvalidToken"
        | "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "NoCredentials"
        | "MissingAuthenticationToken"
        | "AuthFailure" => {
            "renew the credentials (`aws sso login`, or what you use), check them with `aws sts get-caller-identity`, \
             then rerun"
        }
        "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "RequestTimeTooSkewed"
        | "RequestInTheFuture" => "check the secret key and this machine's clock, then rerun",
        "BadRequest" | "Unprocessable" | "Validation" => {
            "the service does not accept the row as it stands: compare it with the console, correct it, clear its \
             status, then rerun"
        }
        "PreconditionFailed" | "Conflict" => "something else is changing the number: wait, then rerun",
        "ResourceLimitExceeded" | "LimitExceeded" => {
            "a quota of the account is used up: AWS support can say which"
        }
        "Throttled" | "Throttling" | "ThrottledClient" => {
            "the service was too busy for these numbers: rerun, with a lower --rate if it happens again"
        }
        "ServiceFailure" | "ServiceUnavailable" | "InternalServerError" | "InternalFailure" => {
            "the service had a failure of its own: rerun to find out what happened and to continue"
        }
        "Timeout" | "ConnectionLost" | "ConnectionReset" | "GarbledReply" | "ReplyTooLarge"
        | "UnattributedError" | "InternalError" => {
            "there was no definite answer: rerun to find out what happened and to continue"
        }
        "ConnectTimeout" | "ConnectionRefused" | "ConnectFailed" => {
            "the service was never reached: check the network, the proxy and --endpoint-url, then rerun"
        }
        "NameNotResolved" => {
            "check the region's name, --endpoint-url, the proxy's name and this machine's DNS, then rerun"
        }
        "ProxyAuthenticationRequired" => {
            "the proxy wants a user and a password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, then rerun"
        }
        "CertificateNotTrusted" => {
            "check the endpoint's name and this machine's clock; a proxy may need its own authority (--ca-bundle), then rerun"
        }
        "InvalidNumber" => "correct the number in the report (E.164, such as +12065550100), then rerun",
        "SpreadsheetDamage" => {
            "a spreadsheet has rewritten the number: take the column from its source again, as text; the lost digits \
             cannot be recovered from this file"
        }
        "RaggedRow" => {
            "the row has lost or gained a field: correct it in the report, clear its status, then rerun"
        }
        "Edited" => {
            "restore the connector and the number from the input, or clear the status to have the row sent as it stands"
        }
        "UnknownStatus" => "clear the status of a row that is to be sent; the others are not sent",
        "SuspectNumber" => {
            "take the numbers from their source again, as text, or clear the status of a row that is right"
        }
        "UnknownAction" => "the report is of a later version of chime-sweep",
        "OtherAction" => "put the rows of each action into a file of their own: a report has one",
        "BrokenUtf8" => "save the file as CSV in UTF-8",
        "EmptyConnector" | "InvalidConnector" => "fill in the connector's id in the report, then rerun",
        "InvalidRegion" => "correct the region in the report (such as us-east-1), then rerun",
        "EmptyProfile" => {
            "fill in the profile in the report, or name one for such rows with --profile, then rerun"
        }
        "EmptyAccount" => "fill in the account in the report, then rerun",
        "LeftOut" => "these were left out as you asked: rerun sends them",
        "WrongList" => {
            "nothing was changed: check that the file, the account and the region are the right ones; if they are, \
             --max-failures 100% sends the rest all the same"
        }
        "Deadline" | "Interrupted" | "Terminated" | "NotSent" => "these were not sent: rerun sends them",
        "TooManyFailures" => {
            "these were not sent because too many others failed: fix those first, then rerun"
        }
        "GaveUp" | "NeverReached" => "the service stayed unavailable: rerun when it is back",
        "Unspecified" => "the service gave no reason: rerun; AWS support can look up the request",
        "UnknownOperation" => "what answers does not know this call: check --endpoint-url, then rerun",
        _ if name.starts_with("Http") => {
            "something else than the service has answered: check the network (a portal, a proxy, a firewall) and \
             --endpoint-url, then rerun"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StopReason;

    #[test]
    fn a_code_has_one_hint_whatever_its_spelling() {
        let hint = |code| hint(Action::Disassociate, code);
        assert_eq!(hint("ExpiredTokenException"), hint("ExpiredToken"));
        assert_eq!((hint("Brandnew"), hint(""), hint("Exception")), (None, None, None));
    }

    #[test]
    fn a_hint_is_about_what_was_to_be_done() {
        for (action, code, part) in [
            (Action::Associate, "AccessDeniedException", "`chime:AssociatePhoneNumbersWithVoiceConnector`"),
            (Action::Delete, "AccessDenied", "`chime:BatchDeletePhoneNumber`"),
            (Action::Restore, "NotFoundException", "not in the deletion queue"),
            (Action::Associate, "NotFound", "the number is not in this account"),
            (Action::Associate, "NotFoundException", "no such connector"),
            (Action::Disassociate, "NotFoundException", "no such connector"),
            (Action::Disassociate, "NotFound", "the number is not on it"),
            (Action::Delete, "NotFoundException", "the number is not in this account"),
            (Action::Disassociate, "Forbidden", "this number is refused"),
            (Action::Disassociate, "ForbiddenException", "check that the connectors"),
            (Action::Delete, "ForbiddenException", "check that the numbers"),
            (Action::Associate, "PhoneNumberAssociationsExist", "is left there"),
            (Action::Delete, "PhoneNumberAssociationsExist", "on nothing"),
            (Action::Disassociate, "PhoneNumberAssociationsExist", "SIP rule"),
            (Action::Associate, "InDeletionQueue", "undo"),
            (Action::Delete, "NotDone", "sends it again"),
        ] {
            let told = hint(action, code).unwrap_or_default();
            assert!(told.contains(part), "{action} {code}: {told}");
            assert!(action == Action::Disassociate || !told.contains("removed earlier"), "{told}");
        }
    }

    /// In the service's model, and what the SDKs and this tool call what is not an answer.
    #[test]
    fn every_code_that_ends_a_row_has_a_hint_that_fits_on_two_lines() {
        let of_numbers = "BadRequest Conflict Forbidden NotFound PreconditionFailed ResourceLimitExceeded ServiceFailure \
                          AccessDenied ServiceUnavailable Throttled Throttling Unauthorized Unprocessable \
                          VoiceConnectorGroupAssociationsExist PhoneNumberAssociationsExist Gone Validation";
        let of_requests = "BadRequestException UnauthorizedClientException ForbiddenException NotFoundException \
                           ThrottledClientException ServiceFailureException ServiceUnavailableException \
                           AccessDeniedException ResourceLimitExceededException Http404 Http502 UnknownOperationException";
        let ours = "Timeout ConnectionLost ConnectionReset ConnectTimeout ConnectionRefused ConnectFailed GarbledReply \
                    ReplyTooLarge UnattributedError InternalError Unspecified NotDone InDeletionQueue InvalidRegion \
                    EmptyProfile EmptyAccount EmptyConnector InvalidConnector";
        let codes = [of_numbers, of_requests, ours].into_iter().flat_map(str::split_whitespace);
        for (code, action) in codes.flat_map(|code| Action::ALL.map(|action| (code, action))) {
            let told = hint(action, code).unwrap_or_default();
            assert!((20..=200).contains(&told.len()), "{action} {code}: {told}");
        }
    }

    #[test]
    fn every_reason_to_stop_early_has_a_hint() {
        use StopReason::{
            Credentials, Deadline, Forbidden, GaveUp, Interrupted, NeverReached, Terminated, TooManyFailures,
            WrongList,
        };
        for reason in [
            Credentials,
            Deadline,
            Forbidden,
            GaveUp,
            Interrupted,
            NeverReached,
            Terminated,
            TooManyFailures,
            WrongList,
        ] {
            assert!(Action::ALL.iter().all(|action| hint(*action, reason.code()).is_some()), "{reason:?}");
        }
    }
}
