//! An account in a region: its connectors, its numbers and where each is, and every change that was made.
//!
//! Must not know of faults: what is recorded here has happened, whatever reply the client got.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;
use jiff::Timestamp;

use super::ledger::{Action, Application, Ledger, NumberRecord};
use super::line::{Line, State};
use super::scenario::{Holding, Scenario};
use crate::number::PhoneNumber;

/// A connector's place in its world; only [`World::connector`] gives one out.
pub(super) type Index = usize;

/// Not `Debug`: it would show whole numbers.
pub(super) struct World {
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
    /// Whether connectors and numbers are created when they are first requested.
    is_open: bool,
    /// How late listings are.
    stale: Duration,
    connectors: IndexSet<Arc<str>>,
    /// By digits: every number of the account.
    lines: BTreeMap<u64, Line>,
    /// By connector and digits: every number that a connector has, had, or got a request for.
    pairs: BTreeSet<(Index, u64)>,
    /// How often it was requested to do this, to the connector or group of this id, with the number of these digits.
    asked: HashMap<(Action, String, u64), u32>,
    applications: Vec<Application>,
    /// How many changes of each kind were made since they were last counted.
    uncounted: BTreeMap<Action, u64>,
}

/// The call that makes a change.
#[derive(Clone, Copy)]
pub(super) struct Cause {
    /// The `n` of request id `sim-n`.
    pub(super) request: u64,
    /// Which attempt at its batch it is, from 1.
    pub(super) attempt: u32,
    /// What the service's clock shows.
    pub(super) now: Timestamp,
    /// Since the start of the scenario.
    pub(super) elapsed: Duration,
}

impl World {
    /// An open world if there are no connectors.
    pub(super) fn new(scenario: &Scenario, (account, region): (&str, &str)) -> Self {
        let mut world = Self {
            account: account.into(),
            region: region.into(),
            is_open: scenario.connectors.is_empty(),
            stale: scenario.stale_listing,
            connectors: IndexSet::new(),
            lines: BTreeMap::new(),
            pairs: BTreeSet::new(),
            asked: HashMap::new(),
            applications: Vec::new(),
            uncounted: BTreeMap::new(),
        };
        for connector in &scenario.connectors {
            let (index, _) = world.connectors.insert_full(connector.id.as_str().into());
            connector.numbers.iter().for_each(|number| world.hold(index, *number));
            world.place(connector, |_, _| {});
        }
        scenario.groups.iter().for_each(|group| world.place(group, |state, id| state.group = Some(id)));
        scenario.sip_rules.iter().for_each(|rule| world.place(rule, |state, id| state.sip_rule = Some(id)));
        scenario.unassigned.iter().for_each(|holding| world.place(holding, |_, _| {}));
        scenario.deleted.iter().for_each(|holding| world.place(holding, |state, _| state.is_deleted = true));
        world
    }

    fn place(&mut self, holding: &Holding, put: impl Fn(&mut State, Arc<str>)) {
        let (id, details) = (Arc::from(&*holding.id), Arc::new(holding.details.clone()));
        for number in &holding.numbers {
            let line = self.line(*number);
            line.is_placed = true;
            line.details = Arc::clone(&details);
            put(&mut line.state, Arc::clone(&id));
        }
    }

    /// The number, which is in the account from now on.
    fn line(&mut self, number: PhoneNumber) -> &mut Line {
        self.lines.entry(number.digits()).or_insert_with(|| Line::new(number))
    }

    /// Puts a number on a connector, as if it had always been there.
    fn hold(&mut self, connector: Index, number: PhoneNumber) {
        if self.pairs.insert((connector, number.digits())) {
            let id = Arc::clone(&self.connectors[connector]);
            self.line(number).state.connectors.push(id);
        }
    }

    /// In an open world, puts a number on a connector, unless it is known to be elsewhere or was there before.
    pub(super) fn suppose(&mut self, connector: Index, number: PhoneNumber) {
        if self.supposes(number) {
            self.hold(connector, number);
        } else if self.is_open {
            self.pairs.insert((connector, number.digits()));
        }
    }

    /// In an open world, adds a number that is associated with nothing, unless it is in the account already.
    pub(super) fn suppose_unassigned(&mut self, number: PhoneNumber) {
        if self.is_open && !self.lines.contains_key(&number.digits()) {
            self.line(number).is_placed = true;
        }
    }

