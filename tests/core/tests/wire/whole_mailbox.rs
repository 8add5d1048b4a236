//! A whole mailbox kept up to date, folder by folder, and pages that become smaller where the service is too slow for large ones.

use crate::{
    rig::{MEGAN, Rig, refused},
    script::{error, graph, page},
};
use intail_office365::{
    Account, CallOptions, CancelToken, ErrorKind, MailFolder, MailboxSync, MessageQuery, MessageSyncPage, SyncObserver,
};
use intail_office365_sandbox::{Fault, LogEntry, Reason};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// What a host keeps: each message with the folder it is in.
#[derive(Default)]
struct Copy {
    known: Mutex<HashMap<String, Option<String>>>,
    seen: Mutex<Vec<(String, u32)>>,
    /// Pages to take before it ends the sync.
    patience: Option<usize>,
    account: Option<Account>,
    cancel: Option<Arc<CancelToken>>,
}

impl SyncObserver for Copy {
    fn on_messages(&self, folder: &MailFolder, page: &MessageSyncPage) -> bool {
        let mut seen = self.seen.lock().unwrap();
        if self.patience == Some(seen.len()) {
            return false;
        }
        seen.push((folder.id.clone(), page.progress.changes));
        let mut known = self.known.lock().unwrap();
        for change in &page.changes {
            match &change.message {
                Some(message) => drop(known.insert(change.id.clone(), message.folder_id.clone())),
                None if known.get(&change.id).is_some_and(|at| at.as_deref() == Some(&folder.id)) => drop(known.remove(&change.id)),
                None => {}
            }
        }
        if let Some(account) = &self.account {
            refused(account.profile(), ErrorKind::Busy, "Reentrant");
        }
        self.cancel.iter().for_each(|cancel| cancel.cancel());
        true
    }
}

fn sync(account: &Account, copy: &Arc<Copy>) -> MailboxSync {
    account.sync_mailbox(7, Arc::clone(copy) as Arc<dyn SyncObserver>).unwrap()
}

#[test]
fn every_folder_once_and_then_only_what_changed() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let copy = Arc::new(Copy { account: Some(account.clone()), ..Copy::default() });
    let first = sync(&account, &copy);
    assert!(first.complete && first.folders.iter().all(|folder| !folder.is_search));
    assert_eq!((first.changes, copy.known.lock().unwrap().len()), (60, 60));
    let listed: Vec<_> =
        account.iter_messages(&MessageQuery::default()).map(|message| message.unwrap()).map(|m| (m.id, m.folder_id)).collect();
    assert_eq!(*copy.known.lock().unwrap(), listed.into_iter().collect());
    rig.control.clear_log().unwrap();
    let again = sync(&account, &copy);
    let deltas = rig.sent().into_iter().filter(|entry| entry.path.ends_with("/delta")).count();
    assert_eq!((again.changes, again.pages as usize, deltas), (0, first.folders.len(), first.folders.len()));

    let inbox = account.mail_folder("inbox").unwrap();
    let (moved, gone) = {
        let known = copy.known.lock().unwrap();
        let mut there = known.iter().filter(|(_, at)| at.as_deref() == Some(&inbox.id)).map(|(id, _)| id.clone());
        (there.next().unwrap(), there.next().unwrap())
    };
    rig.control.move_message(MEGAN, &moved, "archive").unwrap();
    rig.control.delete_message(MEGAN, &gone, Reason::Deleted).unwrap();
    let archive = account.mail_folder("archive").unwrap();
    assert!(sync(&account, &copy).complete);
    let known = copy.known.lock().unwrap();
    assert_eq!((known.get(&moved), known.get(&gone), known.len()), (Some(&Some(archive.id)), None, 59));
}

#[test]
fn what_was_not_taken_comes_again() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let hasty = Arc::new(Copy { patience: Some(2), ..Copy::default() });
    let ended = sync(&account, &hasty);
    assert_eq!((ended.complete, ended.pages, hasty.seen.lock().unwrap().len()), (false, 2, 2));
    // The rest follows, and of what was taken nothing comes again.
    let patient = Arc::new(Copy::default());
    let rest = sync(&account, &patient);
    assert!(rest.complete);
    assert_eq!(ended.changes + rest.changes, 60);
    let cancel = CancelToken::new();
    let cancelled = Arc::new(Copy { cancel: Some(Arc::clone(&cancel)), ..Copy::default() });
    let options = CallOptions { cancel: Some(cancel), ..CallOptions::default() };
    refused(account.with(options).sync_mailbox(7, cancelled), ErrorKind::Cancelled, "OperationCancelled");
    refused(account.sync_mailbox(0, patient), ErrorKind::InvalidArgument, "QueryNotPossible");
}

#[test]
fn a_folder_that_vanished_meanwhile_is_left_out() {
    let rig = Rig::new();
    let token = rig.link("me/mailFolders('b')/messages/delta?$deltatoken=1");
    let folder = |id: &str| json!({"id": id, "displayName": id, "childFolderCount": 0});
    let search = json!({"@odata.type": "#microsoft.graph.mailSearchFolder", "id": "s", "displayName": "s", "childFolderCount": 0});
    let account = rig.scripted([
        page(json!({"value": [folder("a"), folder("b"), search]})),
        error(404, "ErrorItemNotFound"),
        page(json!({"value": [{"id": "m"}], "@odata.deltaLink": token})),
    ]);
    let done = sync(&account, &Arc::new(Copy::default()));
    assert_eq!((done.folders.len(), done.folders[0].id.as_str(), done.changes, done.complete), (1, "b", 1, true));
}

fn top(asked: &LogEntry) -> Option<&str> {
    asked.query.iter().find(|field| field.name == "$top")?.value.as_deref()
}

/// A 504 says that a page took too long: the next try asks for half of it (FACTS 9.1).
#[test]
fn pages_become_smaller_where_the_service_is_too_slow() {
    let rig = Rig::new();
    let token = rig.link("me/mailFolders('inbox')/messages/delta?$deltatoken=1");
    let slow = || Fault { status: Some(504), ..graph("slow") };
    let account =
        rig.scripted([slow(), slow(), page(json!({"value": []})), slow(), page(json!({"value": [], "@odata.deltaLink": token}))]);
    let query = MessageQuery { page_size: 100, ..MessageQuery::default() };
    assert!(account.messages(&query).unwrap().messages.is_empty());
    account.sync_messages("inbox", 40).unwrap();
    let asked = rig.asked();
    let tops: Vec<_> = asked.iter().take(3).map(top).collect();
    assert_eq!(tops, [Some("100"), Some("50"), Some("25")]);
    let sizes: Vec<_> = asked.iter().skip(3).map(|entry| entry.headers["prefer"].as_str()).collect();
    assert!(sizes[0].ends_with("odata.maxpagesize=40") && sizes[1].ends_with("odata.maxpagesize=20"), "{sizes:?}");
}
