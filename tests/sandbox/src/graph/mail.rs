//! Mail folders and messages (FACTS 8.4 to 8.6).

use serde_json::{Value, json};

use super::access::{self, Refusal};
use super::filter::Filter;
use super::options::{self, Refused};
use super::{delta, errors};
use crate::http::Reply;
use crate::identity::flow::Turn;
use crate::state::clock::graph_timestamp;
use crate::state::mailbox::{Folder, Mail, Mailbox};
use crate::state::tokens::Grant;

const SCOPES: [&str; 4] = ["Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite", "Mail.Read.Shared"];
/// What `Mail.ReadBasic` does not show.
const HIDDEN: [&str; 3] = ["body", "bodyPreview", "uniqueBody"];
const PROPERTIES: [&str; 29] = [
    "id",
    "categories",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "bccRecipients",
    "body",
    "bodyPreview",
    "ccRecipients",
    "conversationId",
    "conversationIndex",
    "flag",
    "from",
    "hasAttachments",
    "importance",
    "inferenceClassification",
    "internetMessageHeaders",
    "internetMessageId",
    "isDeliveryReceiptRequested",
    "isDraft",
    "isRead",
    "isReadReceiptRequested",
    "parentFolderId",
    "receivedDateTime",
    "replyTo",
    "sender",
    "sentDateTime",
    "subject",
    "toRecipients",
];
const FOLDER_PROPERTIES: [&str; 7] =
    ["id", "displayName", "parentFolderId", "childFolderCount", "unreadItemCount", "totalItemCount", "isHidden"];

/// Who asks, with a mailbox that is there.
pub(crate) struct Reader {
    pub(crate) grant: Grant,
    pub(crate) user: String,
    pub(crate) immutable: bool,
}