    /// Whether a number is wherever a call needs it to be.
    fn supposes(&self, number: PhoneNumber) -> bool {
        self.is_open && self.number(number).is_none_or(|line| !line.is_placed)
    }

    /// The connector of this id, if it exists; in an open world it does.
    pub(super) fn connector(&mut self, id: &str) -> Option<Index> {
        let known = self.connectors.get_index_of(id);
        known.or_else(|| self.is_open.then(|| self.connectors.insert_full(id.into()).0))
    }

    /// The connectors' ids.
    pub(super) fn connectors(&self) -> impl Iterator<Item = &str> {
        self.connectors.iter().map(|id| &**id)
    }

    /// The number, if it is in the account.
    pub(super) fn number(&self, number: PhoneNumber) -> Option<&Line> {
        self.lines.get(&number.digits())
    }

    /// Counts a request to do something to a number. Returns how many there have been, this one included.
    pub(super) fn ask(&mut self, action: Action, id: &str, number: PhoneNumber) -> u32 {
        let asked = self.asked.entry((action, id.to_owned(), number.digits())).or_default();
        *asked += 1;
        *asked
    }

    /// Makes a change, and records it.
    fn change(
        &mut self,
        (action, connector): (Action, Option<Arc<str>>),
        number: PhoneNumber,
        cause: Cause,
        change: impl FnOnce(&mut State),
    ) {
        let times = (cause.elapsed, self.stale);
        self.line(number).change(times, cause.now, change);
        let Cause { request, attempt, .. } = cause;
        let (account, region) = self.lane();
        self.applications.push(Application { account, region, action, connector, number, request, attempt });
        *self.uncounted.entry(action).or_default() += 1;
    }

