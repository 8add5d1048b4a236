//! Mail folders (FACTS 8.4, 16).

use super::{
    page::Resource,
    query::{self, Listing, Reach, select},
    wire::{Notes, filled, half_a_character},
};
use crate::{config::Cloud, error::Result, model::MailFolder};
use serde::Deserialize;

/// What a search that looks like a folder is called.
const SEARCH: &str = "#microsoft.graph.mailSearchFolder";
/// Folders a page: most mailboxes have fewer on one level.
const PAGE: u32 = 100;

/// Names that stand in place of an id, in every language of a mailbox.
const WELL_KNOWN: [&str; 17] = [
    "inbox",
    "drafts",
    "sentitems",
    "deleteditems",
    "junkemail",
    "archive",
    "outbox",
    "conversationhistory",
    "clutter",
    "msgfolderroot",
    "searchfolders",
    "recoverableitemsdeletions",
    "scheduled",
    "conflicts",
    "localfailures",
    "serverfailures",
    "syncissues",
];

/// A folder of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FolderWire {
    id: Option<String>,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    display_name: Option<String>,
    parent_folder_id: Option<String>,
    child_folder_count: Option<i64>,
    unread_item_count: Option<i64>,
    total_item_count: Option<i64>,
    is_hidden: Option<bool>,
}

impl Resource for MailFolder {
    type Wire = FolderWire;
    const NAME: &'static str = "mailFolder";

    fn from_wire(wire: FolderWire) -> Option<Self> {
        let mut notes = Notes::default();
        if let Some(kind) = wire.kind.as_deref().filter(|kind| ![SEARCH, "#microsoft.graph.mailFolder"].contains(kind)) {
            notes.add("@odata.type", kind);
        }
        Some(Self {
            id: wire.id.and_then(filled)?,
            display_name: wire.display_name,
            well_known: None,
            parent_folder_id: wire.parent_folder_id,
            child_folder_count: notes.count("childFolderCount", wire.child_folder_count),
            unread_item_count: notes.count("unreadItemCount", wire.unread_item_count),
            total_item_count: notes.count("totalItemCount", wire.total_item_count),
            is_hidden: wire.is_hidden,
            is_search: wire.kind.as_deref() == Some(SEARCH),
            unknown: notes.done(),
        })
    }

    fn note_mended(&mut self) {
        self.unknown.push(half_a_character());
    }
}

/// The well-known name that this is, as it is written in [`MailFolder::well_known`].
pub(crate) fn well_known(name: &str) -> Option<&'static str> {
    WELL_KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// The folders below one, by id or well-known name; those at the top without one.
pub(crate) fn list(parent: Option<&str>, hidden_too: bool, reach: Reach) -> Result<Listing> {
    let mut path = vec!["me".to_owned(), "mailFolders".to_owned()];
    if let Some(parent) = parent {
        path.extend([query::id(parent)?, "childFolders".to_owned()]);
    }
    let mut parameters = vec![("$select", selected(reach)), ("$top", PAGE.to_string())];
    if hidden_too {
        parameters.push(("includeHiddenFolders", "true".to_owned()));
    }
    Ok(Listing::new(path, parameters))
}

/// One folder, by id or well-known name.
pub(crate) fn one(folder: &str, reach: Reach) -> Result<Listing> {
    let path = vec!["me".to_owned(), "mailFolders".to_owned(), query::id(folder)?];
    Ok(Listing::new(path, vec![("$select", selected(reach))]))
}

/// The clouds of the US government do not know `isHidden`.
fn selected(reach: Reach) -> String {
    let names = ["displayName", "parentFolderId", "childFolderCount", "unreadItemCount", "totalItemCount"];
    let hidden = !matches!(reach.cloud, Cloud::UsGovernmentL4 | Cloud::UsGovernmentDod);
    select(names.into_iter().chain(hidden.then_some("isHidden")))
}
