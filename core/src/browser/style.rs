//! The one style of all pages: the host's accent colour where it stays readable, and its hash for the policy.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

/// Text needs this contrast to its background (WCAG 2.2, success criterion 1.4.3).
const READABLE: f64 = 4.5;

/// Page and card of the two colour schemes, and the accent that is readable on both.
const LIGHT: Scheme = Scheme { page: "#f3f5f8", card: "#ffffff", accent: "#1f4e8c", ink: 0x00 };
const DARK: Scheme = Scheme { page: "#11161c", card: "#1b222b", accent: "#8ab4f0", ink: 0xff };

/// Everything but the colours that depend on the host. `--accent` is the colour of links and of the button, whose text has the
/// colour of the card; the pair was checked. The marks of the lists are drawn, as the policy loads no picture but the logo.
const RULES: &str = "\
:root{color-scheme:light dark;--text:#1b1f24;--muted:#57606a;--line:#d5dbe2;--good:#1a7f37;--bad:#b42318;--wait:#8a5a00;\
--shadow:0 1px 2px #1b1f240f,0 12px 32px #1b1f2414}\
@media(prefers-color-scheme:dark){:root{--text:#e8ecf1;--muted:#a9b4c0;--line:#364049;--good:#56d37e;--bad:#ff9a8f;--wait:#e3b341;\
--shadow:none}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;padding:3rem 1rem;background:var(--page);\
color:var(--text);font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}\
header,main{width:100%;max-width:36rem;overflow-wrap:anywhere}\
header{display:flex;align-items:center;gap:1rem;padding:0 .25rem 1.5rem;font-size:1.25rem;font-weight:600}\
header img{height:64px;width:auto;max-width:50%;border-radius:12px;object-fit:contain}\
header bdi{min-width:0}\
main{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:2rem;box-shadow:var(--shadow)}\
.mark{float:left;width:2.75rem;height:2.75rem;margin:0 1rem 0 0}\
.mark circle{fill:currentColor;fill-opacity:.1}\
.good{color:var(--good)}.bad{color:var(--bad)}.wait{color:var(--wait)}\
h1{display:flow-root;min-height:2.75rem;padding-top:.4375rem;font-size:1.5rem;line-height:1.25;margin:0 0 1rem;text-wrap:balance}\
h2{font-size:1rem;margin:1.75rem 0 .5rem}\
p{margin:.625rem 0;text-wrap:pretty}\
ul{list-style:none;margin:.5rem 0;padding:0}\
li{position:relative;margin:.75rem 0;padding-left:1.875rem}\
li::before{content:'';position:absolute;left:.375rem;top:.3125rem;width:.4375rem;height:.75rem;border:solid var(--good);\
border-width:0 2.5px 2.5px 0;transform:rotate(42deg)}\
.not li::before{left:.25rem;top:.6875rem;width:.75rem;height:0;border-color:var(--muted);border-width:0 0 2.5px;transform:none}\
dl{margin:1.25rem 0;padding:1rem 1.25rem;border:1px solid var(--line);border-radius:10px;background:var(--page)}\
dt{font-size:.875rem;color:var(--muted)}dd{margin:0 0 .75rem;font-weight:600}dd:last-child{margin-bottom:0}\
.plain{font-weight:400}.account{font-size:1.125rem}.account .plain{font-size:1rem;color:var(--muted)}\
li code{display:block}\
code{font:.8125em/1.5 ui-monospace,'Cascadia Mono',Menlo,Consolas,monospace;color:var(--muted)}\
a{color:var(--accent);text-underline-offset:.15em}\
.button{display:inline-block;margin-top:1.25rem;padding:.75rem 1.5rem;border-radius:10px;background:var(--accent);\
color:var(--card);font-weight:600;text-decoration:none}\
.button:hover{text-decoration:underline}\
a:focus-visible,textarea:focus-visible{outline:3px solid var(--accent);outline-offset:3px}\
.promise{margin-top:1.75rem;padding-top:1.25rem;border-top:1px solid var(--line)}\
label{display:block;font-weight:600;margin:1.25rem 0 .5rem}\
textarea{display:block;width:100%;min-height:13rem;padding:.875rem 1rem;border:1px solid var(--muted);border-radius:10px;\
background:var(--page);color:var(--text);font:inherit;font-size:.9375rem;resize:vertical;field-sizing:content}\
.support{margin-top:2rem;padding-top:1.25rem;border-top:1px solid var(--line);color:var(--muted);font-size:.875rem}\
.support h2{margin:0 0 .5rem;font-size:.875rem}\
.support dl{display:grid;grid-template-columns:max-content 1fr;gap:.125rem 1rem;margin:0;padding:0;border:0;background:none}\
.support dd{margin:0;font-weight:400}.support code{font-size:1em}\
@media(max-width:30rem){body{padding:1.25rem .75rem}main{padding:1.5rem 1.25rem}.button{display:block;text-align:center}}\
@media print{body{padding:0;background:none}main{border:0;box-shadow:none}.button{display:none}}\
@media(forced-colors:active){.button{border:1px solid}}";

struct Scheme {
    page: &'static str,
    card: &'static str,
    accent: &'static str,
    /// Towards which an accent moves until it is readable.
    ink: u8,
}

impl Scheme {
    /// The wanted colour, or the nearest of its shades that is readable; ours where that would be hardly the same colour.
    fn accent(&self, wanted: &str) -> String {
        if wanted.eq_ignore_ascii_case(LIGHT.accent) {
            return self.accent.to_owned();
        }
        let shades = (0..=60).step_by(5).filter_map(|percent| shade(wanted, self.ink, percent));
        shades.into_iter().find(|shade| self.is_readable(shade)).unwrap_or_else(|| self.accent.to_owned())
    }

    fn is_readable(&self, color: &str) -> bool {
        [self.page, self.card].into_iter().all(|back| contrast(color, back).is_some_and(|ratio| ratio >= READABLE))
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
    let [red, green, blue] = channels(color)?.map(linear);
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue)
}

/// The colour with so many percent of black (0) or white (255) in it.
fn shade(color: &str, ink: u8, percent: u32) -> Option<String> {
    let mix = |channel: u8| {
        let parts = u32::from(channel).saturating_mul(100_u32.saturating_sub(percent));
        parts.saturating_add(u32::from(ink).saturating_mul(percent)) / 100
    };
    let [red, green, blue] = channels(color)?.map(mix);
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}

fn channels(color: &str) -> Option<[u8; 3]> {
    let digits =
        color.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

fn linear(channel: u8) -> f64 {
    let share = f64::from(channel) / 255.0;
    if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("#4b3fbf", "#4b3fbf", "#8a82d5"),
            ("#ffe600", "#726700", "#ffe600"),
            ("#000000", "#000000", "#8c8c8c"),
            ("#ffffff", "#666666", "#ffffff"),
            ("#777777", "#6b6b6b", "#8b8b8b"),
            ("red", LIGHT.accent, DARK.accent),
            ("#12345", LIGHT.accent, DARK.accent),
            ("#000}*{x", LIGHT.accent, DARK.accent),
            ("#+1+1+1", LIGHT.accent, DARK.accent),
        ] {
            assert_eq!((LIGHT.accent(wanted).as_str(), DARK.accent(wanted).as_str()), (light, dark), "{wanted}");
        }
    }

    #[test]
    fn every_accent_becomes_readable() {
        for color in (0..0x100_0000_u32).step_by(4099) {
            let wanted = format!("#{color:06x}");
            assert!(LIGHT.is_readable(&LIGHT.accent(&wanted)) && DARK.is_readable(&DARK.accent(&wanted)), "{wanted}");
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