    /// Takes a number off a connector.
    ///
    /// # Errors
    /// The service's code for the number: `BadRequest` if it is on a SIP rule (which code the service gives is not
    /// verified), `NotFound` if it is not on the connector.
    pub(super) fn disassociate(
        &mut self,
        connector: Index,
        number: PhoneNumber,
        cause: Cause,
    ) -> Result<(), &'static str> {
        let id = Arc::clone(&self.connectors[connector]);
        let state = &self.number(number).ok_or("NotFound")?.state;
        if state.sip_rule.is_some() {
            return Err("BadRequest");
        }
        if !state.connectors.contains(&id) {
            return Err("NotFound");
        }
        let made = (Action::Disassociate, Some(Arc::clone(&id)));
        self.change(made, number, cause, |state| state.connectors.retain(|other| *other != id));
        Ok(())
    }

    /// Takes a number off a connector group.
    ///
    /// # Errors
    /// As [`World::disassociate`].
    pub(super) fn leave_group(
        &mut self,
        id: &str,
        number: PhoneNumber,
        cause: Cause,
    ) -> Result<(), &'static str> {
        let state = &self.number(number).ok_or("NotFound")?.state;
        if state.sip_rule.is_some() {
            return Err("BadRequest");
        }
        let group = state.group.clone().filter(|group| **group == *id).ok_or("NotFound")?;
        self.change((Action::Disassociate, Some(group)), number, cause, |state| state.group = None);
        Ok(())
    }

    /// Puts a number of the account on a connector. With `force`, takes it off everything else first.
    ///
    /// # Errors
    /// The service's code for the number: `NotFound` if it is not in the account, or is in the deletion queue (not
    /// verified); `PhoneNumberAssociationsExist` if it has any association and there is no `force`. That includes one
    /// with the same connector: the service's documents exempt none.
    pub(super) fn associate(
        &mut self,
        connector: Index,
        number: PhoneNumber,
        force: bool,
        cause: Cause,
    ) -> Result<(), &'static str> {
        match self.number(number).map(|line| &line.state) {
            None if !self.is_open => return Err("NotFound"),
            Some(state) if state.is_deleted => return Err("NotFound"),
            Some(state) if state.is_associated() && !force => return Err("PhoneNumberAssociationsExist"),
            _ => {}
        }
        let id = Arc::clone(&self.connectors[connector]);
        self.pairs.insert((connector, number.digits()));
        self.change((Action::Associate, Some(Arc::clone(&id))), number, cause, |state| {
            *state = State { connectors: vec![id], ..State::default() };
        });
        Ok(())
    }

    /// Whether a number is on a connector.
    pub(super) fn holds(&self, connector: Index, number: PhoneNumber) -> bool {
        let id = &self.connectors[connector];
        self.number(number).is_some_and(|line| line.state.connectors.contains(id))
    }

    /// Moves a number to the deletion queue.
    ///
    /// # Errors
    /// The service's code for the number: `PhoneNumberAssociationsExist` if it has an association, or had one that a
    /// late listing still shows; `NotFound` if it is not in the account, or is in the queue already (not verified).
    pub(super) fn delete(&mut self, number: PhoneNumber, cause: Cause) -> Result<(), &'static str> {
        match self.number(number) {
            None if !self.is_open => return Err("NotFound"),
            Some(line) if line.state.is_deleted => return Err("NotFound"),
            Some(line) if line.state.is_associated() || line.listed(cause.elapsed).is_associated() => {
                return Err("PhoneNumberAssociationsExist");
            }
            _ => {}
        }
        self.line(number).is_placed = true;
        self.change((Action::Delete, None), number, cause, |state| state.is_deleted = true);
        Ok(())
    }

    /// Takes a number out of the deletion queue: it is unassigned then. `false` if it is not there.
    pub(super) fn restore(&mut self, number: PhoneNumber, cause: Cause) -> bool {
        let is_deleted = self.number(number).map_or(self.is_open, |line| line.state.is_deleted);
        if is_deleted {
            self.line(number).is_placed = true;
            self.change((Action::Restore, None), number, cause, |state| state.is_deleted = false);
        }
        is_deleted
    }

    /// A page of a listing: at most `limit` numbers that fit, in order, each with the state that is shown, and whether
    /// there are more. Only numbers whose digits are more than `after`, and only those that a `connector` has or had.
    pub(super) fn page(
        &self,
        connector: Option<Index>,
        (after, limit): (u64, usize),
        elapsed: Duration,
        fits: impl Fn(&Line, &State) -> bool,
    ) -> (Vec<(&Line, &State)>, bool) {
        let range = (Bound::Excluded(after), Bound::Unbounded);
        let lines: Box<dyn Iterator<Item = &Line>> = match connector {
            None => Box::new(self.lines.range(range).map(|(_, line)| line)),
            Some(connector) => {
                let pairs = self
                    .pairs
                    .range((Bound::Excluded((connector, after)), Bound::Excluded((connector + 1, 0))));
                Box::new(pairs.filter_map(|(_, digits)| self.lines.get(digits)))
            }
        };
        let shown = lines.map(|line| (line, line.listed(elapsed)));
        let mut page: Vec<_> = shown.filter(|(line, state)| fits(line, state)).take(limit + 1).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        (page, more)
    }

    /// How many changes of each kind were made since this was last called.
    pub(super) fn take_changes(&mut self) -> BTreeMap<Action, u64> {
        std::mem::take(&mut self.uncounted)
    }

    fn lane(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.account), Arc::clone(&self.region))
    }

    pub(super) fn ledger(&self) -> Ledger {
        let mut applied: HashMap<(&str, u64), u32> = HashMap::new();
        for made in self.applications.iter().filter(|made| made.action == Action::Disassociate) {
            *applied
                .entry((made.connector.as_deref().unwrap_or_default(), made.number.digits()))
                .or_default() += 1;
        }
        let record = |(connector, digits): &(Index, u64)| {
            let (line, id) = (self.lines.get(digits)?, &self.connectors[*connector]);
            let (account, region) = self.lane();
            Some(NumberRecord {
                account,
                region,
                connector: Arc::clone(id),
                number: line.number,
                asked: self.asked.get(&(Action::Disassociate, id.to_string(), *digits)).copied().unwrap_or(0),
                applied: applied.get(&(&**id, *digits)).copied().unwrap_or(0),
                associated: line.state.connectors.contains(id),
            })
        };
        let mut numbers: Vec<NumberRecord> = self.pairs.iter().filter_map(record).collect();
        numbers.sort_unstable();
        let inventory = self.lines.values().map(|line| {
            let (account, region) = self.lane();
            line.record(account, region)
        });
        let inventory = inventory.collect();
        Ledger { applications: self.applications.clone(), numbers, inventory }
    }
}
