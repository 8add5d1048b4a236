//! Looking at everything that a sign-in and a read need, one after the other, and changing nothing.

use super::Engine;
use crate::{
    call::Call,
    error::{Actor, Detail, Error, Result},
    graph::request::ReadOnlyRequest,
    http::{AllowedUrl, Endpoint, Header, Method, Question, Response, date},
    model::{Check, CheckKind, Diagnosis, Need, StateReport},
    store::AccountRecord,
};
use std::sync::Arc;

/// Seconds between the clocks up to which proofs are accepted.
const CLOCK_TOLERANCE: i64 = 300;
/// What is read of an answer that nobody looks into.
const LIMIT: usize = 1024 * 1024;

impl Engine {
    /// Asks both hosts once, without a token, and the store and its key provider. What is wrong is in the report; only a call that could not
    /// begin or was ended fails.
    pub(crate) fn diagnose(self: &Arc<Self>, call: &Call) -> Result<Diagnosis> {
        let settings = &self.settings;
        let files = self.store.check_files();
        let key = self.store.check_key(&*self.key_provider());
        let stored = self.stored();
        let sign_in = settings.authority.join(&[settings.tenant.as_str(), "v2.0", ".well-known", "openid-configuration"]);
        let sign_in = self.clock_of(call, sign_in)?;
        let graph = self.clock_of(call, ReadOnlyRequest::root(&settings.graph))?;
        let ahead = [&sign_in, &graph].into_iter().find_map(|reached| reached.as_ref().ok().copied().flatten());
        let clock = ahead.filter(|ahead| ahead.abs() > CLOCK_TOLERANCE).map(|_| Error::from(Detail::ClockWrong));
        let checks = [
            (CheckKind::Files, files.err()),
            (CheckKind::Key, key.err()),
            (CheckKind::Accounts, accounts_error(&stored)),
            (CheckKind::SignIn, sign_in.err()),
            (CheckKind::Graph, graph.err()),
            (CheckKind::Clock, clock),
        ];
        let stored = stored.unwrap_or_default();
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let needs = self.needs(&stored.records);
        let missing = settings.scopes.iter().filter(|scope| stored.records.iter().any(|record| !record.scopes.allows(**scope)));
        Ok(Diagnosis {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks: checks.into_iter().map(|(kind, error)| Check { kind, error }).collect(),
            accounts: count(stored.records.len()),
            accounts_in_need: needs.iter().fold(0, |sum: u32, need| sum.saturating_add(need.accounts)),
            needs,
            damaged_accounts: count(stored.damaged.len()),
            missing_scopes: missing.copied().collect(),
            damaged_account_ids: stored.damaged.clone(),
            key_rotation_pending: self.store.is_rotating(),
            key_provider: self.key_provider().kind(),
            authority_host: settings.authority.host().to_owned(),
            graph_host: settings.graph.host().to_owned(),
            uses_proxy: settings.network.proxy.is_some() || settings.network.proxy_from_environment,
            scopes: settings.scopes.clone(),
            client_id: settings.client_id.clone(),
            redirect_uri: settings.redirect.as_sent(),
            clock_ahead: ahead,
        })
    }

    /// What the accounts need that cannot be used as they stand, the same cause once.
    fn needs(&self, records: &[AccountRecord]) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        for record in records {
            let StateReport { state, detail, service_code, who_acts, .. } = self.standing(record).report(&record.state, 0);
            if who_acts == Actor::Nobody {
                continue;
            }
            let known =
                needs.iter_mut().find(|need| (need.state, &need.detail, &need.service_code) == (state, &detail, &service_code));
            match known {
                Some(need) => need.accounts = need.accounts.saturating_add(1),
                None => needs.push(Need { state, detail, service_code, who_acts, accounts: 1 }),
            }
        }
        needs
    }

    /// Whether a host answers, and how far our clock is ahead of its. The outer error is the caller's.
    fn clock_of(self: &Arc<Self>, call: &Call, url: AllowedUrl) -> Result<Result<Option<i64>>> {
        let (engine, deadline) = (Arc::clone(self), call.deadline());
        self.workers.run(call, move || {
            let endpoint: Endpoint<'_> = engine.endpoint(deadline);
            let headers = vec![Header::new("return-client-request-id", "true")];
            let question = Question { event: "diagnose", method: Method::Get, url: &url, headers, limit: LIMIT };
            let (response, _) = endpoint.exchange(question, reached)?;
            Ok(date(&response).map(|theirs| engine.now().saturating_sub(theirs)))
        })
    }
}

/// Anything but a redirect or a failure of the service shows that it is there.
fn reached(response: Response) -> Result<Response> {
    match response.status {
        300..=399 => Err(Detail::RedirectRefused.into()),
        500..=599 => Err(Detail::ServiceUnavailable.into()),
        _ => Ok(response),
    }
}

fn accounts_error(stored: &Result<crate::store::Accounts>) -> Option<Error> {
    match stored {
        Err(error) => Some(error.clone()),
        Ok(stored) if stored.damaged.is_empty() => None,
        Ok(_) => Some(Detail::StoreTampered.into()),
    }
}
