//! The one style of all pages: the host's accent colour where it stays readable, and its hash for the policy.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

/// Text needs this contrast to its background (WCAG 2.2, success criterion 1.4.3).
const READABLE: f64 = 4.5;

/// Page and card of the two colour schemes, and the accent that is readable on both.
const LIGHT: Scheme = Scheme { page: "#f3f5f8", card: "#ffffff", accent: "#1f4e8c" };
const DARK: Scheme = Scheme { page: "#11161c", card: "#1b222b", accent: "#8ab4f0" };

/// Everything but the colours that depend on the host. `--accent` is the colour of links and of the button, whose text has the
/// colour of the card; the pair was checked.
const RULES: &str = "\
:root{color-scheme:light dark;--text:#1b1f24;--muted:#57606a;--line:#d0d7de;--good:#1a7f37;--bad:#b42318;--wait:#8a5a00}\
@media(prefers-color-scheme:dark){:root{--text:#e8ecf1;--muted:#a9b4c0;--line:#3a4450;--good:#56d37e;--bad:#ff9a8f;--wait:#e3b341}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;padding:2rem 1rem;background:var(--page);\
color:var(--text);font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}\
header,main{width:100%;max-width:36rem;overflow-wrap:anywhere}\
header{display:flex;align-items:center;gap:.875rem;padding:0 .25rem 1.25rem;font-size:1.125rem;font-weight:600}\
header img{height:64px;width:auto;max-width:50%;border-radius:12px;object-fit:contain}\
header bdi{min-width:0}\
main{background:var(--card);border:1px solid var(--line);border-top:4px solid var(--accent);border-radius:12px;\
padding:1.75rem}\
.mark{display:block;width:48px;height:48px;margin:0 0 .75rem}\
.good{color:var(--good)}.bad{color:var(--bad)}.wait{color:var(--wait)}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}\
h2{font-size:1.0625rem;margin:1.75rem 0 .5rem}\
p{margin:.5rem 0}\
ul{margin:.5rem 0;padding-left:1.25rem}li{margin:.375rem 0}\
dl{margin:1.25rem 0;padding:1rem 1.125rem;border:1px solid var(--line);border-radius:8px;background:var(--page)}\
dt{font-size:.875rem;color:var(--muted)}dd{margin:0 0 .625rem;font-weight:600}dd:last-child{margin-bottom:0}\
.plain{font-weight:400}\
li code{display:block}\
code{font:.875em/1.4 ui-monospace,'Cascadia Mono',Menlo,Consolas,monospace;color:var(--muted)}\
a{color:var(--accent)}\
.button{display:inline-block;margin-top:1.5rem;padding:.6875rem 1.25rem;border-radius:8px;background:var(--accent);\
color:var(--card);font-weight:600;text-decoration:none}\
.button:hover{text-decoration:underline}\
a:focus-visible,textarea:focus-visible{outline:3px solid var(--accent);outline-offset:3px}\
.promise{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line)}\
label{display:block;font-weight:600;margin:1rem 0 .375rem}\
textarea{display:block;width:100%;min-height:13rem;padding:.75rem;border:1px solid var(--muted);border-radius:8px;\
background:var(--page);color:var(--text);font:inherit;font-size:.9375rem;resize:vertical}\
@media(max-width:26rem){body{padding:1rem .5rem}main{padding:1.25rem 1rem}}\
@media(forced-colors:active){.button{border:1px solid}}";

struct Scheme {
    page: &'static str,
    card: &'static str,
    accent: &'static str,
}

impl Scheme {
    fn accent<'a>(&'a self, wanted: &'a str) -> &'a str {
        let readable = [self.page, self.card].into_iter().all(|back| contrast(wanted, back).is_some_and(|ratio| ratio >= READABLE));
        if readable { wanted } else { self.accent }
    }

    fn colors(&self, wanted: &str) -> String {
        format!(":root{{--page:{};--card:{};--accent:{}}}", self.page, self.card, self.accent(wanted))
    }
}

/// The style for an app with that accent colour, `#rrggbb`. Anything else falls back to ours, so that nothing can be smuggled in.
pub(super) fn style(accent: &str) -> String {
    format!("{}@media(prefers-color-scheme:dark){{{}}}{RULES}", LIGHT.colors(accent), DARK.colors(accent))
}

/// The policy under which a page with that style is shown: that style, images within the page, and nothing else.
pub(super) fn policy(style: &str) -> String {
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}

/// The contrast of two colours, 1 to 21 (WCAG 2.2, contrast ratio).
fn contrast(one: &str, other: &str) -> Option<f64> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

/// Relative luminance of an sRGB colour, `#rrggbb` (WCAG 2.2, relative luminance).
fn luminance(color: &str) -> Option<f64> {
    let digits =
        color.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = value.to_be_bytes().map(linear);
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue)
}

fn linear(channel: u8) -> f64 {
    let share = f64::from(channel) / 255.0;
    if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accents(wanted: &str) -> (String, String) {
        (LIGHT.accent(wanted).to_owned(), DARK.accent(wanted).to_owned())
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast("#000000", "#ffffff").unwrap() - 21.0).abs() < 0.001);
        assert!((contrast("#777777", "#ffffff").unwrap() - 4.478).abs() < 0.001);
        assert!((contrast("#1f4e8c", "#1f4e8c").unwrap() - 1.0).abs() < 0.001);
    }

    #[test]
    fn an_accent_is_used_where_it_is_readable() {
        for (wanted, light, dark) in [
            ("#1f4e8c", "#1f4e8c", DARK.accent),
            ("#ffe600", LIGHT.accent, "#ffe600"),
            ("#000000", "#000000", DARK.accent),
            ("#ffffff", LIGHT.accent, "#ffffff"),
            ("#777777", LIGHT.accent, DARK.accent),
            ("#c4006a", "#c4006a", DARK.accent),
            ("red", LIGHT.accent, DARK.accent),
            ("#12345", LIGHT.accent, DARK.accent),
            ("#000}*{x", LIGHT.accent, DARK.accent),
            ("#+1+1+1", LIGHT.accent, DARK.accent),
        ] {
            assert_eq!(accents(wanted), (light.to_owned(), dark.to_owned()), "{wanted}");
        }
    }

    #[test]
    fn every_text_colour_is_readable() {
        let light = ["#1b1f24", "#57606a", "#1a7f37", "#b42318", "#8a5a00", LIGHT.accent];
        let dark = ["#e8ecf1", "#a9b4c0", "#56d37e", "#ff9a8f", "#e3b341", DARK.accent];
        for (scheme, colors) in [(LIGHT, light), (DARK, dark)] {
            for color in colors {
                assert!(RULES.contains(color) || color == scheme.accent, "{color} is not in the style");
                for back in [scheme.page, scheme.card] {
                    assert!(contrast(color, back).unwrap() >= READABLE, "{color} on {back}");
                }
            }
        }
    }

    #[test]
    fn the_policy_names_the_hash_of_the_style() {
        // Taken with `printf %s "p{}" | openssl dgst -sha256 -binary | base64`.
        assert!(policy("p{}").contains("style-src 'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y=';"));
    }
}
