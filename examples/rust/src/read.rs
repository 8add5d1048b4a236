//! Profile, messages, events and what changed, as text or (`--json`) as a line of JSON for each.

use intail_office365::{
    Account, CalendarView, Clock, EventTime, Language, MailFolder, MessageChange, MessageQuery, MessageSyncPage, Office365,
    RemovedReason, Result, SyncObserver, SystemClock,
};
use serde_json::{Value, json};
use std::sync::Arc;

const DAY: i64 = 24 * 3600;

pub(crate) fn profile(account: &Account, as_json: bool) -> Result<()> {
    let profile = account.profile()?;
    let value = json!({
        "id": profile.id,
        "display_name": profile.display_name,
        "mail": profile.mail,
        "username": profile.username,
        "job_title": profile.job_title,
        "office_location": profile.office_location,
        "preferred_language": profile.preferred_language,
    });
    show(as_json, &value, || {
        format!("{} <{}>", profile.display_name.as_deref().unwrap_or_default(), profile.username.as_deref().unwrap_or_default())
    });
    Ok(())
}

pub(crate) fn messages(account: &Account, folder: Option<String>, count: u32, unread: bool, as_json: bool) -> Result<()> {
    let query = MessageQuery { folder, unread: unread.then_some(true), page_size: count.clamp(1, 100), ..MessageQuery::default() };
    for message in account.iter_messages(&query).take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let message = message?;
        let from = message.from.as_ref();
        let value = json!({
            "id": message.id,
            "subject": message.subject,
            "from": from.and_then(|from| from.address.as_deref()),
            "received_at": message.received_at,
            "is_read": message.is_read,
        });
        show(as_json, &value, || {
            let name = from.and_then(|from| from.name.as_deref()).unwrap_or("-");
            format!(
                "{} {name}: {}",
                if message.is_read == Some(false) { "*" } else { " " },
                message.subject.as_deref().unwrap_or("-")
            )
        });
    }
    Ok(())
}

pub(crate) fn events(account: &Account, days: u32, as_json: bool) -> Result<()> {
    let now = SystemClock.now();
    for event in account.iter_calendar_view(&CalendarView::new(now, now + i64::from(days.max(1)) * DAY)) {
        let event = event?;
        let value = json!({
            "id": event.id,
            "subject": event.subject,
            "start": event.start.as_ref().map(time),
            "end": event.end.as_ref().map(time),
            "is_all_day": event.is_all_day,
            "is_cancelled": event.is_cancelled,
        });
        show(as_json, &value, || {
            let start = event.start.as_ref();
            let begins =
                start.map(|start| start.date.clone().unwrap_or_else(|| format!("{} {}", start.date_time, start.time_zone)));
            format!("{}  {}", begins.unwrap_or_default(), event.subject.as_deref().unwrap_or("-"))
        });
    }
    Ok(())
}

/// One round. What this program prints is its copy; so each page is acknowledged when it is printed.
pub(crate) fn sync(account: &Account, folder: &str, as_json: bool) -> Result<()> {
    loop {
        let page = account.sync_messages(folder, 100)?;
        page.changes.iter().for_each(|change| show_change(change, as_json));
        account.acknowledge(&page.progress.acknowledgement)?;
        let what = if page.progress.full { "everything" } else { "what changed" };
        eprintln!("page {} of {what}, {} so far", page.progress.pages, page.progress.changes);
        if !page.progress.more {
            return Ok(());
        }
    }
}

/// Shows each page and takes it.
struct Shown {
    as_json: bool,
}

impl SyncObserver for Shown {
    fn on_messages(&self, folder: &MailFolder, page: &MessageSyncPage) -> bool {
        page.changes.iter().for_each(|change| show_change(change, self.as_json));
        if !page.changes.is_empty() {
            let name = folder.display_name.as_deref().unwrap_or("-");
            eprintln!("{name}: {} changes so far; {} items in it", page.progress.changes, folder.total_item_count.unwrap_or(0));
        }
        true
    }
}

pub(crate) fn sync_all(account: &Account, as_json: bool) -> Result<()> {
    let done = account.sync_mailbox(100, Arc::new(Shown { as_json }))?;
    eprintln!("{} folders are up to date, {} changes", done.folders.len(), done.changes);
    Ok(())
}

fn show_change(change: &MessageChange, as_json: bool) {
    let subject = change.message.as_ref().and_then(|message| message.subject.as_deref());
    let value = json!({ "id": change.id, "removed": change.removed.map(RemovedReason::name), "subject": subject });
    show(as_json, &value, || match change.removed {
        Some(_) => format!("- {}", change.id),
        None => format!("+ {}", subject.unwrap_or("(no new subject)")),
    });
}

pub(crate) fn diagnose(office: &Office365, as_json: bool) -> Result<()> {
    let diagnosis = office.diagnose()?;
    let checks: Vec<Value> = diagnosis
        .checks
        .iter()
        .map(|check| json!({ "check": format!("{:?}", check.kind), "error": check.error.as_ref().map(intail_office365::Error::detail) }))
        .collect();
    let needs =
        diagnosis.needs.iter().map(|need| json!({ "detail": need.detail, "code": need.service_code, "accounts": need.accounts }));
    let value = json!({
        "is_well": diagnosis.is_well(),
        "checks": checks,
        "accounts": diagnosis.accounts,
        "needs": needs.collect::<Vec<_>>(),
        "redirect_uri": diagnosis.redirect_uri,
    });
    show(as_json, &value, || diagnosis.report(Language::English).trim_end().to_owned());
    Ok(())
}

fn time(time: &EventTime) -> Value {
    json!({ "date_time": time.date_time, "time_zone": time.time_zone, "unix": time.unix, "date": time.date })
}

fn show(as_json: bool, value: &Value, text: impl FnOnce() -> String) {
    println!("{}", if as_json { value.to_string() } else { text() });
}
