//! Files of Python's `configparser` (without interpolation), as far as single-line values go.
//!
//! `[section]`, then `name = value` or `name: value`; lines that begin with `#` or `;` say nothing; a line that is indented deeper than
//! its name goes on with the value before, and is left out here. Names do not care about case. What stands in `[DEFAULT]` holds in
//! every section. A section or a name that is there twice is refused, as `configparser` refuses it.

use std::collections::BTreeMap;

const DEFAULT: &str = "DEFAULT";

/// A file, read.
#[derive(Default)]
pub(super) struct Ini<'a> {
    sections: BTreeMap<&'a str, BTreeMap<String, &'a str>>,
    /// Sections in the order of the file.
    order: Vec<&'a str>,
}

impl<'a> Ini<'a> {
    /// Reads `text`; says what is wrong where it is no such file.
    pub(super) fn parse(text: &'a str) -> std::result::Result<Self, &'static str> {
        let mut ini = Self::default();
        let (mut section, mut name_at): (Option<&str>, Option<usize>) = (None, None);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let content = line.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                continue;
            }
            let indent = line.len().saturating_sub(line.trim_start().len());
            if name_at.is_some_and(|name_at| indent > name_at) {
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')).map(|(name, _)| name) {
                ini.begin(name)?;
                (section, name_at) = (Some(name), None);
                continue;
            }
            let (name, value) = content.split_once(['=', ':']).ok_or("line")?;
            let options = section.and_then(|section| ini.sections.get_mut(section)).ok_or("line")?;
            if options.insert(name.trim().to_lowercase(), value.trim()).is_some() {
                return Err("name twice");
            }
            name_at = Some(indent);
        }
        Ok(ini)
    }

    /// The sections in the order of the file, without `[DEFAULT]`.
    pub(super) fn sections(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.order.iter().copied().filter(|name| *name != DEFAULT)
    }

    pub(super) fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    /// A value of a section or, where it has none, of `[DEFAULT]`. A section that is not there has none at all.
    pub(super) fn value(&self, section: &str, name: &str) -> Option<&'a str> {
        let options = self.sections.get(section)?;
        options.get(name).or_else(|| self.sections.get(DEFAULT)?.get(name)).copied()
    }

    fn begin(&mut self, name: &'a str) -> std::result::Result<(), &'static str> {
        if self.sections.insert(name, BTreeMap::new()).is_some() {
            return Err("section twice");
        }
        self.order.push(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_configparser_reads() {
        let text = "\u{feff}# a comment\n[DEFAULT]\nshared = all\n\n[a@b] ; tail\nToken_URL = https://x/y?a=b\nother: 1 = 2\n  \
                    goes on\n; note\nempty =\n[c]]\nx=[y]\n";
        let ini = Ini::parse(text).unwrap();
        assert_eq!(ini.sections().collect::<Vec<_>>(), ["a@b", "c]"]);
        assert_eq!(ini.value("a@b", "token_url"), Some("https://x/y?a=b"));
        assert_eq!((ini.value("a@b", "other"), ini.value("a@b", "empty")), (Some("1 = 2"), Some("")));
        assert_eq!((ini.value("c]", "shared"), ini.value("c]", "x")), (Some("all"), Some("[y]")));
        assert_eq!((ini.value("nobody", "shared"), ini.has("nobody"), ini.has("a@b")), (None, false, true));
    }

    #[test]
    fn what_configparser_refuses() {
        for (text, why) in [
            ("name = before any section", "line"),
            ("[a]\njust words", "line"),
            ("[a]\nx=1\nX=2", "name twice"),
            ("[a]\n[b]\n[a]", "section twice"),
        ] {
            assert_eq!(Ini::parse(text).err(), Some(why), "{text}");
        }
    }
}
