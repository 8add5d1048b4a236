//! What the app reads: the profile, mail, the next days, and what changed since the last look.

use crate::{ADELE, Demo, host::Outcome, tell};
use intail_office365::{Account, CalendarView, Language, Message, MessageQuery};
use intail_office365_sandbox::Reason;

const DAY: i64 = 24 * 3600;
/// Messages that the demo shows of ten.
const SHOWN: usize = 3;

impl Demo<'_> {
    pub(crate) fn reading(&self, id: &str) -> Outcome<()> {
        self.step("What the app reads, and nothing else");
        let office = self.open(ADELE)?;
        let adele = office.account(id)?;
        let profile = adele.profile()?;
        let photo = adele.photo()?.map_or("no picture".to_owned(), |photo| format!("a picture of {} bytes", photo.bytes.len()));
        tell(&format!("Profile: {}, {}, {photo}", profile.display_name.unwrap_or_default(), profile.job_title.unwrap_or_default()));
        let newest: Vec<Message> = adele.iter_messages(&MessageQuery::default()).take(10).collect::<Result<_, _>>()?;
        tell(&format!("The newest {} messages, senders and subjects alone:", newest.len()));
        for message in newest.iter().take(SHOWN) {
            let from = message.from.as_ref().and_then(|from| from.name.as_deref()).unwrap_or("(draft)");
            tell(&format!("  {from}: {}", message.subject.as_deref().unwrap_or("(no subject)")));
        }
        let today = self.sandbox.control().now().div_euclid(DAY) * DAY;
        let view = CalendarView::new(today, today + 7 * DAY);
        let (mut events, mut whole_days) = (0, 0);
        for event in adele.iter_calendar_view(&view) {
            events += 1;
            whole_days += u32::from(event?.is_all_day == Some(true));
        }
        tell(&format!("The next seven days: {events} events, every occurrence of a series by itself, {whole_days} of whole days."));
        let diagnosis = office.diagnose()?;
        let well = if diagnosis.is_well() { "well".to_owned() } else { diagnosis.report(Language::English) };
        tell(&format!("Diagnosis, for support: {} checks, {well}.", diagnosis.checks.len()));
        office.close();
        Ok(())
    }

    pub(crate) fn syncing(&self, id: &str) -> Outcome<()> {
        self.step("The app keeps a copy of the inbox, and learns what changed");
        let office = self.open(ADELE)?;
        let adele = office.account(id)?;
        let (_, first) = round(&adele)?;
        let control = self.sandbox.control();
        let new = control.add_message(ADELE, "inbox", "Lunch?")?;
        control.delete_message(ADELE, &first, Reason::default())?;
        tell("A message arrives, and another is deleted.");
        let (changes, _) = round(&adele)?;
        let subject = adele.message(&new)?.subject.unwrap_or_default();
        tell(&format!("The second round brought {changes} changes and no more. The new message: {subject}"));
        office.close();
        Ok(())
    }
}

/// One round, with its progress. Returns the number of changes and the id of the first.
fn round(account: &Account) -> Outcome<(u32, String)> {
    let mut first = None;
    loop {
        let page = account.sync_messages("inbox", 20)?;
        first = first.or_else(|| page.changes.first().map(|change| change.id.clone()));
        // Here a host stores the changes; only then it says so.
        account.acknowledge(&page.progress.acknowledgement)?;
        let what = if page.progress.full { "everything" } else { "what changed" };
        tell(&format!("Page {} of {what}: {} so far.", page.progress.pages, page.progress.changes));
        if !page.progress.more {
            return Ok((page.progress.changes, first.unwrap_or_default()));
        }
    }
}
