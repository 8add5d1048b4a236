//! Every way in which a sign-in ends without an account, as the host sees it (case O-13).

use crate::rig::{ADELE, BIANCA, MEGAN, Rig, hint, refused};
use intail_office365::{CallOptions, ConnectOptions, ErrorKind, Language};
use intail_office365_sandbox::{AppPresence, ConditionalAccess, Consent, Fault, Person, Platform};

/// A way in which a sign-in ends.
struct Case {
    name: &'static str,
    user: fn() -> Person,
    prepare: fn(&Rig),
    options: fn() -> ConnectOptions,
    expected: (ErrorKind, &'static str),
}

fn plain() -> ConnectOptions {
    ConnectOptions::default()
}

const CASES: [Case; 9] = [
    Case {
        name: "cancelled on the sign-in page",
        user: || Person::new(MEGAN).consent(Consent::CancelSignIn),
        prepare: |_| {},
        options: plain,
        expected: (ErrorKind::Cancelled, "LoginCancelled"),
    },
    Case {
        name: "declined on the consent page",
        user: || Person::new(BIANCA).consent(Consent::Decline),
        prepare: |_| {},
        options: plain,
        expected: (ErrorKind::ConsentDeclined, "ConsentDenied"),
    },
    Case {
        name: "gone back from need-admin-approval",
        user: || Person::new(ADELE).consent(Consent::GoBack),
        prepare: |_| {},
        options: plain,
        expected: (ErrorKind::ConsentDeclined, "ConsentDenied"),
    },
    Case {
        name: "nobody signed in, and nothing may be asked",
        user: || Person::new(MEGAN),
        prepare: |_| {},
        options: || ConnectOptions { no_prompt: true, ..ConnectOptions::default() },
        expected: (ErrorKind::InteractionRequired, "InteractionRequired"),
    },
    Case {
        name: "the token endpoint asks for a consent",
        user: || Person::new(MEGAN),
        prepare: |rig| {
            let fault = Fault::token_error("invalid_grant", Some("consent_required"), &[65_001], None);
            rig.control.add_fault(fault).unwrap();
        },
        options: plain,
        expected: (ErrorKind::AdminConsentRequired, "AdminConsentRequired"),
    },
    Case {
        name: "the token endpoint asks for an extra step",
        user: || Person::new(MEGAN),
        prepare: |rig| rig.control.add_fault(Fault::token_error("interaction_required", None, &[50_079], None)).unwrap(),
        options: plain,
        expected: (ErrorKind::InteractionRequired, "InteractionRequired"),
    },
    Case {
        name: "the registration is a web app",
        user: || Person::new(MEGAN),
        prepare: |rig| rig.control.add_redirect_uri("http://localhost", Platform::Web).unwrap(),
        options: plain,
        expected: (ErrorKind::Misconfigured, "ConfigError"),
    },
    Case {
        name: "a policy blocks",
        user: || Person::new(MEGAN),
        prepare: |rig| {
            let fault = Fault::token_error("invalid_grant", Some("message_only"), &[53_003], None);
            rig.control.add_fault(fault).unwrap();
        },
        options: plain,
        expected: (ErrorKind::AccessDenied, "BlockedByPolicy"),
    },
    Case {
        name: "an error that nobody knows",
        user: || Person::new(MEGAN),
        prepare: |rig| rig.control.add_fault(Fault::token_error("brand_new_error", None, &[99_999], None)).unwrap(),
        options: plain,
        expected: (ErrorKind::Service, "ProviderError"),
    },
];

/// O-13: every way in which the sandbox's pages end, as the host sees it.
#[test]
fn o_13_every_end_of_a_sign_in_has_its_own_error() {
    for case in CASES {
        let rig = Rig::new();
        (case.prepare)(&rig);
        rig.robot.is((case.user)());
        let office = rig.open().with(CallOptions { timeout_ms: Some(5000), cancel: None });
        let error = refused(office.connect(&(case.options)(), None), case.expected.0, case.expected.1);
        assert!(office.accounts().unwrap().is_empty(), "{}", case.name);
        let page = &rig.robot.visits()[0];
        assert!(page.left_the_sandbox() && page.status == 200, "{}: {} {}", case.name, page.page, page.status);
        assert!(error.message(Language::German).ends_with('.'), "{}", case.name);
    }
}

/// What ends on a page of Microsoft's (blocked, device, disabled) never comes back: the time-out tells the person what to look for.
#[test]
fn o_13_pages_that_never_come_back_end_as_a_time_out() {
    let stuck: [fn(&Rig); 3] = [
        |rig| rig.control.set_conditional_access("northwind", ConditionalAccess::Block).unwrap(),
        |rig| rig.control.set_app_presence("northwind", AppPresence::Disabled).unwrap(),
        |rig| rig.control.set_user_disabled(MEGAN, true).unwrap(),
    ];
    for prepare in stuck {
        let rig = Rig::new();
        prepare(&rig);
        rig.robot.is(Person::new(MEGAN));
        let office = rig.open().with(CallOptions { timeout_ms: Some(500), cancel: None });
        let error = refused(office.connect(&hint(MEGAN), None), ErrorKind::TimedOut, "LoginTimeout");
        assert!(error.admin_approval().is_some());
        assert!(!rig.robot.visits()[0].left_the_sandbox());
    }
}

/// `rp_form_post_error`: an error that is posted to the listener is as good as one in an address.
#[test]
fn rp_form_post_error() {
    let rig = Rig::new();
    rig.robot.is(Person::new(MEGAN).consent(Consent::CancelSignIn));
    refused(rig.open().connect(&hint(MEGAN), None), ErrorKind::Cancelled, "LoginCancelled");
    let visit = rig.robot.visits().pop().unwrap();
    assert!(visit.saw("form-post") && visit.answer("error") == Some("access_denied") && visit.status == 200);
}
