//! Answers of Graph that a test writes itself, one for each request in order; what is not written comes from the sandbox.

use crate::rig::Rig;
use intail_office365::Account;
use intail_office365_sandbox::{Endpoint, Fault, LogEntry};
use serde_json::{Value, json};

pub(crate) fn graph(name: &str) -> Fault {
    Fault::at(Endpoint::Graph, name).times(1)
}

/// A good answer.
pub(crate) fn page(body: Value) -> Fault {
    Fault { status: Some(200), body: Some(body), ..graph("page") }
}

/// A page of so many messages, and where the next begins.
pub(crate) fn messages(ids: &[&str], next: Option<&str>) -> Fault {
    let value: Vec<Value> = ids.iter().map(|id| json!({"id": id, "subject": format!("about {id}")})).collect();
    let mut body = json!({"value": value});
    if let Some(next) = next {
        body["@odata.nextLink"] = json!(next);
    }
    page(body)
}

/// An error as Graph writes it.
pub(crate) fn error(status: u16, code: &str) -> Fault {
    let body = json!({"error": {"code": code, "message": "Scripted needle.", "innerError": {"date": "2026-08-20T10:15:30"}}});
    Fault { status: Some(status), body: Some(body), ..graph("error") }
}

pub(crate) fn with_header(mut fault: Fault, name: &str, value: &str) -> Fault {
    fault.headers.insert(name.to_owned(), value.to_owned());
    fault
}

impl Rig {
    /// The account of Megan, and from here on these answers, one after the other.
    pub(crate) fn scripted(&self, answers: impl IntoIterator<Item = Fault>) -> Account {
        let account = self.connected(&self.open());
        self.script(answers);
        account
    }

    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Fault>) {
        for answer in answers {
            self.control.add_fault(answer).unwrap();
        }
        self.control.clear_log().unwrap();
    }

    /// The requests to Graph since then.
    pub(crate) fn asked(&self) -> Vec<LogEntry> {
        self.sent().into_iter().filter(|entry| entry.path.starts_with("/graph/")).collect()
    }

    pub(crate) fn link(&self, rest: &str) -> String {
        format!("{}/v1.0/{rest}", self.sandbox.graph_base())
    }
}
