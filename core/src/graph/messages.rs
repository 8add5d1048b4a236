//! Messages without their text (FACTS 8.5 to 8.7, 16).

use super::{
    page::Resource,
    query::{self, Filter, Listing, Reach, select},
    wire::{Entry, Field, List, Notes, RecipientWire, Spoken, When, filled, half_a_character, wire},
};
use crate::{
    config::Cloud,
    error::Result,
    model::{
        EmailAddress, FlagStatus, Importance, InferenceClassification, Message, MessageChange, MessageKind, MessageOrder,
        MessageProperty, MessageQuery,
    },
};
use serde::Deserialize;

wire! {
    /// A message of an answer.
    MessageWire {
        #[serde(rename = "@odata.type")]
        kind: Option<Spoken<MessageKind>>,
    }
    MessageProperty {
        subject: String = Subject,
        from: RecipientWire = From,
        sender: RecipientWire = Sender,
        to_recipients: List<EmailAddress> = To,
        cc_recipients: List<EmailAddress> = Cc,
        received_date_time: When = ReceivedAt,
        sent_date_time: When = SentAt,
        is_read: bool = IsRead,
        is_draft: bool = IsDraft,
        importance: Spoken<Importance> = Importance,
        has_attachments: bool = HasAttachments,
        categories: List<String> = Categories,
        conversation_id: String = ConversationId,
        internet_message_id: String = InternetMessageId,
        parent_folder_id: String = FolderId,
        web_link: String = WebLink,
        inference_classification: Spoken<InferenceClassification> = Classification,
        flag: FlagWire = Flag,
        body_preview: String = Preview,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlagWire {
    flag_status: Option<Spoken<FlagStatus>>,
}

impl Resource for Message {
    type Wire = MessageWire;
    const NAME: &'static str = "message";

    fn from_wire(wire: MessageWire) -> Option<Self> {
        let mut notes = Notes::default();
        let address = |field: Field<RecipientWire>| field.given().and_then(EmailAddress::from_wire);
        Some(Self {
            id: wire.id.and_then(filled)?,
            kind: notes.word("@odata.type", wire.kind).unwrap_or(MessageKind::Mail),
            subject: wire.subject.given(),
            from: address(wire.from),
            sender: address(wire.sender),
            to: wire.to_recipients.list(),
            cc: wire.cc_recipients.list(),
            received_at: notes.moment("receivedDateTime", wire.received_date_time.given()),
            sent_at: notes.moment("sentDateTime", wire.sent_date_time.given()),
            is_read: wire.is_read.given(),
            is_draft: wire.is_draft.given(),
            importance: notes.word("importance", wire.importance.given()),
            has_attachments: wire.has_attachments.given(),
            categories: wire.categories.list(),
            conversation_id: wire.conversation_id.given(),
            internet_message_id: wire.internet_message_id.given(),
            folder_id: wire.parent_folder_id.given(),
            web_link: wire.web_link.given(),
            classification: notes.word("inferenceClassification", wire.inference_classification.given()),
            flag: notes.word("flag.flagStatus", wire.flag.given().and_then(|flag| flag.flag_status)),
            preview: wire.body_preview.given(),
            unknown: notes.done(),
        })
    }

    fn note_mended(&mut self) {
        self.unknown.push(half_a_character());
    }
}

impl Resource for MessageChange {
    type Wire = MessageWire;
    const NAME: &'static str = "message";

    fn from_wire(wire: MessageWire) -> Option<Self> {
        if let Some(removed) = &wire.removed {
            let removed = Some(removed.reason());
            return Some(Self { id: wire.id.and_then(filled)?, removed, message: None, given: Vec::new() });
        }
        let given = wire.given();
        let message = Message::from_wire(wire)?;
        Some(Self { id: message.id.clone(), removed: None, message: Some(message), given })
    }

    fn note_mended(&mut self) {
        if let Some(message) = &mut self.message {
            message.note_mended();
        }
    }
}

/// The messages that a query is about.
pub(crate) fn list(query: &MessageQuery, reach: Reach) -> Result<Listing> {
    let mut path = vec!["me".to_owned()];
    if let Some(folder) = &query.folder {
        path.extend(["mailFolders".to_owned(), query::id(folder)?]);
    }
    path.push("messages".to_owned());
    let mut parameters = vec![("$select", selected(reach)), ("$top", query::page_size(query.page_size)?)];
    if let Some(words) = &query.search {
        parameters.push(("$search", search(words, query, reach)?));
        return Ok(Listing::new(path, parameters));
    }
    parameters.extend(filter(query, reach)?.parameter());
    let order = match query.order {
        MessageOrder::Newest => "receivedDateTime desc",
        MessageOrder::Oldest => "receivedDateTime asc",
    };
    parameters.push(("$orderby", order.to_owned()));
    if query.with_total {
        parameters.push(("$count", "true".to_owned()));
    }
    Ok(Listing::new(path, parameters))
}

/// One message.
pub(crate) fn one(id: &str, reach: Reach) -> Result<Listing> {
    let path = vec!["me".to_owned(), "messages".to_owned(), query::id(id)?];
    Ok(Listing::new(path, vec![("$select", selected(reach))]))
}

/// The first request of a sync of one folder, by id or well-known name. How many items a page has is said in a header.
pub(crate) fn delta(folder: &str, page_size: u32, reach: Reach) -> Result<Listing> {
    let path = ["me", "mailFolders", &query::id(folder)?, "messages", "delta"].map(str::to_owned).to_vec();
    Ok(Listing::new(path, vec![("$select", selected(reach))]).prefer(query::delta_page_size(page_size)?))
}

/// Without `Mail.Read` the preview must not be named, and China does not know the flag.
fn selected(reach: Reach) -> String {
    select(MessageProperty::ALL.iter().filter_map(|property| match property {
        MessageProperty::Preview => reach.mail_text.then_some(property.name()),
        MessageProperty::Flag => knows_flags(reach).then_some(property.name()),
        property => Some(property.name()),
    }))
}

fn knows_flags(reach: Reach) -> bool {
    reach.cloud != Cloud::China
}

/// What `$orderby` names has to stand first in `$filter` (FACTS 8.5): so it always does.
fn filter(query: &MessageQuery, reach: Reach) -> Result<Filter> {
    let mut filter = Filter::ordered_by("receivedDateTime");
    filter.span(query.received_from, query.received_before)?;
    filter.other_span("sentDateTime", query.sent_from, query.sent_before)?;
    if let Some(address) = &query.from_address {
        filter.equals("from/emailAddress/address", "from_address", address)?;
    }
    if let Some(unread) = query.unread {
        filter.is("isRead", !unread);
    }
    if let Some(has) = query.has_attachments {
        filter.is("hasAttachments", has);
    }
    if let Some(importance) = query.importance {
        filter.equals("importance", "importance", importance.name())?;
    }
    if let Some(flagged) = query.flagged {
        if !knows_flags(reach) {
            return Err(query::not_possible("flagged"));
        }
        filter.add(format!("flag/flagStatus {} 'flagged'", if flagged { "eq" } else { "ne" }));
    }
    if let Some(text) = &query.subject_contains {
        filter.contains("subject", "subject_contains", text)?;
    }
    Ok(filter)
}

/// `$search` takes words in quotes, stands alone, and needs the text of messages (FACTS 8.5, 8.6).
fn search(words: &str, query: &MessageQuery, reach: Reach) -> Result<String> {
    if !reach.mail_text {
        return Err(query::not_possible("search_needs_Mail.Read"));
    }
    let alone = MessageQuery {
        folder: query.folder.clone(),
        search: query.search.clone(),
        page_size: query.page_size,
        ..MessageQuery::default()
    };
    if *query != alone {
        return Err(query::not_possible("search_with_conditions"));
    }
    let words = query::text("search", words)?;
    Ok(format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests;
