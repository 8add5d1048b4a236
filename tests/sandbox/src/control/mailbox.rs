//! Changes of a mailbox.

use super::apply::ControlError;
use super::change::Change;
use super::handle::Control;
use crate::state::State;
use crate::state::calendar::Agenda;
use crate::state::mailbox::{DeltaSettings, Folder, Mailbox, Reason};

/// Applies a change of a mailbox.
pub(crate) fn apply(state: &mut State, change: Change) -> Result<(), ControlError> {
    match change {
        Change::SetMailboxSize { user, messages } => mailbox(state, &user)?.resize(messages),
        Change::AddMessage { user, folder, subject } => {
            let (now, folder) = (state.now(), folder_id(&folder)?);
            mailbox(state, &user)?.add(folder, &subject, now);
        }
        Change::SetMessageRead { user, id, on } => {
            let mailbox = mailbox(state, &user)?;
            let number = number(mailbox, &id)?;
            mailbox.update(number, |mail| mail.is_read = on);
        }
        Change::MoveMessage { user, id, folder } => {
            let (mailbox, folder) = (mailbox(state, &user)?, folder_id(&folder)?);
            let number = number(mailbox, &id)?;
            mailbox.transfer(number, folder);
        }
        Change::DeleteMessage { user, id, reason } => {
            let mailbox = mailbox(state, &user)?;
            let number = number(mailbox, &id)?;
            mailbox.delete(number, reason);
        }
        Change::SetDelta { user, settings } => mailbox(state, &user)?.delta = settings,
        Change::SetNextLink { user, link } => mailbox(state, &user)?.next_link = Some(link),
        other => return calendar(state, other),
    }
    Ok(())
}

fn calendar(state: &mut State, change: Change) -> Result<(), ControlError> {
    let done = match change {
        Change::AddEvent { user, subject, start, length } => {
            agenda(state, &user)?.add(&subject, start, length);
            true
        }
        Change::MoveEvent { user, id, seconds } => agenda(state, &user)?.update(&id, |entry| entry.start += seconds),
        Change::CancelEvent { user, id } => agenda(state, &user)?.update(&id, |entry| entry.cancelled = true),
        Change::DeleteEvent { user, id } => agenda(state, &user)?.delete(&id),
        Change::ForgetEventSync { user } => {
            agenda(state, &user)?.gone = true;
            true
        }
        Change::SetPhoto { user, on } => {
            let name = user_name(state, &user)?;
            if on {
                state.without_photo.remove(&name);
            } else {
                state.without_photo.insert(name);
            }
            true
        }
        other => return Err(ControlError::new(&format!("not a change of a mailbox: {other:?}"))),
    };
    if done { Ok(()) } else { Err(ControlError::new("no such event")) }
}

fn user_name(state: &State, user: &str) -> Result<String, ControlError> {
    let found = state.user(user).map(|found| found.user_name.clone());
    found.ok_or_else(|| ControlError::new(&format!("no user named {user}")))
}

fn agenda<'a>(state: &'a mut State, user: &str) -> Result<&'a mut Agenda, ControlError> {
    let name = user_name(state, user)?;
    Ok(state.agenda(&name))
}

fn mailbox<'a>(state: &'a mut State, user: &str) -> Result<&'a mut Mailbox, ControlError> {
    let name = user_name(state, user)?;
    Ok(state.mailbox(&name))
}

fn folder_id(named: &str) -> Result<&'static str, ControlError> {
    Folder::find(named).map(|folder| folder.id).ok_or_else(|| ControlError::new(&format!("no folder {named}")))
}

fn number(mailbox: &Mailbox, id: &str) -> Result<u32, ControlError> {
    mailbox.by_id(id).map(|mail| mail.number).ok_or_else(|| ControlError::new(&format!("no message {id}")))
}

impl Control {
    /// How many messages a mailbox has, at most a million. They are made up when somebody asks for them.
    pub fn set_mailbox_size(&self, user: &str, messages: u32) -> Result<(), ControlError> {
        self.change(Change::SetMailboxSize { user: user.to_owned(), messages })
    }

    /// A new message in a folder (id or well-known name). Returns its immutable id.
    pub fn add_message(&self, user: &str, folder: &str, subject: &str) -> Result<String, ControlError> {
        let mut state = self.shared().state();
        let (now, folder) = (state.now(), folder_id(folder)?);
        let mailbox = mailbox(&mut state, user)?;
        let number = mailbox.add(folder, subject, now);
        let mail = mailbox.mail(number).ok_or_else(|| ControlError::new("the message is gone"))?;
        Ok(Mailbox::id(&mail, true))
    }

    /// Whether a message was read.
    pub fn set_message_read(&self, user: &str, id: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetMessageRead { user: user.to_owned(), id: id.to_owned(), on })
    }

    /// Moves a message to another folder (id or well-known name).
    pub fn move_message(&self, user: &str, id: &str, folder: &str) -> Result<(), ControlError> {
        self.change(Change::MoveMessage { user: user.to_owned(), id: id.to_owned(), folder: folder.to_owned() })
    }

    /// Deletes a message.
    pub fn delete_message(&self, user: &str, id: &str, reason: Reason) -> Result<(), ControlError> {
        self.change(Change::DeleteMessage { user: user.to_owned(), id: id.to_owned(), reason })
    }

    /// How the syncs of a mailbox behave next.
    pub fn set_delta(&self, user: &str, settings: DeltaSettings) -> Result<(), ControlError> {
        self.change(Change::SetDelta { user: user.to_owned(), settings })
    }

    /// This text stands in the place of the next nextLink or deltaLink.
    pub fn set_next_link(&self, user: &str, link: &str) -> Result<(), ControlError> {
        self.change(Change::SetNextLink { user: user.to_owned(), link: link.to_owned() })
    }

    /// A new event in the default calendar, at a time (Unix seconds) and for so many seconds. Returns its id.
    pub fn add_event(&self, user: &str, subject: &str, start: i64, length: i64) -> Result<String, ControlError> {
        Ok(agenda(&mut self.shared().state(), user)?.add(subject, start, length))
    }

    /// Moves an event or a series by so many seconds.
    pub fn move_event(&self, user: &str, id: &str, seconds: i64) -> Result<(), ControlError> {
        self.change(Change::MoveEvent { user: user.to_owned(), id: id.to_owned(), seconds })
    }

    /// Cancels an event; it stays in the calendar.
    pub fn cancel_event(&self, user: &str, id: &str) -> Result<(), ControlError> {
        self.change(Change::CancelEvent { user: user.to_owned(), id: id.to_owned() })
    }

    /// Deletes an event or a series.
    pub fn delete_event(&self, user: &str, id: &str) -> Result<(), ControlError> {
        self.change(Change::DeleteEvent { user: user.to_owned(), id: id.to_owned() })
    }

    /// The next token of a sync of events is not known any more.
    pub fn forget_event_sync(&self, user: &str) -> Result<(), ControlError> {
        self.change(Change::ForgetEventSync { user: user.to_owned() })
    }

    /// Whether there is a picture of the person.
    pub fn set_photo(&self, user: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetPhoto { user: user.to_owned(), on })
    }
}
