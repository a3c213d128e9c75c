//! What is known about each connector: which ones worked, which the service refuses, and whether a denial is about one
//! connector or about the caller.
//!
//! Pure bookkeeping; must not send, settle or stop anything.

use std::collections::{HashMap, HashSet};

use crate::aws::protocol::{ApiError, ErrorKind};
use crate::input::ConnectorId;

/// Up to this many different connectors denied in a row, without a success between them, are taken as separate
/// denials; more are about the caller. A policy that names connectors denies a few of them, a policy that was removed
/// denies all.
const DENIALS_IN_A_ROW: usize = 3;
/// How many different connectors must be forbidden, with none that worked, before the whole run counts as forbidden.
/// One or two may be a mistake in the file; three mean that the account has no permission.
const FORBIDDEN_CONNECTORS: usize = 3;

/// The connectors that the service has accepted or refused.
#[derive(Debug, Default)]
pub(crate) struct Connectors {
    closed: HashMap<ConnectorId, ApiError>,
    worked: HashSet<ConnectorId>,
    denials: usize,
}

impl Connectors {
    /// The service answered for the connector's numbers.
    pub(crate) fn worked(&mut self, connector: ConnectorId) {
        self.worked.insert(connector);
        self.denials = 0;
    }

    /// The service refused the connector: nothing more is sent for it. Returns whether this is its first refusal.
    pub(crate) fn close(&mut self, connector: ConnectorId, error: &ApiError) -> bool {
        let news = !self.closed.contains_key(&connector);
        if news {
            let message = match error.kind {
                ErrorKind::NotFound => format!("not sent: {}", error.message),
                _ => format!("not sent: the service refused the connector ({})", error.message),
            };
            self.closed.insert(connector, ApiError { message: message.into(), ..error.clone() });
        }
        news
    }

    /// How the connector was refused, if it was: the error for the rows that are not sent because of it.
    pub(crate) fn closed(&self, connector: ConnectorId) -> Option<&ApiError> {
        self.closed.get(&connector)
    }

    /// Whether the whole run seems to be forbidden.
    pub(crate) fn are_all_forbidden(&self) -> bool {
        let forbidden = self.closed.values().filter(|error| error.kind == ErrorKind::Forbidden);
        self.worked.is_empty() && forbidden.count() >= FORBIDDEN_CONNECTORS
    }

    /// Whether the service denies the caller only this connector (an IAM policy that names connectors), not everything.
    ///
    /// That is known only if other connectors worked and this one never did.
    pub(crate) fn is_denied_alone(&mut self, connector: ConnectorId, error: &ApiError) -> bool {
        let denied = error.code.starts_with("AccessDenied");
        if !denied || self.worked.is_empty() || self.worked.contains(&connector) {
            return false;
        }
        if !self.closed.contains_key(&connector) {
            self.denials += 1;
        }
        self.denials <= DENIALS_IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> ApiError {
        let (code, message) = (code.into(), "no".into());
        ApiError { kind: ErrorKind::Credentials, status: Some(403), code, message, request_id: None }
    }

    #[test]
    fn three_forbidden_connectors_stop_a_run_in_which_none_worked() {
        let is_stopped = |closed: &[u32], kind: ErrorKind, worked: bool| {
            let mut connectors = Connectors::default();
            if worked {
                connectors.worked(ConnectorId::for_tests(0));
            }
            let error = ApiError { kind, ..error("Forbidden") };
            closed
                .iter()
                .for_each(|&connector| _ = connectors.close(ConnectorId::for_tests(connector), &error));
            connectors.are_all_forbidden()
        };
        assert!(is_stopped(&[1, 2, 3], ErrorKind::Forbidden, false));
        assert!(!is_stopped(&[1, 2, 2, 1], ErrorKind::Forbidden, false), "they must be different ones");
        assert!(!is_stopped(&[1, 2, 3, 4], ErrorKind::Forbidden, true));
        assert!(!is_stopped(&[1, 2, 3, 4], ErrorKind::NotFound, false), "not found is not forbidden");
    }

    #[test]
    fn a_denial_is_about_one_connector_only_if_others_work() {
        let [first, b, c, d, fifth, last] = [0, 1, 2, 3, 4, 5].map(ConnectorId::for_tests);
        let denied = error("AccessDeniedException");
        let mut connectors = Connectors::default();
        assert!(!connectors.is_denied_alone(first, &denied), "nothing has worked yet");
        connectors.worked(first);
        assert!(!connectors.is_denied_alone(first, &denied), "it worked before");
        assert!(!connectors.is_denied_alone(b, &error("ExpiredTokenException")), "not a denial");
        for connector in [b, c, d] {
            assert!(connectors.is_denied_alone(connector, &denied));
            assert!(connectors.close(connector, &denied));
            assert!(connectors.is_denied_alone(connector, &denied), "the same for what was in flight");
        }
        assert!(!connectors.is_denied_alone(fifth, &denied), "too many in a row: it is about the caller");
        connectors.worked(fifth);
        assert!(connectors.is_denied_alone(last, &denied));
        assert_eq!(
            connectors.closed(b).map(|error| &*error.message),
            Some("not sent: the service refused the connector (no)")
        );
    }
}
