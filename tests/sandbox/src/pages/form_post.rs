//! `response_mode=form_post`: the one page with a script, which submits its form.

use maud::{DOCTYPE, PreEscaped, html};

/// The policy of the pages names its hash.
const SCRIPT: &str = "document.forms[0].submit();";

/// Submits itself; without scripts there is a button.
pub(crate) fn page(action: &str, parameters: &[(&str, String)]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                link rel="icon" href="data:,";
                title { "Working..." }
            }
            body data-page="form-post" {
                main {
                    h1 { "Working..." }
                    form #answer method="post" action=(action) {
                        @for (name, value) in parameters {
                            input type="hidden" name=(name) value=(value);
                        }
                        noscript {
                            p { "Script is disabled. Click Submit to continue." }
                            button type="submit" { "Submit" }
                        }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    #[test]
    fn the_policy_lets_this_script_run() {
        let digest = ring::digest::digest(&ring::digest::SHA256, SCRIPT.as_bytes());
        let hash = STANDARD.encode(digest);
        assert!(crate::pages::POLICY.contains(&format!("script-src 'sha256-{hash}';")));
    }
}
