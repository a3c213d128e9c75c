//! Which failures count against a batch: those after which the service was heard again.
//!
//! In an outage everything fails, and no batch is to blame. So a failure is only suspected at first. An answer to a
//! request that was sent after it shows that the service is there: then it counts. An outage takes the blame for
//! whatever was suspected when it was noticed, and for all that was sent until its end.
//!
//! Pure: it numbers requests and compares. Must not decide what is sent, or when.

/// What is known of the service, by the numbers of requests.
#[derive(Debug, Default)]
pub struct Blame {
    /// Requests sent so far; the number of the last one.
    sent: u64,
    /// The last request sent of all that the service answered.
    heard: u64,
    /// Each from the last request that was heard before it to the last one sent before its end.
    outages: Vec<(u64, u64)>,
    is_outage: bool,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The service was there: the batch's.
    Counts,
    /// An outage's.
    Forgiven,
    /// Nothing has been heard since.
    Open,
}

impl Blame {
    /// A request goes out. Returns its number.
    pub fn sent(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// The service answered a request.
    pub fn heard(&mut self, request: u64) {
        self.heard = self.heard.max(request);
    }

    /// Whether there is an outage now. To be told after every answer, before [`heard`](Self::heard). True if it has
    /// just begun.
    pub fn observe(&mut self, is_outage: bool) -> bool {
        let changed = is_outage != self.is_outage;
        self.is_outage = is_outage;
        match self.outages.last_mut() {
            Some((_, end)) if changed && !is_outage => *end = self.sent,
            _ if changed => self.outages.push((self.heard, u64::MAX)),
            _ => {}
        }
        changed && is_outage
    }

    /// The mark of a failure that is noticed now, for [`verdict`](Self::verdict); `None` if an outage explains it.
    #[must_use]
    pub fn suspect(&self, request: u64) -> Option<u64> {
        let explained = self.outages.last().is_some_and(|(_, end)| request <= *end);
        (!explained).then_some(self.sent)
    }

    /// Whose fault the failure with this mark was.
    #[must_use]
    pub fn verdict(&self, mark: u64) -> Verdict {
        if self.outages.iter().any(|(from, end)| (from..=end).contains(&&mark)) {
            Verdict::Forgiven
        } else if self.heard > mark {
            Verdict::Counts
        } else {
            Verdict::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_once_a_later_request_is_answered() {
        let mut blame = Blame::default();
        let (first, second) = (blame.sent(), blame.sent());
        let mark = blame.suspect(first).unwrap();
        blame.heard(second);
        assert_eq!(blame.verdict(mark), Verdict::Open, "sent before the failure: it proves nothing");
        let third = blame.sent();
        assert_eq!(blame.verdict(mark), Verdict::Open);
        blame.heard(third);
        assert_eq!(blame.verdict(mark), Verdict::Counts);
        assert!(blame.observe(true));
        assert_eq!(blame.verdict(mark), Verdict::Counts, "an outage that came later is no excuse");
    }

    #[test]
    fn an_outage_takes_the_blame_from_the_last_answer_before_it_to_its_end() {
        let mut blame = Blame::default();
        let (heard, first, late) = (blame.sent(), blame.sent(), blame.sent());
        blame.heard(heard);
        let mark = blame.suspect(first).unwrap();
        assert!(blame.observe(true));
        assert!(!blame.observe(true));
        assert_eq!(blame.verdict(mark), Verdict::Forgiven);
        let probe = blame.sent();
        assert_eq!(blame.suspect(probe), None);
        let worked = blame.sent();
        assert!(!blame.observe(false));
        blame.heard(worked);
        assert_eq!(blame.verdict(mark), Verdict::Forgiven, "for good");
        assert_eq!(blame.suspect(late), None, "sent before its end, and ended after it");
        let after = blame.sent();
        let mark = blame.suspect(after).unwrap();
        assert_eq!(blame.verdict(mark), Verdict::Open);
        let next = blame.sent();
        blame.heard(next);
        assert_eq!(blame.verdict(mark), Verdict::Counts);
    }
}
