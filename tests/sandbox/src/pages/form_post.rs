//! `response_mode=form_post`: the one page with a script, which submits its form.

use maud::{DOCTYPE, PreEscaped, html};

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
                script { (PreEscaped("document.forms[0].submit();")) }
            }
        }
    }
    .into_string()
}
