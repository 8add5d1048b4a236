//! `connect` on a desktop: the system's browser, and a listener on loopback.

use super::{
    AccountCell, Engine,
    flow::{self, FlowKind},
    observe,
};
use crate::{
    approval::Certainty,
    browser::{Callback, Listener, ListenerOptions, Outcome, Presentation, Verdict},
    call::Call,
    error::{Detail, Error, Result},
    log::LogLevel,
    model::{AdminConsent, AuthorizationRequest, ConnectEvent, ConnectEventKind, ConnectObserver, ConnectOptions},
    oauth::redirect,
    secret::Secret,
    settings::RedirectUri,
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// How long the browser is given to fetch the result page.
const PAGE_PATIENCE: Duration = Duration::from_secs(3);
/// Seconds between two events while nothing comes back.
const EVENT_INTERVAL: u64 = 15;

impl Engine {
    /// Opens the browser, waits for its answer, connects, shows the result.
    pub(crate) fn connect(
        self: &Arc<Self>,
        call: &Call,
        options: &ConnectOptions,
        observer: Option<&dyn ConnectObserver>,
    ) -> Result<Arc<AccountCell>> {
        let (listener, redirect_uri) = self.listen(&self.settings.redirect)?;
        let request = self.begin(call, options, &redirect_uri, "form_post")?;
        let known = options.expected_account.as_deref().and_then(|id| self.account(id).ok()).map(|cell| cell.info().tenant_id);
        let tenant = options.tenant.as_ref().or(known.as_ref()).or(options.domain_hint.as_ref());
        let callback = self
            .open_and_wait(call, &listener, &request, observer)
            .map_err(|error| self.unanswered(&error, FlowKind::SignIn, &request, tenant))?;
        let connected = self.complete(call, &callback.parameters, options.session_binding.as_deref());
        let outcome = connected.as_ref().map_or_else(failed, |cell| cell.outcome());
        listener.finish(&outcome, PAGE_PATIENCE);
        // Last: the person in the browser does not wait for the host's observer.
        connected.inspect(|cell| self.tell(cell))
    }

    /// The administrator's part in the same way, for an administrator at this device.
    pub(crate) fn admin_consent(&self, call: &Call, tenant: &str, observer: Option<&dyn ConnectObserver>) -> Result<AdminConsent> {
        let (listener, redirect_uri) = self.listen(&self.settings.admin_redirect)?;
        let request = self.begin_admin(tenant, &redirect_uri)?;
        let callback = self
            .open_and_wait(call, &listener, &request, observer)
            .map_err(|error| self.unanswered(&error, FlowKind::Admin, &request, Some(&tenant.to_owned())))?;
        let answered = self.complete_admin(&callback.parameters);
        let outcome = answered.as_ref().map_or_else(failed, |_| Outcome::AdminApproved);
        listener.finish(&outcome, PAGE_PATIENCE);
        answered
    }

    fn listen(&self, redirect: &RedirectUri) -> Result<(Listener, String)> {
        let RedirectUri::Loopback(registered) = redirect else {
            return Err(Error::from(Detail::InvalidArgument).with_what("redirect_uri"));
        };
        let own_port = registered.port().map(|port| vec![port]).unwrap_or_default();
        let listener = Listener::bind(ListenerOptions {
            host: registered.host_str().unwrap_or("localhost"),
            path: registered.path(),
            ports: if self.settings.loopback_ports.is_empty() { &own_port } else { &self.settings.loopback_ports },
            login_origin: &self.settings.authority.ascii(),
            presentation: Presentation::new(&self.settings.app),
        })?;
        let redirect_uri = on_port(registered, listener.port())?;
        Ok((listener, redirect_uri))
    }

    fn open_and_wait(
        &self,
        call: &Call,
        listener: &Listener,
        request: &AuthorizationRequest,
        observer: Option<&dyn ConnectObserver>,
    ) -> Result<Callback> {
        let kind = match self.browser.open(&request.url) {
            Ok(()) => ConnectEventKind::BrowserOpened,
            // Somebody is there to show the address to the person; the answer can still come.
            Err(_) if observer.is_some() => ConnectEventKind::BrowserUnavailable,
            Err(error) => return Err(error),
        };
        notify(observer, kind, Some(&request.url), 0);
        let state = Secret::new(&request.state);
        let mut next_event = EVENT_INTERVAL;
        let mut tick = |waited: Duration| {
            if waited.as_secs() >= next_event {
                next_event = next_event.saturating_add(EVENT_INTERVAL);
                notify(observer, ConnectEventKind::StillWaiting, Some(&request.url), waited.as_secs());
            }
        };
        let answered = listener.wait(call, &mut tick, &|callback| judge(callback, &state));
        self.note_refused(listener.refused());
        let callback = answered?;
        notify(observer, ConnectEventKind::AnswerReceived, None, 0);
        Ok(callback)
    }

    /// Requests that were not ours: some are normal (a browser's favicon), many are somebody trying (case L-11).
    fn note_refused(&self, refused: u64) {
        if refused > 0 {
            self.log.write(LogLevel::Info, "listener.refused", |record| record.count = u32::try_from(refused).ok());
        }
    }

    /// What it means that nothing came back (FACTS 4.6): after a time-out an approval is the likely reason. This sign-in is over.
    fn unanswered(&self, error: &Error, kind: FlowKind, request: &AuthorizationRequest, tenant: Option<&String>) -> Error {
        // A row that cannot be removed now is removed when its time is over.
        let _ = self.store().forget_flow(&flow::key(kind, &request.state));
        match error.cause() {
            Detail::DeadlineExceeded | Detail::LoginTimeout => {
                let tenant = self.tenant_for(tenant.map(String::as_str)).unwrap_or_else(|_| self.settings.tenant.clone());
                Error::from(Detail::LoginTimeout).with_admin_approval(self.approval(Certainty::Likely, &tenant))
            }
            Detail::OperationCancelled | Detail::LoginCancelled => Detail::LoginCancelled.into(),
            _ => error.clone(),
        }
    }
}

fn failed(error: &Error) -> Outcome {
    Outcome::Failed { error: error.clone() }
}

/// Whether a callback belongs to this sign-in: its state decides, in constant time, before anything else is looked at.
fn judge(callback: &Callback, state: &Secret) -> Verdict {
    let presented = redirect::state_of(&callback.parameters);
    match presented {
        Some(presented) if state.matches(&presented) => Verdict::Ours,
        _ => Verdict::KeepWaiting,
    }
}

fn notify(observer: Option<&dyn ConnectObserver>, kind: ConnectEventKind, url: Option<&str>, waited: u64) {
    if let Some(observer) = observer {
        let event = ConnectEvent { kind, url: url.map(str::to_owned), waited_seconds: u32::try_from(waited).unwrap_or(u32::MAX) };
        observe(|| observer.on_event(&event));
    }
}

/// The registered URI with the listener's port; nothing else changes, not even a slash (FACTS 1.3, 13).
fn on_port(registered: &Url, port: u16) -> Result<String> {
    let mut url = registered.clone();
    url.set_port(Some(port)).map_err(|()| Error::from(Detail::Internal).with_what("port"))?;
    let text = url.as_str();
    Ok(if registered.path() == "/" { text.trim_end_matches('/').to_owned() } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_put_in_and_nothing_else_changes() {
        for (registered, expected) in [
            ("http://localhost", "http://localhost:50997"),
            ("http://127.0.0.1", "http://127.0.0.1:50997"),
            ("http://localhost/callback", "http://localhost:50997/callback"),
            ("http://localhost:8080/cb", "http://localhost:50997/cb"),
        ] {
            assert_eq!(on_port(&Url::parse(registered).unwrap(), 50997).unwrap(), expected);
        }
    }
}
