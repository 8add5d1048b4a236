//! Everything the sandbox remembers, behind one lock.

pub(crate) mod calendar;
pub(crate) mod clock;
pub(crate) mod mailbox;
pub(crate) mod model;
pub(crate) mod random;
pub(crate) mod scenario;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use crate::faults::Faults;
use crate::identity::flow::Flow;
use crate::identity::keys::KeyRing;
use crate::log::Log;
use calendar::Agenda;
use clock::Clock;
use mailbox::Mailbox;
use model::{App, Tenant, User};
use random::Random;
use scenario::Scenario;
use session::Session;
use settings::TokenSettings;
use tokens::{AccessToken, Code, DeviceCode, RefreshToken};

/// The state of one sandbox.
#[derive(Debug)]
pub(crate) struct State {
    initial: Scenario,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) users: Vec<User>,
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// Numbers events, so that "issued before the revocation" needs no clock.
    events: u64,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) flows: BTreeMap<String, Flow>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) device_codes: BTreeMap<String, DeviceCode>,
    pub(crate) access_tokens: BTreeMap<String, AccessToken>,
    pub(crate) refresh_tokens: BTreeMap<String, RefreshToken>,
    pub(crate) settings: TokenSettings,
    pub(crate) keys: KeyRing,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    mailboxes: BTreeMap<String, Mailbox>,
    agendas: BTreeMap<String, Agenda>,
    pub(crate) without_photo: BTreeSet<String>,
}

impl State {
    pub(crate) fn new(seed: u64, scenario: Scenario) -> State {
        State {
            tenants: scenario.tenants.clone(),
            users: scenario.users.clone(),
            app: scenario.app.clone(),
            initial: scenario,
            clock: Clock::default(),
            random: Random::new(seed),
            events: 0,
            sessions: BTreeMap::new(),
            flows: BTreeMap::new(),
            codes: BTreeMap::new(),
            device_codes: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            settings: TokenSettings::default(),
            keys: KeyRing::new(seed),
            faults: Faults::default(),
            log: Log::default(),
            mailboxes: BTreeMap::new(),
            agendas: BTreeMap::new(),
            without_photo: BTreeSet::new(),
        }
    }

    /// Back to the scenario; random numbers go on, so that no token is ever issued twice.
    pub(crate) fn reset(&mut self) {
        let fresh = State::new(self.keys.seed(), self.initial.clone());
        let random = self.random.clone();
        *self = State { random, ..fresh };
    }

    pub(crate) fn next_event(&mut self) -> u64 {
        self.events = self.events.saturating_add(1);
        self.events
    }

    /// The mailbox of a person, made when it is first looked at.
    pub(crate) fn mailbox(&mut self, user_name: &str) -> &mut Mailbox {
        let now = self.now();
        self.mailboxes.entry(user_name.to_lowercase()).or_insert_with(|| Mailbox::new(now))
    }

    /// The calendars of a person, made when they are first looked at.
    pub(crate) fn agenda(&mut self, user_name: &str) -> &mut Agenda {
        let now = self.now();
        self.agendas.entry(user_name.to_lowercase()).or_insert_with(|| Agenda::new(now))
    }

    /// The link to the next page, or what a test put in its place.
    pub(crate) fn link(&mut self, user_name: &str, link: Option<String>) -> Option<String> {
        let link = link?;
        Some(self.mailbox(user_name).next_link.take().unwrap_or(link))
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    pub(crate) fn tenant(&self, named: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.is_named(named))
    }

    pub(crate) fn tenant_mut(&mut self, named: &str) -> Option<&mut Tenant> {
        self.tenants.iter_mut().find(|tenant| tenant.is_named(named))
    }

    pub(crate) fn user(&self, user_name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.user_name.eq_ignore_ascii_case(user_name))
    }

    pub(crate) fn user_mut(&mut self, user_name: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.user_name.eq_ignore_ascii_case(user_name))
    }
}