/// `/me/mailFolders...` and `/me/messages...`.
pub(crate) fn handle(turn: &mut Turn<'_>, path: &[String]) -> Reply {
    let reader = match reader(turn) {
        Ok(reader) => reader,
        Err(refusal) => return refusal.0,
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answer = match path.as_slice() {
        ["messages"] => messages(turn, &reader, None),
        ["messages", id] => message(turn, &reader, id),
        ["mailFolders"] => folders(turn, &reader, None),
        ["mailFolders", folder] => folder_of(folder).and_then(|folder| one_folder(turn, &reader, folder)),
        ["mailFolders", folder, "childFolders"] => folder_of(folder).and_then(|folder| folders(turn, &reader, Some(folder))),
        ["mailFolders", folder, "messages"] => folder_of(folder).and_then(|folder| messages(turn, &reader, Some(folder))),
        ["mailFolders", folder, "messages", "delta"] => folder_of(folder).and_then(|folder| delta::messages(turn, &reader, folder)),
        _ => Err(Refused(400, "BadRequest", "Resource not found for the segment.".to_owned())),
    };
    answer.unwrap_or_else(|refused| refused.reply(turn))
}

fn reader(turn: &mut Turn<'_>) -> Result<Reader, Refusal> {
    let grant = access::authorize(turn, &SCOPES)?;
    let user = turn.state.user(&grant.user_name).cloned();
    if !user.as_ref().is_some_and(|user| user.mailbox && !user.deleted && user.home_tenant == grant.tenant_id) {
        let message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
        return Err(Refusal(errors::reply(turn, 404, "MailboxNotEnabledForRESTAPI", message)));
    }
    let immutable = options::immutable_ids(turn.request);
    Ok(Reader { user: grant.user_name.clone(), grant, immutable })
}

fn folder_of(named: &str) -> Result<&'static Folder, Refused> {
    Folder::find(named)
        .ok_or_else(|| Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.".to_owned()))
}

/// The selected properties; under `Mail.ReadBasic` none of the text may be named.
pub(crate) fn selected(turn: &Turn<'_>, reader: &Reader) -> Result<Option<Vec<String>>, Refused> {
    let known: Vec<&str> = PROPERTIES.iter().copied().chain(["uniqueBody", "webLink"]).collect();
    let selected = options::select(turn.request, "Microsoft.OutlookServices.Message", &known)?;
    let names_text = selected.iter().flatten().any(|name| HIDDEN.contains(&name.as_str()));
    if names_text && !reads_text(reader) { Err(denied()) } else { Ok(selected) }
}

fn reads_text(reader: &Reader) -> bool {
    ["Mail.Read", "Mail.ReadWrite"].iter().any(|scope| reader.grant.scopes.contains(*scope))
}

fn denied() -> Refused {
    Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.".to_owned())
}

fn messages(turn: &mut Turn<'_>, reader: &Reader, folder: Option<&'static Folder>) -> Result<Reply, Refused> {
    let request = turn.request;
    let (selected, top) = (selected(turn, reader)?, options::top(request)?);
    let skip = options::number(request, "$skip")?.unwrap_or_default();
    let search = request.query.value("$search");
    if search.is_some() && !reads_text(reader) {
        return Err(denied());
    }
    if search.is_some() && (request.query.value("$filter").is_some() || request.query.value("$orderby").is_some()) {
        return Err(Refused(400, "SearchWithFilter", "The query parameter '$filter' is not supported with '$search'.".to_owned()));
    }
    let filter = Filter::parse(request.query.value("$filter"))?;
    let newest_first = filter.newest_first(request.query.value("$orderby"))?;
    let counts = request.query.value("$count") == Some("true");
    let words = search.map(|words| words.trim_matches('"').to_lowercase());
    let holds = |mail: &Mail| {
        folder.is_none_or(|folder| mail.folder == folder.id)
            && filter.holds(mail)
            && words.as_ref().is_none_or(|words| mail.subject.to_lowercase().contains(words))
    };
    let (page, more, count) = find(turn.state.mailbox(&reader.user), newest_first, holds, (skip, top), counts);
    let text = reads_text(reader);
    let items = page.iter().map(|mail| options::pick(rendered(mail, reader, text), selected.as_deref())).collect();
    let next = more.then(|| options::skipping(request, skip.saturating_add(top)));
    let links: Vec<(&str, String)> = turn.state.link(&reader.user, next).into_iter().map(|link| ("nextLink", link)).collect();
    let context = context(turn, reader, "messages");
    Ok(options::list(turn, &context, items, &links, count))
}

/// A part of what holds, whether more follows, and how many there are, if that is asked for.
fn find(
    mailbox: &Mailbox,
    newest_first: bool,
    holds: impl Fn(&Mail) -> bool,
    (skip, top): (usize, usize),
    counts: bool,
) -> (Vec<Mail>, bool, Option<usize>) {
    let numbers: Box<dyn Iterator<Item = u32>> =
        if newest_first { Box::new(mailbox.numbers()) } else { Box::new(mailbox.numbers().rev()) };
    let mut found = numbers.filter_map(|number| mailbox.mail(number)).filter(holds);
    let page: Vec<Mail> = found.by_ref().skip(skip).take(top).collect();
    let rest = if counts { found.count() } else { usize::from(found.next().is_some()) };
    let count = counts.then(|| skip.saturating_add(page.len()).saturating_add(rest));
    (page, rest > 0, count)
}

fn message(turn: &mut Turn<'_>, reader: &Reader, id: &str) -> Result<Reply, Refused> {
    let selected = selected(turn, reader)?;
    let gone = || Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.".to_owned());
    if !id.starts_with("AA") {
        return Err(Refused(400, "ErrorInvalidIdMalformed", "Id is malformed.".to_owned()));
    }
    let mail = turn.state.mailbox(&reader.user).by_id(id).ok_or_else(gone)?;
    let item = options::pick(rendered(&mail, reader, reads_text(reader)), selected.as_deref());
    Ok(errors::success(turn, &item))
}

fn folders(turn: &mut Turn<'_>, reader: &Reader, parent: Option<&'static Folder>) -> Result<Reply, Refused> {
    let request = turn.request;
    let selected = options::select(request, "Microsoft.OutlookServices.MailFolder", &FOLDER_PROPERTIES)?;
    let (top, skip) = (options::top(request)?, options::number(request, "$skip")?.unwrap_or_default());
    let hidden_too = request.query.value("includeHiddenFolders") == Some("true");
    let all: Vec<&Folder> =
        Folder::children(parent.map(|parent| parent.id)).filter(|folder| hidden_too || !folder.hidden).collect();
    let page: Vec<&Folder> = all.iter().copied().skip(skip).take(top).collect();
    let items = page.into_iter().map(|folder| options::pick(rendered_folder(turn, reader, folder), selected.as_deref())).collect();
    let next = (all.len() > skip.saturating_add(top)).then(|| options::skipping(request, skip.saturating_add(top)));
    let links: Vec<(&str, String)> = turn.state.link(&reader.user, next).into_iter().map(|link| ("nextLink", link)).collect();
    let context = context(turn, reader, "mailFolders");
    Ok(options::list(turn, &context, items, &links, None))
}

fn one_folder(turn: &mut Turn<'_>, reader: &Reader, folder: &'static Folder) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, "Microsoft.OutlookServices.MailFolder", &FOLDER_PROPERTIES)?;
    let item = options::pick(rendered_folder(turn, reader, folder), selected.as_deref());
    Ok(errors::success(turn, &item))
}

