//! What changed in a folder since the last time (FACTS 8.7).

use serde_json::{Value, json};

use super::errors;
use super::mail::{self, Reader};
use super::options::{self, Refused};
use crate::http::Reply;
use crate::identity::flow::Turn;
use crate::state::mailbox::{Folder, Mailbox, Reason};

/// Items of a page where no preference says otherwise.
const PAGE: usize = 50;

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// How much of the history the caller knows; `None` in a round that lists everything.
    since: Option<usize>,
    /// Up to where this round goes.
    until: usize,
    /// Items of this round so far.
    offset: usize,
}

impl Position {
    fn text(self) -> String {
        let since = self.since.map_or("all".to_owned(), |since| since.to_string());
        format!("R0usmcFuQtZdtpk4.{since}.{}.{}", self.until, self.offset)
    }

    fn parse(text: &str) -> Option<Position> {
        let mut parts = text.strip_prefix("R0usmcFuQtZdtpk4.")?.split('.');
        let (since, until, offset) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let since = if since == "all" { None } else { Some(since.parse().ok()?) };
        Some(Position { since, until, offset })
    }
}

/// `/me/mailFolders/{id}/messages/delta`.
pub(crate) fn messages(turn: &mut Turn<'_>, reader: &Reader, folder: &'static Folder) -> Result<Reply, Refused> {
    let request = turn.request;
    let token = request.query.value("$skiptoken").or_else(|| request.query.value("$deltatoken"));
    if request.query.value("$search").is_some() {
        return Err(Refused(400, "BadRequest", "The query parameter '$search' is not supported.".to_owned()));
    }
    // What was selected first is part of every token; here it stands behind it.
    let (text, picked) = token.map_or((None, None), |token| {
        let (position, names) = token.split_once('~').unwrap_or((token, ""));
        (Some(position), (!names.is_empty()).then(|| names.split('_').map(str::to_owned).collect::<Vec<_>>()))
    });
    let selected = if token.is_some() { picked } else { mail::selected(turn, reader)? };
    let size = options::preference(request, "odata.maxpagesize").and_then(|size| size.parse().ok()).unwrap_or(PAGE);
    let settings = turn.state.mailbox(&reader.user).delta.clone();
    if token.is_some() && (settings.gone || settings.gone_with_location) {
        return Ok(gone(turn, reader, folder, settings.gone_with_location));
    }
    let bad = || Refused(400, "ErrorInvalidSyncStateData", "The sync state data is invalid.".to_owned());
    let mailbox = turn.state.mailbox(&reader.user);
    let position = match text {
        None => Position { since: None, until: mailbox.history.len(), offset: 0 },
        Some(text) => Position::parse(text).filter(|position| position.until <= mailbox.history.len()).ok_or_else(bad)?,
    };
    // A delta token begins the next round.
    let position = if request.query.value("$deltatoken").is_some() {
        Position { since: Some(position.until), until: mailbox.history.len(), offset: 0 }
    } else {
        position
    };
    let all = items(mailbox, reader, folder, position, selected.as_deref());
    let empty = std::mem::take(&mut mailbox.delta.empty_page);
    let replay = std::mem::take(&mut mailbox.delta.replay);
    let taken = if empty { 0 } else { size };
    let mut page: Vec<Value> = all.iter().skip(position.offset).take(taken).cloned().collect();
    if replay && let Some(first) = page.first().cloned() {
        page.push(first);
    }
    let offset = position.offset.saturating_add(taken);
    let more = offset < all.len() || empty;
    let names = selected.map(|names| format!("~{}", names.join("_"))).unwrap_or_default();
    let (kind, name) = if more { ("nextLink", "$skiptoken") } else { ("deltaLink", "$deltatoken") };
    let token = format!("{}{names}", Position { offset, ..position }.text());
    let link = format!(
        "{}/graph/v1.0/me/mailFolders('{}')/messages/delta?{name}={token}",
        turn.request.origin,
        options::encoded(folder.id)
    );
    let link = turn.state.link(&reader.user, Some(link)).unwrap_or_default();
    let context = mail::context(turn, reader, &format!("mailFolders('{}')/messages", folder.id));
    Ok(options::list(turn, &format!("{context}/$delta"), page, &[(kind, link)], None)
        .with("preference-applied", "odata.track-changes"))
}

fn items(mailbox: &Mailbox, reader: &Reader, folder: &Folder, position: Position, selected: Option<&[String]>) -> Vec<Value> {
    let shown = |number: u32| {
        let mail = mailbox.mail(number).filter(|mail| mail.folder == folder.id)?;
        let mut item = options::pick(mail::rendered(&mail, reader, false), selected);
        if let Value::Object(members) = &mut item {
            members.entry("@odata.type").or_insert(json!("#microsoft.graph.message"));
        }
        Some(item)
    };
    let Some(since) = position.since else {
        return mailbox.numbers().filter_map(shown).collect();
    };
    let changes = mailbox.history.iter().take(position.until).skip(since).filter(|change| change.folder == folder.id);
    changes
        .filter_map(|change| match change.gone {
            None => shown(change.number),
            Some(reason) => {
                let id = format!("AAkALgAAAAAAHYQDEapmEc2byACqAC{:08x}EWg0Aw=", change.number);
                let reason = if reason == Reason::Deleted { "deleted" } else { "changed" };
                Some(json!({ "@odata.type": "#microsoft.graph.message", "id": id, "@removed": { "reason": reason } }))
            }
        })
        .collect()
}

fn gone(turn: &mut Turn<'_>, reader: &Reader, folder: &Folder, with_location: bool) -> Reply {
    let mailbox = turn.state.mailbox(&reader.user);
    (mailbox.delta.gone, mailbox.delta.gone_with_location) = (false, false);
    let message = "The sync state generation is not found; generation=149;[highest=157][157][155][156].";
    let reply = errors::reply(turn, 410, "SyncStateNotFound", message);
    if !with_location {
        return reply;
    }
    let location =
        format!("{}/graph/v1.0/me/mailFolders('{}')/messages/delta?$deltatoken=", turn.request.origin, options::encoded(folder.id));
    reply.with("location", &location)
}