pub(crate) fn context(turn: &Turn<'_>, reader: &Reader, collection: &str) -> String {
    let id = turn.state.user(&reader.user).and_then(|user| user.object_id(&reader.grant.tenant_id)).unwrap_or_default();
    format!("users('{id}')/{collection}")
}

fn rendered_folder(turn: &mut Turn<'_>, reader: &Reader, folder: &Folder) -> Value {
    let mailbox = turn.state.mailbox(&reader.user);
    let inside: Vec<Mail> =
        mailbox.numbers().filter_map(|number| mailbox.mail(number)).filter(|mail| mail.folder == folder.id).collect();
    json!({
        "id": folder.id,
        "displayName": folder.name,
        "parentFolderId": folder.parent_id(),
        "childFolderCount": Folder::children(Some(folder.id)).count(),
        "unreadItemCount": inside.iter().filter(|mail| !mail.is_read).count(),
        "totalItemCount": inside.len(),
        "isHidden": folder.hidden,
    })
}

/// A message in Graph's order of properties.
pub(crate) fn rendered(mail: &Mail, reader: &Reader, text: bool) -> Value {
    let address = |(name, address): (&str, &str)| json!({ "emailAddress": { "name": name, "address": address } });
    let received = format!("{}Z", graph_timestamp(mail.received_at));
    let sent = format!("{}Z", graph_timestamp(mail.received_at - 2));
    let key = format!("CQAAABYAAAC4ofQHEIqCSbQPot83AFcb{:08x}{:04x}", mail.number, mail.version);
    let own = address(("", reader.user.as_str()));
    let mut item = json!({
        "@odata.etag": format!("W/\"{key}\""),
        "id": Mailbox::id(mail, reader.immutable),
        "createdDateTime": sent,
        "lastModifiedDateTime": received,
        "changeKey": key,
        "categories": if mail.number % 17 == 3 { json!(["Red category"]) } else { json!([]) },
        "receivedDateTime": received,
        "sentDateTime": sent,
        "hasAttachments": mail.has_attachments(),
        "internetMessageId": format!("<MWHPR6E1BE060.{}@MWHPR1120.namprd22.prod.outlook.com>", mail.number),
        "subject": mail.subject,
        "importance": mail.importance(),
        "parentFolderId": mail.folder,
        "conversationId": format!("AAQkADOUpag6yWs{:06x}=", mail.number / 3),
        "conversationIndex": "AQHaExampleIndex==",
        "isDeliveryReceiptRequested": null,
        "isReadReceiptRequested": false,
        "isRead": mail.is_read,
        "isDraft": mail.is_draft(),
        "webLink": format!("https://outlook.office365.com/owa/?ItemID={:08x}&exvsurl=1&viewmodel=ReadMessageItem", mail.number),
        "inferenceClassification": if mail.number % 4 == 1 { "other" } else { "focused" },
        "toRecipients": [own],
        "ccRecipients": if mail.number % 6 == 1 { json!([address(("Miriam Graham", "miriamg@partner.example"))]) } else { json!([]) },
        "bccRecipients": [],
        "replyTo": [],
        "flag": { "flagStatus": if mail.is_flagged() { "flagged" } else { "notFlagged" } },
    });
    let Value::Object(members) = &mut item else { return item };
    if let Some(from) = mail.from() {
        members.insert("sender".to_owned(), address(from));
        members.insert("from".to_owned(), address(from));
    }
    if mail.number % 29 == 11 {
        members.insert("@odata.type".to_owned(), json!("#microsoft.graph.eventMessageRequest"));
    }
    if text {
        let preview = format!("Hello, this is message {}.", mail.number);
        members.insert("bodyPreview".to_owned(), json!(preview));
        members.insert("body".to_owned(), json!({ "contentType": "text", "content": preview }));
    }
    item
}
